"""What is known of trunks and networks, as plain values; light, since the console reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Shape = tuple[int, ...]

Key = Literal["sharing", "fusion"]
"""What of a network there are several ways for."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """Trunks or networks are being measured, one after the other."""

    done: int
    total: int
    name: str


@dataclass(frozen=True, slots=True)
class Tag:
    """Published weights of a trunk.

    Attributes:
        tag: what stands behind the trunk's name and a dot.
        licence: as its publisher calls it; None where nobody says.
        source: where it is downloaded from: a repository of the Hugging Face hub, or an address.
    """

    tag: str
    licence: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Stage:
    """The layers of a trunk that a map needs and no finer map does.

    Attributes:
        level: the map, `c2` for example.
        shape: of the map: channels, height, width.
        stride: how many times smaller than the picture it is.
        parameters, multiply_adds: of the stage alone.
    """

    level: str
    shape: Shape
    stride: int
    parameters: int
    multiply_adds: int


@dataclass(frozen=True, slots=True)
class TrunkFacts:
    """A trunk as it is for pictures of one size.

    Attributes:
        name: the trunk's.
        size: height and width of the picture.
        parameters, multiply_adds: of all of it.
        unused: parameters that no map needs.
        stages: finest first.
        pretrained: published weights, those that stand for all others first.
    """

    name: str
    size: tuple[int, int]
    parameters: int
    multiply_adds: int
    unused: int
    stages: tuple[Stage, ...]
    pretrained: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """Trunks that were asked for.

    Attributes:
        pattern: what was asked for, or None for a selection.
        size: height and width of the picture that they were measured with.
        trunks: those that give maps.
        without_maps: names that do not give c2 … c5 for pictures of this size.
        known: how many names there are in all.
    """

    pattern: str | None
    size: tuple[int, int]
    trunks: tuple[TrunkFacts, ...]
    without_maps: tuple[str, ...]
    known: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a network.

    Attributes:
        name: as its tensors' names begin; of a trunk's stage the map it gives; `tied` of what
            several parts have in common.
        what: the trunk's name, the way of sharing or fusion, the kind of the head's task, or the
            parts that are tied; empty where the name says it.
        outputs: the shapes of what it gives for one record, by name; the only one's name may be
            empty. Sharing and fusion change no shape of the trunk's maps.
        tasks: those that need it.
        parameters, multiply_adds: of all of it.
        frozen: parameters that do not learn in the first epoch; None where nobody knows.
        parts: what it is made of, where that is told.
        until: how many of the frozen learn later, by the last epoch in which they do not.
    """

    name: str
    what: str
    outputs: Mapping[str, Shape]
    tasks: tuple[str, ...]
    parameters: int
    multiply_adds: int
    frozen: int | None
    parts: tuple[Part, ...] = ()
    until: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """A network by its parts, for pictures of its working size (height, width).

    The parts add up to the whole: tied parameters are counted once. `frozen` and `until` are as
    those of a part. `shared` are the parameters that several tasks need, `own` those that one
    alone needs, by task; what none needs is in neither.
    """

    size: tuple[int, int]
    tasks: tuple[str, ...]
    parts: tuple[Part, ...]
    parameters: int
    multiply_adds: int
    frozen: int | None
    until: Mapping[int, int] = field(default_factory=dict)
    shared: int = 0
    own: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a network costs; each as in `NetworkFacts`."""

    parameters: int
    multiply_adds: int
    shared: int
    own: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several ways to build a network: its name, and what it costs, or why it cannot be."""

    name: str
    cost: Cost | None
    refused: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A network as each way of sharing, or of fusion, makes it.

    Attributes:
        key: what they are ways of.
        chosen: the way that the network has.
        size: the working size, height and width.
        tasks: by name.
        choices: the one with the fewest parameters first, those that cannot be last.
    """

    key: Key
    chosen: str
    size: tuple[int, int]
    tasks: tuple[str, ...]
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class FilePart:
    """Tensors of a weight file whose names begin alike.

    Attributes:
        name: what they begin with; those of a published detector are called as ours.
        tensors: how many there are.
        parameters: all their numbers, but for the statistics of BatchNorms.
    """

    name: str
    tensors: int
    parameters: int


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a weight file holds.

    Attributes:
        sort: `network` of ours without what a checkpoint says of it, `detector` of torchvision's,
            published `classifier`, or None for anything else.
        parts: in the file's order.
        trunk: its name, where the file tells.
        head: of a detector.
        layout: of that head.
        classes: how many a classifier knows.
    """

    sort: Literal["network", "detector", "classifier"] | None
    parts: tuple[FilePart, ...]
    trunk: str | None = None
    head: str | None = None
    layout: str | None = None
    classes: int | None = None
