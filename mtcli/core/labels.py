"""Label values: what readers give and kinds of task understand, free of any file format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mtcli.core.errors import did_you_mean


@dataclass(frozen=True, slots=True)
class TextLabel:
    """One cell of text: a class name, a number, several of either."""

    text: str


@dataclass(frozen=True, slots=True)
class Object:
    """One object of a picture.

    Attributes:
        name: its class.
        box: x1, y1, x2, y2 in pixels of the original picture, as the file states them.
        crowd: a region of many objects, which is neither taught nor counted (COCO's iscrowd).
    """

    name: str
    box: tuple[float, float, float, float]
    crowd: bool = False


@dataclass(frozen=True, slots=True)
class ObjectsLabel:
    """All objects of a picture. Empty: somebody looked, and nothing is there."""

    objects: tuple[Object, ...]


LabelValue = TextLabel | ObjectsLabel


@dataclass(frozen=True, slots=True)
class Label:
    """A label value and the place it was read from, for messages ("labels.csv, line 12")."""

    value: LabelValue
    where: str


class LabelError(ValueError):
    """A label value that a task cannot understand; who knows the file adds where it stands."""

    def __init__(self, what: str, *, found: str | None = None, mend: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.found = found
        self.mend = mend


def unknown_class(name: str, classes: Sequence[str]) -> LabelError:
    """The error of a label whose class is not one of the task's."""
    return LabelError(
        f'class "{name}" is not among the classes of the task',
        found=f"classes {', '.join(classes)}",
        mend=did_you_mean(name, classes) or "correct the label, or add it to the task's classes",
    )
