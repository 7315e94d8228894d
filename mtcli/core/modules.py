"""What a network is put together from beside trunks and pyramids: modules by name, the heads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Features = dict[str, dict[str, Tensor]]
"""For each task, the maps that it reads: `{task: {level: [N, C, H, W]}}`."""


HIDDEN = "@"
"""Stands before a module's name that no attribute may have; no task's name begins so."""


def hidden(name: str) -> str:
    """A name for what a module has, such that no member of `nn.Module` is called so."""
    return f"{HIDDEN}{name}" if hasattr(nn.Module, name) else name


class Named(nn.Module):
    """Modules by name; any name, also one that `nn.ModuleDict` refuses, as `type` and `float`."""

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self._modules.update(modules)

    def __getitem__(self, name: str) -> nn.Module:
        return dict(self.items())[name]

    def items(self) -> Iterator[tuple[str, nn.Module]]:
        """Each name and module."""
        for name, module in self._modules.items():
            assert module is not None
            yield name.removeprefix(HIDDEN), module

    def hide_clashes(self) -> None:
        """Call what has the name of a member of `nn.Module` otherwise, but for `items`.

        Tracing asks for modules as attributes, and would get that member.
        """
        modules = dict(self.items())
        self._modules.clear()
        for name, module in modules.items():
            self._modules[hidden(name)] = module


class Heads(Named):
    """The tasks' own layers by task name."""

    def forward(
        self,
        features: Features,
        rows: Mapping[str, Tensor] | None = None,
        targets: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Run each task's head on the rows of the batch that are its own.

        Args:
            features: what `Network.encode` gave.
            rows: for each task to run, its rows `[R]` int64; None runs all tasks on all rows.
                A task without a row is left out, and its layers get no gradient.
            targets: collated targets of the tasks, for heads that sample with them.

        Returns:
            The head's answer for each task that ran.
        """
        answers = {}
        for task, head in self.items():
            own = features[task]
            if rows is not None:
                if task not in rows or len(rows[task]) == 0:
                    continue
                own = {level: _take(feature, rows[task]) for level, feature in own.items()}
            answers[task] = head(own, targets[task] if targets else None)
        return answers


class Normalise(nn.Module):
    """Pixels as a trunk was trained to see them; a measured map as a grey picture."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        # Facts of the trunk, not weights: the checkpoint rebuilds them from its name.
        self.register_buffer("mean", _per_channel(mean), persistent=False)
        self.register_buffer("std", _per_channel(std), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Pictures `[N, 3, H, W]` uint8, or maps `[N, 1, H, W]` float32 in [0, 1], to float32.

        In channels-last order, which convolutions like best. The mean and deviation of a map's one
        channel are the means of those of the three.
        """
        pixels = image.to(torch.float32, memory_format=torch.channels_last)
        if image.is_floating_point():
            return (pixels - self.mean.mean()) / self.std.mean()
        return (pixels / 255 - self.mean) / self.std


def _take(feature: Tensor, rows: Tensor) -> Tensor:
    """The rows of a map; the map itself where they are all of it, in order as they always are."""
    return feature if len(rows) == len(feature) else feature.index_select(0, rows)


def _per_channel(values: Sequence[float]) -> Tensor:
    return torch.tensor(values).reshape(1, -1, 1, 1)
