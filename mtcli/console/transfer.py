"""A transfer on the screen: the plan of what moves, and what the old tasks have come to."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mtcli.console.gates import show_gates
from mtcli.console.output import Output
from mtcli.console.tables import print_rows
from mtcli.console.text import change, number, until
from mtcli.core.transfer.events import Compared, TensorPlan, TransferPlanned
from mtcli.core.transfer.rows import part_of

FATES = ("copied", "adapted", "published", "fresh", "left")


def show_plan(output: Output, plan: TransferPlanned, every: bool) -> None:
    """Where weights come from, and a row for each part; or for every tensor."""
    if output.quiet:
        return
    talk = output.talk
    sources = " + ".join(source_name(source) for source in plan.sources)
    thawed = [f"{part}@{epoch}" for part, epoch in plan.unfreeze.items()]
    settings = {"freeze": plan.freeze, "unfreeze": thawed}
    said = "; ".join(f"{key} {', '.join(words)}" for key, words in settings.items() if words)
    freeze = f"   ({said})" if said else ""
    talk.print(
        f"[name]transfer[/name]  {escape(sources)}  →  {', '.join(plan.tasks)}{escape(freeze)}",
        soft_wrap=True,
    )
    (_show_tensors if every else _show_parts)(talk, plan)
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
        "unfreeze": dict(plan.unfreeze),
        "tensors": [
            {
                "tensor": row.tensor,
                "fate": row.fate,
                "why": row.why or None,
                "origin": list(row.origins),
                "shape": list(row.shape),
                "frozen": row.frozen,
                "until": row.until,
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
        style = "good" if kept.drop is not None and kept.drop < -0.0005 else "quiet"
        table.add_row(
            f" {escape(name)}",
            kept.primary,
            number(kept.before),
            f"[name]{number(kept.after)}[/name]",
            Text(change(kept.change), style=style),
        )
    out.print(table)
    show_gates(output, compared.verdicts)


def compared_json(compared: Compared) -> dict[str, Any]:
    """The comparison as plain values."""
    return {
        "max_drop": compared.allowed,
        "missed": list(compared.missed),
        "tasks": {
            name: {
                "primary": kept.primary,
                "better": kept.better,
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


def _show_parts(talk: Console, plan: TransferPlanned) -> None:
    """A row for each part of the network, or of a head where its tensors fare differently.

    A fate that no tensor has gets no column, so that more room is left for the reasons.
    """
    had = {row.fate for row in plan.tensors}
    fates = [fate for fate in FATES if fate in had]
    numbers = ["tensors", *fates, "frozen"]
    lines = []
    for part, rows in _grouped(plan.tensors).items():
        counts = [sum(row.fate == fate for row in rows) for fate in fates]
        cells = [str(count) if count else "–" for count in counts]
        reasons = [*dict.fromkeys(filter(None, (_reason(row, plan) for row in rows)))]
        more = f" and {len(reasons) - 2} more" if len(reasons) > 2 else ""
        why = "; ".join(reasons[:2]) + more
        lines.append([f" {part}", str(len(rows)), *cells, _frozen(rows), why])
    print_rows(talk, [" part", *numbers, ""], lines, numbers)


def _frozen(rows: Sequence[TensorPlan]) -> str:
    """How many of some tensors are frozen, and until when."""
    count = sum(row.frozen for row in rows)
    ends = Counter(row.until for row in rows if row.until is not None)
    return f"{count}{until(ends, count)}" if count else "–"


def _grouped(tensors: Sequence[TensorPlan]) -> Mapping[str, list[TensorPlan]]:
    """By part; a head whose tensors do not all fare alike, by the module in it."""
    parts: dict[str, list[TensorPlan]] = {}
    for row in tensors:
        parts.setdefault(part_of(row.tensor), []).append(row)
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


def _show_tensors(talk: Console, plan: TransferPlanned) -> None:
    """A row for each tensor."""
    lines = []
    for row in plan.tensors:
        shape = "×".join(map(str, row.shape)) or "1"
        frozen = f"frozen{until({row.until: 1}, 1)}" if row.until else "frozen"
        told = frozen if row.frozen else ""
        lines.append([f" {row.tensor}", shape, row.fate, told, _reason(row, plan)])
    print_rows(talk, [" tensor", "shape", "fate", "", ""], lines)


def _reason(row: TensorPlan, plan: TransferPlanned) -> str:
    """Why, and of which origin that is said where there are several."""
    if len(plan.sources) == 1 or len(row.origins) != 1:
        return row.why
    name = source_name(row.origins[0])
    said = f"from {name}" if row.fate in ("copied", "adapted") else name
    return ": ".join(filter(None, (said, row.why)))
