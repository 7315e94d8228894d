"""What each mixing policy does to each task: its turns in an epoch, and what it has learnt."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.trainings import begin
from mtcli.core.configfile import load_config
from mtcli.recipes.plan import plan

POLICIES = (
    "joint",
    "proportional",
    "{temperature: {T: 2}}",
    "uniform",
    "round_robin",
)


def measure(config: Path, sets: Sequence[str], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """A row a policy; all train the same number of updates, where `train.epoch_length` says it."""
    rows = []
    for policy in POLICIES:
        changes = [*sets, f"train.mixing={policy}"]
        planned = plan(load_config(config, changes)).epochs[0]
        row: dict[str, Any] = {"policy": policy.strip("{}").replace("{", "")}
        for name, task in planned.tasks.items():
            row[f"{name}: labels an epoch"] = task.labels
            row[f"{name}: each picture"] = f"{task.passes:.2f} ×"
        found: dict[str, list[float]] = {}
        for seed in seeds:
            training = begin(config, [*changes, f"train.seed={seed}"])
            while training.epoch():
                pass
            assert training.ended is not None
            for name, result in training.ended.results.items():
                value = result.metrics[result.primary]
                assert value is not None
                found.setdefault(f"{name} {result.primary}", []).append(value)
        for key, values in found.items():
            row[key] = statistics.fmean(values)
            row[f"{key} ±"] = statistics.stdev(values) if len(values) > 1 else None
        rows.append(row)
    return rows
