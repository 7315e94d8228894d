"""Gates on the screen and as plain values: each with its number, and whether it is met."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from mtcli.console.output import Output
from mtcli.core.gates import NOISE, Held, Verdict


def show_held(output: Output, held: Held) -> None:
    """The gates below the end of a training, and what makes a comparison less than fair."""
    for remark in held.remarks:
        output.note(remark)
    show_gates(output, held.verdicts, aside=True)


def show_gates(output: Output, verdicts: Sequence[Verdict], aside: bool = False) -> None:
    """A line a gate, on stdout.

    Where stdout belongs to a program they go to stderr: with --json, and with --quiet beside a
    result that is one line (`aside`); with --quiet only those that are missed.
    """
    if output.as_json or (output.quiet and aside):
        missed = [verdict for verdict in verdicts if not verdict.met]
        _print(output.talk, missed if output.quiet else verdicts)
    else:
        _print(output.result, verdicts)


def gate_words(verdict: Verdict) -> tuple[str, str, str]:
    """What is measured, its condition, and the number that decides."""
    gate = verdict.gate
    if gate.option == "max-drop":
        worse = "drop" if gate.better == "max" else "rise"
        return gate.name, f"{worse} ≤ {gate.bound:g}", _moved(verdict)
    return gate.name, f"{'≥' if gate.better == 'max' else '≤'} {_bound(gate.bound)}", _came(verdict)


def held_json(held: Held) -> dict[str, Any]:
    """Gates and differences as plain values; nothing where nothing was asked."""
    found: dict[str, Any] = {}
    if held.baseline is not None:
        tasks: dict[str, Any] = {}
        for one in held.differences:
            tasks.setdefault(one.task, {})[one.metric] = {
                "before": one.before,
                "after": one.after,
                "change": one.change,
                "outside_chance": one.outside_chance,
            }
        found["baseline"] = {"file": str(held.baseline), "tasks": tasks}
        found["baseline"]["remarks"] = list(held.remarks)
    if held.verdicts:
        found["gates"] = [_gate_json(verdict) for verdict in held.verdicts]
    return found


def _gate_json(verdict: Verdict) -> dict[str, Any]:
    gate = verdict.gate
    row: dict[str, Any] = {"gate": gate.option, "metric": gate.name, "bound": gate.bound}
    row |= {"value": verdict.value, "met": verdict.met}
    if gate.option == "max-drop":
        row |= {"baseline": gate.before, "drop": verdict.drop}
    return row


def _print(console: Console, verdicts: Sequence[Verdict]) -> None:
    words = [gate_words(verdict) for verdict in verdicts]
    names, conditions = (max((len(word[n]) for word in words), default=0) for n in (0, 1))
    labels = ["met:" if verdict.met else "missed:" for verdict in verdicts]
    widest = max(map(len, labels), default=0)
    for verdict, label, (name, condition, number) in zip(verdicts, labels, words, strict=True):
        line = Text(f"gate  {name:{names}}  {condition:{conditions}}   ")
        line.append(label, style="" if verdict.met else "bad")
        console.print(line.append(f"{' ' * (widest - len(label))} {number}"), soft_wrap=True)


def _bound(bound: float) -> str:
    """As it was typed, but with two decimals at least where it has any."""
    text = f"{bound:.10g}"
    return f"{bound:.2f}" if float(f"{bound:.2f}") == bound and "." in text else text


def _came(verdict: Verdict) -> str:
    """The metric, in as many decimals as tell on which side of its bound it is."""
    value, bound = verdict.value, verdict.gate.bound
    if value is None:
        return "undefined, there is nothing to measure"
    if verdict.met:
        return f"{value:.3f}"
    tried = (f"{value:.{decimals}f}" for decimals in range(3, 10))
    below = value < bound
    told = (text for text in tried if float(text) != bound and (float(text) < bound) == below)
    return next(told, repr(value))


def _moved(verdict: Verdict) -> str:
    """Where a metric went, in as many decimals as tell on which side of the gate it is."""
    gate, drop = verdict.gate, verdict.drop
    if drop is None or gate.before is None or verdict.value is None:
        return "no number to compare"
    change = verdict.value - gate.before
    if abs(change) <= NOISE:
        return "unchanged"
    size = abs(change)
    sign = 1 if drop > 0 else -1
    tried = (f"{size:.{decimals}f}" for decimals in range(3, 7))
    told = (
        text for text in tried if float(text) and (sign * float(text) > gate.bound) != verdict.met
    )
    way = "rose" if change > 0 else "fell"
    # That the metric went up is good news is only plain where higher is better.
    news = "" if gate.better == "max" else ", better" if drop < 0 else ", worse"
    return f"{way} by {next(told, f'{size:.6f}')}{news}"
