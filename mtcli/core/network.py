"""The network: one trunk, one pyramid, a head for each task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mtcli.core.errors import ConfigError
from mtcli.core.features import level_stride
from mtcli.core.pyramid import build_pyramid
from mtcli.core.task import AnyTask
from mtcli.core.trunks import Trunk, build_trunk

Features = dict[str, dict[str, Tensor]]
"""For each task, the maps that it reads: `{task: {level: [N, C, H, W]}}`."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a network is built from, beside its tasks; plain values that a checkpoint keeps.

    Attributes:
        trunk: its name.
        pyramid: channels of the shared pyramid.
        drop_path: probability of dropping a residual branch of the trunk, in training.
    """

    trunk: str
    pyramid: int
    drop_path: float


class Heads(nn.Module):
    """The tasks' own layers by task name."""

    def __init__(self, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        # Not through add_module or ModuleDict, which refuse a task called `type` or `float`
        # since modules have methods of these names.
        self._modules.update(heads)

    def __getitem__(self, task: str) -> nn.Module:
        return dict(self.items())[task]

    def items(self) -> Iterator[tuple[str, nn.Module]]:
        """Each task's name and head."""
        for name, head in self._modules.items():
            assert head is not None
            yield name, head

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


class Network(nn.Module):
    """A trunk run once for the whole batch, and heads that read its maps.

    Tensor names are `trunk.*` (as the trunk's family publishes them), `pyramid.*` and
    `heads.TASK.*`.

    Attributes:
        levels: the maps that each task reads.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, trunk: Trunk, tasks: Mapping[str, AnyTask], pyramid: int) -> None:
        super().__init__()
        self.trunk = trunk.module
        self._extract = trunk.extract
        self.levels = {name: task.levels for name, task in tasks.items()}
        wanted = {level for levels in self.levels.values() for level in levels}
        self.pyramid = build_pyramid(trunk.specs, wanted, pyramid)
        specs = {**trunk.specs, **(self.pyramid.specs if self.pyramid else {})}
        self.heads = Heads(
            {
                name: task.head({level: specs[level] for level in task.levels})
                for name, task in tasks.items()
            }
        )
        self.stride = max(spec.stride for spec in trunk.specs.values())
        # Facts of the trunk, not weights: the checkpoint rebuilds them from its name.
        self.register_buffer("mean", _per_channel(trunk.mean), persistent=False)
        self.register_buffer("std", _per_channel(trunk.std), persistent=False)

    def encode(self, inputs: Mapping[str, Tensor]) -> Features:
        """Pictures `inputs["image"]` `[N, 3, H, W]` uint8 RGB to the maps that each task reads."""
        pixels = inputs["image"].to(torch.float32, memory_format=torch.channels_last) / 255
        maps = self._extract(self.trunk, (pixels - self.mean) / self.std)
        if self.pyramid is not None:
            maps = {**maps, **self.pyramid(maps)}
        return {
            task: {level: maps[level] for level in levels} for task, levels in self.levels.items()
        }

    def forward(
        self,
        inputs: Mapping[str, Tensor],
        rows: Mapping[str, Tensor] | None = None,
        targets: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """`encode`, then `heads`; see `Heads.forward`."""
        answers: dict[str, Any] = self.heads(self.encode(inputs), rows, targets)
        return answers

    def parameters_by_use(self) -> tuple[int, dict[str, int]]:
        """How many parameters all tasks share, and how many are each task's own."""
        shared = [*self.trunk.parameters()]
        if self.pyramid is not None:
            shared += self.pyramid.parameters()
        own = {task: _total(list(head.parameters())) for task, head in self.heads.items()}
        return _total(shared), own


def build_network(architecture: Architecture, tasks: Mapping[str, AnyTask]) -> Network:
    """A network with random weights, drawn from torch's global generator."""
    trunk = build_trunk(architecture.trunk, architecture.drop_path)
    return Network(trunk, tasks, architecture.pyramid)


def check_size(network: Network, trunk: str, size: tuple[int, int]) -> None:
    """See that the working size (height, width) fits the network, by one forward pass.

    Raises:
        ConfigError: a side is no multiple of the largest stride, where cells and pixels drift
            apart (the nearest sizes are named); or the trunk called `trunk` does not give maps
            of its strides at this size.
    """
    stride = network.stride
    if size[0] % stride or size[1] % stride:
        below = [max(stride, side // stride * stride) for side in size]
        above = [-(-side // stride) * stride for side in size]
        raise ConfigError(
            f"data.size: does not fit the trunk {trunk}",
            expected=f"height and width in multiples of {stride}",
            found=f"[{size[0]}, {size[1]}]",
            mend=f"the nearest sizes are {below} and {above}",
        )
    was_training = network.training
    try:
        with torch.no_grad():
            features = network.eval().encode({"image": torch.zeros(1, 3, *size, dtype=torch.uint8)})
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ConfigError(
            f"data.size: the trunk {trunk} does not take pictures of this size",
            expected="a trunk for any size",
            found=(str(error) or type(error).__name__).splitlines()[0],
        ) from None
    finally:
        network.train(was_training)
    for maps in features.values():
        for level, feature in maps.items():
            found, wanted = tuple(feature.shape[2:]), tuple(s // level_stride(level) for s in size)
            if found != wanted:
                raise ConfigError(
                    f"data.size: the trunk {trunk} gives {level} of another size than its stride",
                    expected=f"{wanted[0]} × {wanted[1]}",
                    found=f"{found[0]} × {found[1]}",
                    mend="choose another trunk or size",
                )


def _take(feature: Tensor, rows: Tensor) -> Tensor:
    """The rows of a map; the map itself where they are all of it, in order as they always are."""
    return feature if len(rows) == len(feature) else feature.index_select(0, rows)


def _per_channel(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values).reshape(1, -1, 1, 1)


def _total(parameters: list[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)
