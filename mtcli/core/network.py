"""The network: one trunk, one pyramid, a head for each task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from mtcli.core.errors import ConfigError
from mtcli.core.features import FeatureSpec, level_stride
from mtcli.core.modules import Features, Heads, Named, Normalise
from mtcli.core.pyramid import Pyramid, build_pyramid
from mtcli.core.task import AnyTask
from mtcli.core.trunks import Trunk, build_trunk

MAIN = ""
"""The key of the trunk that tasks share unless they name another."""


@dataclass(frozen=True, slots=True)
class SideTrunk:
    """A trunk beside the main one: its name, and its probability of dropping a branch."""

    trunk: str
    drop_path: float = 0.0


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a network is built from, beside its tasks; plain values that a checkpoint keeps.

    Attributes:
        trunk: the main one's name.
        pyramid: channels of the shared pyramid.
        drop_path: probability of dropping a residual branch of the trunk, in training.
        pyramid_norm: `batch` for a BatchNorm behind each of the pyramid's convolutions.
        pyramid_top: the map that `p6` is made from, `p5` or `c5`.
        trunks: those beside the main one, by key.
        uses: the key of the trunk of each task that does not use the main one.
    """

    trunk: str
    pyramid: int
    drop_path: float
    pyramid_norm: str | None = None
    pyramid_top: str = "p5"
    trunks: Mapping[str, SideTrunk] = field(default_factory=dict)
    uses: Mapping[str, str] = field(default_factory=dict)


