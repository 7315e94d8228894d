"""What epochs will draw, on the screen."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from mtcli.console.output import Output
from mtcli.core.mixing.events import EpochPlan, Planned


def show_plan(output: Output, name: str, planned: Planned) -> None:
    """A table for each stage."""
    result = output.result
    result.print(
        f"[name]{escape(name)}[/name] · {planned.pictures} train pictures · "
        f"batches of {planned.batch_size}",
        soft_wrap=True,
    )
    for epoch in planned.epochs:
        span = str(epoch.first) if epoch.first == epoch.last else f"{epoch.first}–{epoch.last}"
        frozen = f" · frozen: {escape(', '.join(epoch.frozen))}" if epoch.frozen else ""
        result.print(
            f"epoch {span} · [accent]{epoch.mixing}[/accent] · {epoch.updates} updates, "
            f"{epoch.batches} batches, {epoch.pictures} pictures ({epoch.different} different)"
            f"{frozen}",
            soft_wrap=True,
        )
        table = Table(box=None, pad_edge=False, header_style="quiet", padding=(0, 2, 0, 0))
        table.add_column(" task", no_wrap=True)
        for heading in ("labelled", "batches", "labels drawn", "each picture"):
            table.add_column(heading, justify="right")
        for task, own in epoch.tasks.items():
            times = f"{own.passes:.2f} ×"
            table.add_row(f" {task}", str(own.pictures), str(own.batches), str(own.labels), times)
        result.print(table)


def plan_json(planned: Planned) -> dict[str, Any]:
    """A plan as plain values."""
    return {
        "pictures": planned.pictures,
        "batch_size": planned.batch_size,
        "epochs": [_epoch_json(epoch) for epoch in planned.epochs],
    }


def _epoch_json(epoch: EpochPlan) -> dict[str, Any]:
    return {
        "epochs": [epoch.first, epoch.last],
        "mixing": epoch.mixing,
        "learn": list(epoch.learn),
        "frozen": list(epoch.frozen),
        "updates": epoch.updates,
        "batches": epoch.batches,
        "pictures": epoch.pictures,
        "different": epoch.different,
        "tasks": {
            task: {
                "pictures": own.pictures,
                "batches": own.batches,
                "labels": own.labels,
                "passes": own.passes,
            }
            for task, own in epoch.tasks.items()
        },
    }
