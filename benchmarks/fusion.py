"""Several inputs through one trunk against the first alone, and what is left where one lacks."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.trainings import begin, take_turns
from mtcli.core.configfile import load_config
from mtcli.core.fusion import FUSIONS
from mtcli.core.opening import open_model
from mtcli.core.run import find_checkpoint
from mtcli.recipes.evaluate import measure as measured

DROPOUT = 0.3
"""How often each input but the first is left out in training, where any is."""


def measure(config: Path, sets: Sequence[str], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """A row for the first input alone and for each way of fusion, with and without input dropout.

    Each task's primary metric on val, with all inputs and without each but the first: the mean
    over the seeds, and each.
    """
    data = load_config(config, sets).data
    assert data.inputs is not None, "a config of several inputs"
    first, *others = data.inputs
    alone = (
        "data.inputs=null",
        f'data.images="{data.pictures}"',
        "model.fusion=null",
        "train.input_dropout=0",
    )
    rows = [_row(f"{first} alone", config, [*sets, *alone], seeds, ())]
    for name in FUSIONS.names():
        for share in (0.0, DROPOUT):
            left_out = ", ".join(f"{other}: {share}" for other in others)
            own = [*sets, f"model.fusion={name}", f"train.input_dropout={{{left_out}}}"]
            title = f"{name}, input dropout {share}" if share else name
            rows.append(_row(title, config, own, seeds, others))
            print(rows[-1], flush=True)
    return rows


def _row(
    title: str, config: Path, sets: Sequence[str], seeds: Sequence[int], others: Sequence[str]
) -> dict[str, Any]:
    found: dict[str, list[float]] = {}
    parameters = 0
    for seed in seeds:
        changes = [*sets, f"train.seed={seed}"]
        training = begin(config, changes)
        take_turns([training])
        parameters = training.parameters
        checkpoint = find_checkpoint(Path(training.scratch.name) / "run-0001")
        for lacking in (None, *others):
            values = _values(checkpoint, config, changes, lacking)
            said = "all inputs" if lacking is None else f"without {lacking}"
            for metric, value in values.items():
                found.setdefault(f"{metric}, {said}", []).append(value)
        training.scratch.cleanup()
    row: dict[str, Any] = {"": title, "parameters": f"{parameters / 1e6:.2f} M"}
    for column, numbers in found.items():
        each = ", ".join(f"{value:.3f}" for value in numbers)
        row[column] = f"{statistics.mean(numbers):.3f} ({each})"
    return row


def _values(
    checkpoint: Path, config: Path, sets: Sequence[str], lacking: str | None
) -> dict[str, float]:
    """Each task's primary metric on val."""
    loaded = load_config(config, sets)
    without = [] if lacking is None else [lacking]
    told = measured(open_model(checkpoint), loaded, "val", None, without=without)
    while True:
        try:
            next(told)
        except StopIteration as end:
            result = end.value
            break
    return {
        f"{name} {task.primary}": result.meters[name].compute()[task.primary] or 0.0
        for name, task in result.tasks.items()
    }
