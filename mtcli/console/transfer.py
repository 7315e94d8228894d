"""A transfer on the screen: the plan of what moves, and what the old tasks have come to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mtcli.console.output import Output
from mtcli.console.text import change, number
from mtcli.core.transfer.events import Compared, TensorPlan, TransferPlanned

FATES = ("copied", "adapted", "fresh", "left")


def show_plan(output: Output, plan: TransferPlanned, every: bool) -> None:
    """Where weights come from, and a row for each part; or for every tensor."""
    if output.quiet:
        return
    talk = output.talk
    sources = " + ".join(source_name(source) for source in plan.sources)
    freeze = f"   (freeze {', '.join(plan.freeze)})" if plan.freeze else ""
    talk.print(
        f"[name]transfer[/name]  {escape(sources)}  →  {', '.join(plan.tasks)}{escape(freeze)}",
        soft_wrap=True,
    )
    talk.print(_tensors(plan.tensors) if every else _parts(plan.tensors))
    if not every:
        talk.print(" [quiet]--verbose lists every tensor[/quiet]")


def plan_line(plan: TransferPlanned) -> str:
    """The plan in one line."""
    counts = {fate: sum(row.fate == fate for row in plan.tensors) for fate in FATES}
    said = ", ".join(f"{count} {fate}" for fate, count in counts.items() if count)
    return f"weights of {' + '.join(source_name(s) for s in plan.sources)}: {said}"


def plan_json(plan: TransferPlanned) -> dict[str, Any]:
    """The plan as plain values: every tensor."""
    return {
        "sources": list(plan.sources),
        "tasks": list(plan.tasks),
        "freeze": list(plan.freeze),
        "tensors": [
            {
                "tensor": row.tensor,
                "fate": row.fate,
                "why": row.why or None,
                "shape": list(row.shape),
                "frozen": row.frozen,
            }
            for row in plan.tensors
        ],
    }


def show_compared(output: Output, compared: Compared) -> None:
    """The old tasks before and after, and which gate was missed."""
    out = output.result
    table = Table(box=None, pad_edge=False, header_style="quiet", padding=(0, 2, 0, 0))
    table.add_column(" kept")
    for title in ("primary", "before", "after", "change"):
        table.add_column(title)
    for name, kept in compared.tasks.items():
        moved = None
        if kept.before is not None and kept.after is not None:
            moved = kept.after - kept.before
        style = "good" if kept.drop is not None and kept.drop < -0.0005 else "quiet"
        table.add_row(
            f" {escape(name)}",
            kept.primary,
            number(kept.before),
            f"[name]{number(kept.after)}[/name]",
            Text(change(moved), style=style),
        )
    out.print(table)
    for name, kept in compared.tasks.items():
        if compared.allowed is not None:
            missed = name in compared.missed
            said = "[bad]missed[/bad]" if missed else "met"
            fall = "unknown" if kept.drop is None else f"{kept.drop:.3f}"
            out.print(
                f"gate  {name}.{kept.primary}  drop ≤ {compared.allowed:g}   {said}: {fall}",
                soft_wrap=True,
            )


def compared_json(compared: Compared) -> dict[str, Any]:
    """The comparison as plain values."""
    return {
        "max_drop": compared.allowed,
        "missed": list(compared.missed),
        "tasks": {
            name: {
                "primary": kept.primary,
                "before": kept.before,
                "after": kept.after,
                "drop": kept.drop,
            }
            for name, kept in compared.tasks.items()
        },
    }


def source_name(source: str) -> str:
    """An origin as a person calls it: a run by its folder, a weight file by its name."""
    path = Path(source)
    if not path.is_absolute():
        return source
    if path.parent.name != "checkpoints":
        return path.name
    near = os.path.relpath(path.parent.parent)
    return path.parent.parent.name if near.startswith("..") else near


def _parts(tensors: Sequence[TensorPlan]) -> Table:
    """A row for each part of the network, or of a head where its tensors fare differently."""
    table = Table(box=None, pad_edge=False, header_style="quiet", padding=(0, 2, 0, 0))
    table.add_column(" part")
    for title in ("tensors", *FATES, "frozen"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("")
    for part, rows in _grouped(tensors).items():
        counts = [sum(row.fate == fate for row in rows) for fate in FATES]
        frozen = sum(row.frozen for row in rows)
        reasons = dict.fromkeys(row.why for row in rows if row.why and not _counter(row))
        why = next(iter(reasons), "")
        more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        cells = [str(count) if count else "–" for count in (*counts, frozen)]
        table.add_row(Text(f" {part}"), str(len(rows)), *cells, Text(why + more, style="quiet"))
    return table


def _grouped(tensors: Sequence[TensorPlan]) -> Mapping[str, list[TensorPlan]]:
    """By part; a head whose tensors do not all fare alike, by the module in it."""
    parts: dict[str, list[TensorPlan]] = {}
    for row in tensors:
        parts.setdefault(_part(row.tensor), []).append(row)
    found: dict[str, list[TensorPlan]] = {}
    for part, rows in parts.items():
        alike = len({(row.fate, row.why) for row in rows}) == 1
        if alike or not part.startswith("heads."):
            found.setdefault(f"{part}.*", []).extend(rows)
            continue
        for row in rows:
            module = row.tensor.rpartition(".")[0]
            inner = ".".join(module.split(".")[:3])
            found.setdefault(f"{inner}", []).append(row)
    return found


def _part(tensor: str) -> str:
    words = tensor.split(".")
    return ".".join(words[: 2 if words[0] in ("heads", "trunks", "pyramids") else 1])


def _tensors(tensors: Sequence[TensorPlan]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="quiet", padding=(0, 2, 0, 0))
    for title in (" tensor", "shape", "fate", "", ""):
        table.add_column(title)
    for row in tensors:
        shape = "×".join(map(str, row.shape)) or "1"
        frozen = "frozen" if row.frozen else ""
        table.add_row(Text(f" {row.tensor}"), shape, row.fate, frozen, Text(row.why, style="quiet"))
    return table


def _counter(row: TensorPlan) -> bool:
    return row.why.startswith("a counter")
