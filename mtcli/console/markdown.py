"""An evaluation as Markdown: the summary that a pull request shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mtcli.console.gates import gate_words
from mtcli.console.text import chance, change, interval, number
from mtcli.core.baseline import Difference
from mtcli.core.events import EvaluationEnded
from mtcli.core.gates import Held, Verdict


def markdown(ended: EvaluationEnded, held: Held) -> str:
    """The whole text: a heading, the gates, a row a metric, and what else there is to say."""
    without = f" without {', '.join(ended.without)}" if ended.without else ""
    labelled = (f"{name} {result.labelled} labelled" for name, result in ended.tasks.items())
    parts = [
        f"### {_verdict(held.verdicts)}: {_code(ended.checkpoint)}",
        f"{ended.images} pictures of {ended.split}{without}, {', '.join(labelled)}",
    ]
    if held.verdicts:
        rows = [_gate(verdict) for verdict in held.verdicts]
        parts.append(_table(["gate", "condition", "result", ""], rows))
    parts.append(_metrics(ended, held))
    if held.baseline is not None:
        remarks = [f"- {remark}" for remark in held.remarks]
        parts.append("\n".join([f"Baseline: {_code(held.baseline)}", *remarks]))
    if ended.confidence is not None:
        drawn = f"{ended.confidence.resamples} samples of the pictures, drawn with replacement"
        parts.append(f"Intervals: {drawn}.")
    return "\n\n".join(parts) + "\n"


def _metrics(ended: EvaluationEnded, held: Held) -> str:
    """A row a metric, with its interval and what it was before, where they were asked for."""
    sure, compared = ended.confidence, held.baseline is not None
    heads = ["task", "metric", "value"]
    heads += [] if sure is None else [f"{sure.level:g} % interval"]
    heads += ["baseline", "change"] if compared else []
    told = {(one.task, one.metric): one for one in held.differences}
    rows = []
    for name, result in ended.tasks.items():
        for metric, value in result.metrics.items():
            row = ["", metric, number(value)]
            if metric == result.primary:
                row = [f"**{cell}**" for cell in (name, *row[1:])]
            if sure is not None:
                row.append(interval(result.intervals.get(metric)))
            rows.append(row + (_compared(told.get((name, metric))) if compared else []))
    return _table(heads, rows, right=heads[2:])


def _verdict(verdicts: Sequence[Verdict]) -> str:
    missed = sum(not verdict.met for verdict in verdicts)
    if not verdicts:
        return "Evaluation"
    if missed == len(verdicts) == 1:
        return "❌ gate missed"
    if missed:
        return f"❌ {missed} of {len(verdicts)} gates missed"
    return (
        "✅ gate met" if len(verdicts) == 1 else f"✅ {len(verdicts)} of {len(verdicts)} gates met"
    )


def _gate(verdict: Verdict) -> list[str]:
    name, condition, decides = gate_words(verdict)
    return [name, condition, "✅ met" if verdict.met else "❌ **missed**", decides]


def _compared(difference: Difference | None) -> list[str]:
    if difference is None:
        return ["", ""]
    moved = change(difference.change)
    words = chance(difference.outside_chance)
    return [number(difference.before), f"{moved}, {words} chance" if moved and words else moved]


def _code(path: Path) -> str:
    """A path as code; without the marks that would end it."""
    return f"`{str(path).replace('`', '')}`"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> str:
    rule = ["---:" if head in right else "---" for head in heads]
    lines = [heads, rule, *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
