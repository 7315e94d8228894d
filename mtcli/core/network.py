"""The network: trunks and pyramids that tasks share, a head for each task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mtcli.core.blueprint import MAIN
from mtcli.core.errors import ConfigError
from mtcli.core.features import FeatureSpec
from mtcli.core.fusion import Fusion
from mtcli.core.inputs import IMAGE, PICTURE_CHANNELS, rows_name
from mtcli.core.modules import Features, Heads, Named, Normalise
from mtcli.core.pyramid import Pyramid
from mtcli.core.sharing import Maps, Modules, Shared
from mtcli.core.task import AnyTask

Specs = Mapping[str, FeatureSpec]


class Network(nn.Module):
    """Trunks run once each for the whole batch, and heads that read their maps.

    A stream is a set of maps that one or several tasks read, with a pyramid of its own. Where
    tasks share a trunk plainly, its stream has the trunk's key; else each task has one, called as
    the task.

    Tensor names are `trunk.*` (as the trunk's family publishes them), `pyramid.*` and
    `heads.TASK.*`; of trunks beside the main one, or for one task alone, `trunks.KEY.*`, and of
    their streams `pyramids.KEY.*`. `sharing.*` is what a way of sharing adds, `fusion.*` and
    `fusions.KEY.*` what a way of fusion adds to a stream.

    Args:
        shared: what has become of each trunk, by its key; the main one under `MAIN`.
        tasks: by name.
        pyramid: makes the pyramid on a stream's maps down to the finest of some levels.
        fusion: makes what merges several inputs' maps of a stream; None for one input.
        inputs: the channels of each input by its name.

    Attributes:
        levels: the maps that each task reads.
        uses: the stream of each task.
        roots: the key of the trunk that each stream comes from.
        parts: for each module of a trunk by its key, the key of the trunk that it is (part) of.
        reads: for each stream, those of its maps that its pyramid or a task's head reads.
        strides: of each stream, the largest of its maps and of its pyramid's.
        stride: the input's sides are multiples of it.
        inputs: as given.
    """

    def __init__(
        self,
        shared: Mapping[str, Shared],
        tasks: Mapping[str, AnyTask],
        pyramid: Callable[[Specs, set[str]], Pyramid | None],
        fusion: Callable[[Specs], Fusion] | None = None,
        inputs: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.inputs = dict(inputs or {IMAGE: PICTURE_CHANNELS})
        self.levels = {name: task.levels for name, task in tasks.items()}
        streams: dict[str, str] = {}
        trunks: dict[str, nn.Module] = {}
        for root in shared.values():
            streams |= root.streams
            trunks |= root.modules.trunks
        self.uses = {task: streams[task] for task in tasks}
        self.roots = {stream: key for key, root in shared.items() for stream in root.specs}
        self.parts = {part: key for key, root in shared.items() for part in root.modules.trunks}
        self._runs = {key: root.run for key, root in shared.items()}
        self._own = {task: paths for root in shared.values() for task, paths in root.own.items()}
        specs: dict[str, dict[str, FeatureSpec]] = {}
        pyramids: dict[str, Pyramid] = {}
        fusions: dict[str, Fusion] = {}
        self.reads: dict[str, list[str]] = {}
        self.strides: dict[str, int] = {}
        for stream, key in self.roots.items():
            own = shared[key].specs[stream]
            users = [task for task in tasks if streams[task] == stream]
            wanted = {level for task in users for level in self.levels[task]}
            built = pyramid(own, wanted)
            specs[stream] = dict(own)
            used = {level for level in wanted if level in own}
            if built is not None:
                pyramids[stream] = built
                specs[stream].update(built.specs)
                used |= {*built.sources}
            self.reads[stream] = sorted(used)
            self.strides[stream] = max(specs[stream][level].stride for level in wanted | {*own})
            if fusion is not None:
                fusions[stream] = fusion({level: own[level] for level in sorted(used)})
        self.stride = max(self.strides.values())
        self.trunk = trunks.get(MAIN)
        self.pyramid = pyramids.get(MAIN)
        self.trunks = Named(_beside(trunks))
        self.pyramids = Named(_beside(pyramids))
        self.heads = Heads(
            {name: _head(name, task, specs[streams[name]]) for name, task in tasks.items()}
        )
        self.sharing = shared[MAIN].modules.between if MAIN in shared else None
        self.fusion = fusions.get(MAIN)
        self.fusions = Named(_beside(fusions))
        self.normalise = Named({key: Normalise(s.mean, s.std) for key, s in shared.items()})

    def trunk_of(self, key: str) -> nn.Module:
        """A trunk, or a task's part of one, by its key."""
        found = self.trunk if key == MAIN else self.trunks[key]
        assert found is not None
        return found

    def trunk_names(self, key: str) -> set[str]:
        """The names of a trunk's tensors, whichever of its parts have them."""
        parts = [self.trunk_of(part) for part, root in self.parts.items() if root == key]
        return {name for part in parts for name in part.state_dict()}

    def pyramid_of(self, stream: str) -> nn.Module | None:
        """The pyramid on a stream's maps, where a task reads it."""
        return self.pyramid if stream == MAIN else dict(self.pyramids.items()).get(stream)

    def fusion_of(self, stream: str) -> Fusion | None:
        """What merges the inputs' maps of a stream, where there are several inputs."""
        found = self.fusion if stream == MAIN else dict(self.fusions.items()).get(stream)
        assert isinstance(found, Fusion | None)
        return found

    def blank(self, size: tuple[int, int], device: torch.device | None = None) -> dict[str, Tensor]:
        """One black record of a size (height, width), as `encode` takes it."""
        found = {}
        for name, channels in self.inputs.items():
            dtype = torch.uint8 if channels == PICTURE_CHANNELS else torch.float32
            found[name] = torch.zeros(1, channels, *size, dtype=dtype, device=device)
            if self.fusion_of(next(iter(self.roots))) is not None:
                found[rows_name(name)] = torch.zeros(1, dtype=torch.int64, device=device)
        return found

    def maps(self, inputs: Mapping[str, Tensor]) -> dict[str, Maps]:
        """The maps `c2 … c5` of each stream, of inputs as `encode` takes them."""
        return {
            stream: maps for key in self._runs for stream, maps in self.maps_of(key, inputs).items()
        }

    def maps_of(self, key: str, inputs: Mapping[str, Tensor]) -> dict[str, Maps]:
        """What `maps` gives of the streams of one trunk."""
        return self.merge(self.raw_maps(key, inputs), inputs)

    def raw_maps(self, key: str, inputs: Mapping[str, Tensor]) -> dict[str, Maps]:
        """The maps of the streams of one trunk as they come from it, before any fusion."""
        trunks = {part: self.trunk_of(part) for part, root in self.parts.items() if root == key}
        modules = Modules(trunks, self.sharing if key == MAIN else None)
        normalise, run = self.normalise[key], self._runs[key]
        # Its streams have fusions of one way, which join alike; what they merge with is their own.
        fusion = self.fusion_of(next(s for s, root in self.roots.items() if root == key))
        if fusion is None:
            return run(modules, normalise(inputs[IMAGE]))
        pictures = {name: normalise(inputs[name]) for name in self.inputs}
        return run(modules, fusion.join(pictures, *self._rows(inputs)))

    def merge(self, maps: Mapping[str, Maps], inputs: Mapping[str, Tensor]) -> dict[str, Maps]:
        """What `raw_maps` gave of some streams, fused where the network has fusion."""
        found = dict(maps)
        for stream, raw in maps.items():
            fusion = self.fusion_of(stream)
            if fusion is not None:
                found[stream] = fusion.merge(raw, *self._rows(inputs))
        return found

    def _rows(self, inputs: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], int]:
        """The rows of the batch that have each input, and how many rows there are."""
        rows = {name: inputs[rows_name(name)] for name in self.inputs}
        count = next(iter(rows.values())).shape[0]  # `len` would be a constant of what is traced
        return {name: own[: inputs[name].shape[0]] for name, own in rows.items()}, count

    def encode(self, inputs: Mapping[str, Tensor]) -> Features:
        """The maps that each task reads.

        Args:
            inputs: `image` `[N, 3, H, W]` uint8 RGB; of a network with fusion for each input
                `NAME` `[R, C, H, W]`, uint8 of a picture, float32 in [0, 1] of a measured map,
                and `NAME/rows` `[N]` int64: the R rows that have it, ascending, then -1 for each
                that has not, so that nobody must ask the device how many there are. Or what
                `maps` made of them before, under the names of `map_name`.
        """
        if any(name in inputs for name in self.inputs):
            maps = self.maps(inputs)
        else:
            maps = {stream: {} for stream in self.roots}
            for name, feature in inputs.items():
                stream, _, level = name.rpartition("/")
                maps[stream][level] = feature
        for stream in maps:
            pyramid = self.pyramid_of(stream)
            if pyramid is not None:
                maps[stream] = {**maps[stream], **pyramid(maps[stream])}
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

    def needed_by_one(self) -> dict[str, tuple[str, ...]]:
        """The paths of the modules that only one task needs, by task: its head first of all."""
        found = {}
        for task, stream in self.uses.items():
            paths = [f"heads.{task}", *self._own.get(task, ())]
            alone = list(self.uses.values()).count(stream) == 1
            if alone and stream != MAIN:
                paths += [f"{part}.{stream}" for part in ("pyramids", "fusions")]
                paths += [f"trunks.{stream}"] if stream == self.roots[stream] else []
            found[task] = tuple(paths)
        return found

    def parameters_by_use(self) -> tuple[int, dict[str, int]]:
        """How many parameters tasks share, and how many are each task's own.

        A parameter that is tied to another part of the network is shared. What the main trunk
        has, where a single task uses it, counts as shared too: it is there to be shared.
        """
        every = {id(p): p.numel() for p in self.parameters()}
        own = {}
        for task, paths in self.needed_by_one().items():
            prefixes = tuple(f"{path}." for path in paths)
            inside: set[int] = set()
            outside: set[int] = set()
            for name, p in self.named_parameters(remove_duplicate=False):
                (inside if name.startswith(prefixes) else outside).add(id(p))
            own[task] = sum(every[key] for key in inside - outside)
        return sum(every.values()) - sum(own.values()), own


def map_name(stream: str, level: str) -> str:
    """What a stream's map is called among a network's inputs: `c5`, or `STREAM/c5`."""
    return f"{stream}/{level}" if stream else level


def _beside(modules: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    return {key: module for key, module in modules.items() if key != MAIN}


def _head(name: str, task: AnyTask, specs: Mapping[str, FeatureSpec]) -> nn.Module:
    try:
        return task.head({level: specs[level] for level in task.levels})
    except ConfigError as error:
        raise ConfigError(f"tasks.{name}.{error.what}", **error.parts()) from None
