"""Ways in which the tasks of a trunk share it; one file each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from mtcli.core.features import FeatureSpec
from mtcli.core.registry import Registry
from mtcli.core.trunks import Trunk

Maps = dict[str, Tensor]
"""The maps of a stream by their levels, `c2` … `c5`: `[N, C, h, w]`."""


@dataclass(frozen=True, slots=True)
class Modules:
    """What a trunk that is shared consists of.

    Attributes:
        trunks: by key; their tensors keep the names that published weight files use.
        between: the layers that the sharing itself adds.
    """

    trunks: Mapping[str, nn.Module]
    between: nn.Module | None = None


Run = Callable[[Modules, Tensor], dict[str, Maps]]
"""Gives the maps of each stream for normalised pictures `[N, C, H, W]`."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A trunk, or what has become of it, for the tasks that share it.

    A **stream** is a set of maps that one or several tasks read.

    Attributes:
        modules: with random weights.
        specs: the maps of each stream by its key, finest first.
        streams: the stream of each task.
        run: gives the maps of each stream. It is handed the modules, so that a copy of a network
            runs its own.
        own: the paths of the modules that only one task needs, by task: `trunks.KEY`, `sharing.…`.
        mean, std: of the normalisation that the trunk was trained with; see `Trunk`.
    """

    modules: Modules
    specs: Mapping[str, Mapping[str, FeatureSpec]]
    streams: Mapping[str, str]
    run: Run
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sharing has to go by.

    Attributes:
        key: of the trunk that is shared.
        name: of that trunk, for messages.
        tasks: those that share it, in their order.
        branch_at: the last map that `branch` shares.
    """

    key: str
    name: str
    tasks: Sequence[str]
    branch_at: str | None = None


class Sharing(ABC):
    """How tasks share a trunk."""

    apart: bool = True
    """Whether each task has a stream of its own, called as the task."""

    @abstractmethod
    def share(self, build: Callable[[], Trunk], plan: Plan) -> Shared:
        """What the tasks share and what each has for itself, with random weights.

        Args:
            build: makes the trunk, each time with other weights.
            plan: for whom, and how.

        Raises:
            ConfigError: the trunk cannot be shared so.
        """


SHARINGS: Registry[Sharing] = Registry("way of sharing", __name__)