class Network(nn.Module):
    """Trunks run once each for the whole batch, and heads that read their maps.

    Tensor names are `trunk.*` (as the trunk's family publishes them), `pyramid.*` and
    `heads.TASK.*`; of a trunk beside the main one `trunks.KEY.*` and `pyramids.KEY.*`.

    Args:
        trunks: by key, the main one under `MAIN`.
        tasks: by name.
        uses: the key of each task's trunk.
        pyramid: makes the pyramid on a trunk's maps down to the finest of some levels.

    Attributes:
        levels: the maps that each task reads.
        uses: the key of each task's trunk.
        strides: of each trunk by its key, the largest of its maps and of its pyramid's.
        stride: the input's sides are multiples of it.
    """

    def __init__(
        self,
        trunks: Mapping[str, Trunk],
        tasks: Mapping[str, AnyTask],
        uses: Mapping[str, str],
        pyramid: Callable[[Mapping[str, FeatureSpec], set[str]], Pyramid | None],
    ) -> None:
        super().__init__()
        self._extracts = {key: trunk.extract for key, trunk in trunks.items()}
        self.levels = {name: task.levels for name, task in tasks.items()}
        self.uses = dict(uses)
        specs: dict[str, dict[str, FeatureSpec]] = {}
        pyramids: dict[str, Pyramid] = {}
        for key, trunk in trunks.items():
            specs[key] = dict(trunk.specs)
            wanted = {level for task in tasks if uses[task] == key for level in self.levels[task]}
            built = pyramid(trunk.specs, wanted)
            if built is not None:
                pyramids[key] = built
                specs[key].update(built.specs)
        side = [key for key in trunks if key != MAIN]
        self.trunk = trunks[MAIN].module if MAIN in trunks else None
        self.pyramid = pyramids.get(MAIN)
        self.trunks = Named({key: trunks[key].module for key in side})
        self.pyramids = Named({key: pyramids[key] for key in side if key in pyramids})
        self.heads = Heads(
            {name: _head(name, task, specs[uses[name]]) for name, task in tasks.items()}
        )
        self.normalise = Named({key: Normalise(t.mean, t.std) for key, t in trunks.items()})
        read = {
            key: [level for task in tasks if uses[task] == key for level in self.levels[task]]
            for key in trunks
        }
        self.strides = {
            key: max(
                [spec.stride for spec in trunk.specs.values()]
                + [specs[key][level].stride for level in read[key]]
            )
            for key, trunk in trunks.items()
        }
        self.stride = max(self.strides.values())

    def trunk_of(self, key: str) -> nn.Module:
        """A trunk by its key."""
        found = self.trunk if key == MAIN else self.trunks[key]
        assert found is not None
        return found

    def pyramid_of(self, key: str) -> nn.Module | None:
        """The pyramid on a trunk, where a task reads it."""
        return self.pyramid if key == MAIN else dict(self.pyramids.items()).get(key)

    def maps(self, image: Tensor) -> dict[str, dict[str, Tensor]]:
        """Pictures `[N, 3, H, W]` uint8 RGB to the maps `c2 … c5` of each trunk, by its key."""
        return {key: self.maps_of(key, image) for key in self._extracts}

    def maps_of(self, key: str, image: Tensor) -> dict[str, Tensor]:
        """What `maps` gives of one trunk."""
        return self._extracts[key](self.trunk_of(key), self.normalise[key](image))

    def encode(self, inputs: Mapping[str, Tensor]) -> Features:
        """The maps that each task reads.

        `inputs` are pictures, `image` `[N, 3, H, W]` uint8 RGB; or what `maps` made of them
        before, under the names of `map_name`.
        """
        if "image" in inputs:
            maps = self.maps(inputs["image"])
        else:
            maps = {key: {} for key in self._extracts}
            for name, feature in inputs.items():
                key, _, level = name.rpartition("/")
                maps[key][level] = feature
        for key in maps:
            pyramid = self.pyramid_of(key)
            if pyramid is not None:
                maps[key] = {**maps[key], **pyramid(maps[key])}
        return {
            task: {level: maps[self.uses[task]][level] for level in levels}
            for task, levels in self.levels.items()
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
        """How many parameters tasks share, and how many are each task's own.

        A trunk beside the main one that a single task uses is its own.
        """
        own = {task: _total(head) for task, head in self.heads.items()}
        users = list(self.uses.values())
        for task, key in self.uses.items():
            if key != MAIN and users.count(key) == 1:
                pyramid = self.pyramid_of(key)
                own[task] += _total(self.trunk_of(key)) + (_total(pyramid) if pyramid else 0)
        return _total(self) - sum(own.values()), own


def map_name(key: str, level: str) -> str:
    """What a trunk's map is called among a network's inputs: `c5`, or `KEY/c5`."""
    return f"{key}/{level}" if key else level


def build_network(architecture: Architecture, tasks: Mapping[str, AnyTask]) -> Network:
    """A network with random weights, drawn from torch's global generator.

    A trunk that no task uses is not built.
    """
    uses = {task: architecture.uses.get(task, MAIN) for task in tasks}
    every = {MAIN: SideTrunk(architecture.trunk, architecture.drop_path), **architecture.trunks}
    trunks = {
        key: build_trunk(side.trunk, side.drop_path)
        for key, side in every.items()
        if key in uses.values()
    }
    pyramid = lambda specs, levels: build_pyramid(
        specs,
        levels,
        architecture.pyramid,
        norm=architecture.pyramid_norm,
        top=architecture.pyramid_top,
    )
    return Network(trunks, tasks, uses, pyramid)


def check_size(network: Network, architecture: Architecture, size: tuple[int, int]) -> None:
    """See that the working size (height, width) fits the network, by one forward pass.

    Args:
        network: to be tried.
        architecture: that it was built from, which names the trunks.
        size: the working size, height and width.

    Raises:
        ConfigError: a side is no multiple of the largest stride, where cells and pixels drift
            apart (the nearest sizes are named); or a trunk does not give maps of its strides at
            this size.
    """
    names = {MAIN: architecture.trunk}
    names |= {key: side.trunk for key, side in architecture.trunks.items()}
    stride = network.stride
    if size[0] % stride or size[1] % stride:
        key = max(network.strides, key=lambda key: network.strides[key])
        below = [max(stride, side // stride * stride) for side in size]
        above = [-(-side // stride) * stride for side in size]
        nearest = f"sizes are {below} and {above}" if below != above else f"size is {above}"
        raise ConfigError(
            f"data.size: does not fit the trunk {names[key]}",
            expected=f"height and width in multiples of {stride}",
            found=f"[{size[0]}, {size[1]}]",
            mend=f"the nearest {nearest}",
        )
    was_training = network.training
    network.eval()
    image = torch.zeros(1, 3, *size, dtype=torch.uint8)
    maps: dict[str, Tensor] = {}
    key = MAIN
    try:
        with torch.no_grad():
            for key in network.strides:
                own = network.maps_of(key, image)
                maps |= {map_name(key, level): feature for level, feature in own.items()}
            features = network.encode(maps)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ConfigError(
            f"data.size: the trunk {names[key]} does not take pictures of this size",
            expected="a trunk for any size",
            found=(str(error) or type(error).__name__).splitlines()[0],
        ) from None
    finally:
        network.train(was_training)
    for task, levels in features.items():
        for level, feature in levels.items():
            found, wanted = tuple(feature.shape[2:]), tuple(s // level_stride(level) for s in size)
            if found != wanted:
                trunk = names[network.uses[task]]
                raise ConfigError(
                    f"data.size: the trunk {trunk} gives {level} of another size than its stride",
                    expected=f"{wanted[0]} × {wanted[1]}",
                    found=f"{found[0]} × {found[1]}",
                    mend="choose another trunk or size",
                )


def _total(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _head(name: str, task: AnyTask, specs: Mapping[str, FeatureSpec]) -> nn.Module:
    try:
        return task.head({level: specs[level] for level in task.levels})
    except ConfigError as error:
        raise ConfigError(f"tasks.{name}.{error.what}", **error.parts()) from None
