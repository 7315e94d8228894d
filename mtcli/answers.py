"""What a task of each kind says of a picture, as plain values with types."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

import numpy as np
import numpy.typing as npt

# `class` is a word of Python's own, so that these two are written as calls.
ClassificationAnswer = TypedDict(
    "ClassificationAnswer", {"class": str, "probabilities": dict[str, float]}
)
"""The most probable class, and how probable each is."""

FoundObject = TypedDict("FoundObject", {"class": str, "score": float, "box": list[float]})
"""A box is x1, y1, x2, y2 in the picture's pixels."""


class MultilabelAnswer(TypedDict):
    """The classes that apply, and how probable it is of each."""

    classes: list[str]
    probabilities: dict[str, float]


class RegressionAnswer(TypedDict):
    """Numbers in the unit of the labels: by name, where they have names.

    `deviation` is there where the task learnt how sure it is.
    """

    numbers: list[float] | dict[str, float]
    deviation: NotRequired[list[float] | dict[str, float]]


class DetectionAnswer(TypedDict):
    """Objects, the surest first."""

    objects: list[FoundObject]


class FoundMask(TypedDict):
    """How much of the picture a class takes, and where, as COCO writes masks (compressed runs)."""

    share: float
    rle: dict[str, Any]


class SegmentationAnswer(TypedDict):
    """Each class's mask; `map` `[H, W]` uint8 numbers the classes in the order of `masks`."""

    masks: dict[str, FoundMask]
    map: npt.NDArray[np.uint8]


class DepthAnswer(TypedDict):
    """`depth` sums up `map`, `[H, W]` float32 in the unit of the labels."""

    depth: dict[str, Any]
    map: npt.NDArray[np.float32]


class FoundPoint(TypedDict):
    """A point in the picture's pixels, and how sure it is."""

    name: str
    x: float
    y: float
    score: float


class KeypointsAnswer(TypedDict):
    """Every named point, those that are unsure too."""

    points: list[FoundPoint]
