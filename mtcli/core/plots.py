"""Learning curves and confusion matrices as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from mtcli.core.errors import SaveError


def plot_curves(history: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """`curves.png`: a row a task, its training loss and its metrics over the epochs.

    Args:
        history: the events of a run, of which those of epochs are drawn.
        folder: made if it is not there.
    """
    epochs = [event for event in history if event["event"] == "epoch"]
    if not epochs:
        return
    names = list(epochs[-1]["metrics"])
    x = [event["epoch"] for event in epochs]
    figure, axes = _figure(len(names), 2, (9.0, 2.8 * len(names)))
    for (left, right), name in zip(axes, names, strict=True):
        left.plot(x, [event["losses"].get(name) for event in epochs], color="#0072B2")
        left.set_ylabel(f"{name}: training loss")
        left.set_ylim(bottom=0)
        for metric in epochs[-1]["metrics"][name]:
            values = [event["metrics"][name][metric] for event in epochs]
            points = [float("nan") if value is None else value for value in values]
            right.plot(x, points, label=metric)
        right.set_ylabel(f"{name}: validation")
        right.legend(fontsize=8, frameon=False)
        for axis in (left, right):
            axis.set_xlabel("epoch")
            axis.grid(alpha=0.25)
            axis.xaxis.get_major_locator().set_params(integer=True)
    _save(figure, folder / "curves.png")


def plot_confusion(task: str, classes: Sequence[str], matrix: Tensor, folder: Path) -> None:
    """`confusion-TASK.png`: counts `[K, K]`, coloured by the share of the true class."""
    counts = matrix.double()
    shares = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    side = min(2.2 + 0.55 * len(classes), 14.0)
    figure, axes = _figure(1, 1, (side + 0.6, side))
    axis = axes[0][0]
    picture = axis.imshow(shares.numpy(), vmin=0, vmax=1, cmap="Blues")
    figure.colorbar(picture, ax=axis, fraction=0.046, label="share of the true class")
    if len(classes) <= 60:  # more would lie upon each other
        axis.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
        axis.set_yticks(range(len(classes)), classes)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    axis.set_title(task, fontsize=10)
    if len(classes) <= 30:
        for row, column in ((r, c) for r in range(len(classes)) for c in range(len(classes))):
            ink = "white" if shares[row, column] > 0.6 else "black"
            number = int(matrix[row, column])
            axis.text(column, row, number, ha="center", va="center", color=ink, fontsize=9)
    _save(figure, folder / f"confusion-{task}.png")


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    # Figure alone, without pyplot: no window system, no global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _save(figure: Any, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120, bbox_inches="tight")
    except OSError as error:
        raise SaveError(f"cannot write: {error.strerror}", where=path) from None
