"""What an epoch costs beyond its arithmetic: the recipe against the same steps on ready tensors."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.trainings import begin
from mtcli.core import events
from mtcli.core.architecture import trunk_rates, trunks_of
from mtcli.core.assembly import assemble
from mtcli.core.configfile import load_config
from mtcli.core.data.augment import Augment
from mtcli.core.data.dataset import Collate, RecordDataset
from mtcli.core.data.loader import load_batches
from mtcli.core.losses import add_gradients
from mtcli.core.mixing.build import build_mixing
from mtcli.core.runtime import choose_runtime
from mtcli.core.training_state import TrainingState


class ReadySteps:
    """The updates of one epoch on batches that lie decoded and augmented in memory."""

    def __init__(self, config_path: Path, sets: Sequence[str]) -> None:
        config = load_config(config_path, sets)
        settings, data = config.train, config.data
        self.runtime = choose_runtime(settings.device, settings.precision)
        assembly = assemble(config)
        self.tasks = assembly.model.tasks
        self.weights = {name: task.weight for name, task in config.tasks.items()}
        self.state = TrainingState(
            self.runtime.place(assembly.network),
            assembly.model,
            settings,
            trunk_rates(
                settings,
                trunks_of(config.model, config.tasks),
                assembly.network.parts,
                assembly.copied,
            ),
            assembly.copied,
            self.runtime,
            "",
        )
        self.state.network.train()
        records = assembly.records["train"]
        mixing = build_mixing(settings, config.tasks, records)
        augment = Augment(data.augment, data.size)
        dataset = RecordDataset(records, self.tasks, data.size, data.resize, augment)
        collate = Collate(self.tasks, data.size, with_targets=True)
        draws = lambda: mixing.batches(1, 1, 0)
        batches = load_batches(dataset, collate, draws, 0, self.runtime.device)
        self.updates = [[next(batches) for _ in update] for update in mixing.epoch(1)]

    def epoch(self) -> float:
        """Seconds that one pass takes."""
        state = self.state
        began = time.monotonic()
        for group in self.updates:
            add_gradients(
                state.network, self.tasks, self.weights, group, self.runtime, state.scaler
            )
            state.update()
        if self.runtime.device.type == "cuda":
            torch.cuda.synchronize(self.runtime.device)
        return time.monotonic() - began


def measure(config: Path, sets: Sequence[str], epochs: int) -> list[dict[str, Any]]:
    """Medians over epochs that take turns; validation is not part of either."""
    whole: list[float] = []
    ready: list[float] = []
    steps = ReadySteps(config, sets)
    training = begin(config, [*sets, f"train.epochs={epochs}"])
    pictures = sum(len(batch.keys) for group in steps.updates for batch in group)
    for event in training.told:
        if isinstance(event, events.EpochEnded):
            whole.append(pictures / event.pictures_per_second)
            ready.append(steps.epoch())
    whole, ready = whole[1:], ready[1:]  # the first of each warms up
    ratio = statistics.median(a / b for a, b in zip(whole, ready, strict=True))
    return [
        {"": "whole epoch", "s/epoch": statistics.median(whole)},
        {"": "ready tensors", "s/epoch": statistics.median(ready)},
        {"": "ratio, median of the turns", "s/epoch": ratio},
    ]
