"""What an epoch costs behind a frozen trunk: its maps computed each time, or cached."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.trainings import Training, begin, take_turns
from mtcli.core.configfile import load_config

KINDS = ("classification", "detection")
FROZEN = ("train.freeze=[trunk]", "data.augment=[]")


def measure(config: Path, sets: Sequence[str]) -> list[dict[str, Any]]:
    """Three rows for the first task of each kind, alone: both ways, and the ratio.

    `s trained` are the updates of an epoch; `s/epoch` has validation too; both are medians
    without the first epoch. `s caching` is paid once a training.
    """
    tasks = load_config(config, sets).tasks
    rows: list[dict[str, Any]] = []
    for kind in KINDS:
        name = next((name for name, task in tasks.items() if task.kind == kind), None)
        if name is None:
            continue
        run = begin(config, [*sets, *FROZEN], [name])
        cached = begin(config, [*sets, *FROZEN, "train.cache_features=true"], [name])
        take_turns([run, cached])
        turns = zip(run.trained[1:], cached.trained[1:], strict=True)
        whole = zip(run.seconds[1:], cached.seconds[1:], strict=True)
        rows += [
            _row(f"{name}: trunk run", run),
            _row(f"{name}: cached", cached),
            {
                "": f"{name}: ratio, median of the turns",
                "s trained": statistics.median(a / b for a, b in turns),
                "s/epoch": statistics.median(a / b for a, b in whole),
                "s caching": None,
            },
        ]
    return rows


def _row(label: str, training: Training) -> dict[str, Any]:
    return {
        "": label,
        "s trained": statistics.median(training.trained[1:]),
        "s/epoch": training.median,
        "s caching": training.caching,
    }
