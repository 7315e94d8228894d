"""Each way of sharing a trunk, under the same budget: what it costs, and what comes of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.trainings import Training, begin, take_turns
from mtcli.core.assembly import assemble
from mtcli.core.configfile import load_config
from mtcli.core.sharing import SHARINGS

FIRST = "hard"
"""What the time of all others is compared with."""


def measure(
    config: Path, sets: Sequence[str], seeds: Sequence[int], tasks: Sequence[str] | None
) -> list[dict[str, Any]]:
    """A row for each way: parameters, multiply-adds, time of an update, the tasks' primary metrics.

    Times are of updates alone, epochs of all ways in turn, against plain sharing; metrics of the
    best epoch, the mean over the seeds and each.
    """
    names = [FIRST, *(name for name in SHARINGS.names() if name != FIRST)]
    done: dict[str, list[Training]] = {name: [] for name in names}
    for seed in seeds:
        trainings = {
            name: begin(config, [*sets, f"model.sharing={name}", f"train.seed={seed}"], tasks)
            for name in names
        }
        take_turns([*trainings.values()])
        for name, training in trainings.items():
            done[name].append(training)
            training.scratch.cleanup()
    base = _time(done[FIRST])
    rows = []
    for name, trainings_of in done.items():
        counted = _multiply_adds(config, [*sets, f"model.sharing={name}"], tasks)
        row: dict[str, Any] = {
            "sharing": name,
            "parameters": f"{trainings_of[0].parameters / 1e6:.2f} M",
            "multiply-adds": f"{counted:.2f} G",
            "time an update": f"{_time(trainings_of) / base:.2f}",
        }
        rows.append(row | _metrics(trainings_of))
    return rows


def _time(trainings: Sequence[Training]) -> float:
    """Seconds that an epoch's updates take; the first epoch of each warms up."""
    return statistics.median(
        seconds for training in trainings for seconds in training.trained[1:] or training.trained
    )


def _multiply_adds(config: Path, sets: Sequence[str], tasks: Sequence[str] | None) -> float:
    """Of one picture, in thousands of millions."""
    loaded = load_config(config, [*sets, "model.weights=null"], tasks)
    network = assemble(loaded).network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(network.blank(loaded.data.size))
    return float(counter.get_total_flops() / 2e9)


def _metrics(trainings: Sequence[Training]) -> dict[str, str]:
    found = {}
    for name in trainings[0].tasks:
        values = []
        for training in trainings:
            assert training.ended is not None
            result = training.ended.results[name]
            primary = next(iter(result.metrics))
            values.append(result.metrics[primary] or 0.0)
        each = ", ".join(f"{value:.3f}" for value in values)
        found[f"{name} {primary}"] = f"{statistics.mean(values):.3f} ({each})"
    return found
