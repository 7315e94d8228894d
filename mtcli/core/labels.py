"""Label values: what readers give and kinds of task understand, free of any file format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from mtcli.core.errors import did_you_mean


@dataclass(frozen=True, slots=True)
class WordsLabel:
    """Words about a picture: its class, its classes, or its numbers.

    Attributes:
        words: in the file's order. None at all: somebody looked, and nothing applies. An empty
            word: one of several numbers that nobody measured.
        looked_for: the classes that somebody looked for; None: all of them.
        columns: the names of the columns that the words stand in, where there are several.
    """

    words: tuple[str, ...]
    looked_for: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Object:
    """One object of a picture.

    Attributes:
        name: its class.
        box: x1, y1, x2, y2 as the file states them; see `ObjectsLabel.relative`.
        crowd: a region of many objects (COCO's iscrowd): no box to be learnt, and what is found
            in it is neither right nor wrong.
    """

    name: str
    box: tuple[float, float, float, float]
    crowd: bool = False


@dataclass(frozen=True, slots=True)
class ObjectsLabel:
    """All objects of a picture. Empty: somebody looked, and nothing is there.

    Attributes:
        objects: in the file's order.
        relative: whether boxes are in shares of the picture's sides; else in original pixels.
        looked_for: the classes that somebody looked for; None: all of them.
    """

    objects: tuple[Object, ...]
    relative: bool = False
    looked_for: tuple[str, ...] | None = None

    def in_pixels(self, size: tuple[int, int]) -> ObjectsLabel:
        """The same in pixels of a picture of `size` (height, width)."""
        if not self.relative:
            return self
        height, width = size
        objects = tuple(
            replace(item, box=(x1 * width, y1 * height, x2 * width, y2 * height))
            for item in self.objects
            for x1, y1, x2, y2 in [item.box]
        )
        return replace(self, objects=objects, relative=False)


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a picture, where its centre is: the first pixel's is at 0.5, 0.5.

    Attributes:
        x, y: as the file states them; see `PointsLabel.relative`.
        visible: whether it can be seen, rather than being hidden behind something.
    """

    x: float
    y: float
    visible: bool = True


@dataclass(frozen=True, slots=True)
class PointsLabel:
    """The named points of a picture; a missing one is None.

    Attributes:
        names: of all points that the file speaks of.
        points: one for each name.
        relative: whether they are in shares of the picture's sides; else in original pixels.
        swaps: pairs of names that change places in a mirror, where the file says so.
    """

    names: tuple[str, ...]
    points: tuple[Point | None, ...]
    relative: bool = False
    swaps: tuple[tuple[str, str], ...] | None = None

    def in_pixels(self, size: tuple[int, int]) -> PointsLabel:
        """The same in pixels of a picture of `size` (height, width)."""
        if not self.relative:
            return self
        points = tuple(
            point and replace(point, x=point.x * size[1], y=point.y * size[0])
            for point in self.points
        )
        return replace(self, points=points, relative=False)


@dataclass(frozen=True, slots=True, eq=False)
class ClassMapLabel:
    """A class for every pixel.

    Attributes:
        numbers: `[H, W]` integers.
        names: what the numbers mean; None: they count the task's own classes.
    """

    numbers: Tensor
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class NumberMapLabel:
    """A number for every pixel, a depth for example: `[H, W]` float32; 0 is not measured."""

    values: Tensor


LabelValue = WordsLabel | ObjectsLabel | PointsLabel | ClassMapLabel | NumberMapLabel


SORTS: dict[type[LabelValue], str] = {
    WordsLabel: "classes or numbers",
    ObjectsLabel: "boxes",
    PointsLabel: "points",
    ClassMapLabel: "maps of classes",
    NumberMapLabel: "maps of numbers",
}
"""What a person calls the sorts of label."""


class Deferred(ABC):
    """A label value that lies in a file of its own and is read each time it is used."""

    @abstractmethod
    def load(self) -> LabelValue:
        """Read the file.

        Raises:
            DataError: it is missing or broken.
        """


@dataclass(frozen=True, slots=True)
class Label:
    """A label value and the place it was read from, for messages ("labels.csv, line 12").

    Attributes:
        value: or what reads it from a file of its own.
        where: the place.
        size: height and width of the picture as the file states them, where it does; no label.
    """

    value: LabelValue | Deferred
    where: str
    size: tuple[int, int] | None = field(default=None, compare=False)

    def load(self) -> LabelValue:
        """The value, read from its file where it has one of its own."""
        return self.value.load() if isinstance(self.value, Deferred) else self.value


def restricted(
    value: WordsLabel | ObjectsLabel, classes: tuple[str, ...]
) -> WordsLabel | ObjectsLabel:
    """A label of somebody who looked for some classes only.

    Finds of others, by the way, say nothing of what was passed over, and are left out.
    """
    if isinstance(value, WordsLabel):
        names = value.columns or value.words
        kept = [place for place, name in enumerate(names) if name in classes]
        words = tuple(value.words[place] for place in kept)
        columns = None if value.columns is None else tuple(names[place] for place in kept)
        return WordsLabel(words, classes, columns)
    objects = tuple(item for item in value.objects if item.name in classes)
    return replace(value, objects=objects, looked_for=classes)


def flags(value: WordsLabel) -> WordsLabel:
    """Columns of yes and no, a class each, as the classes that apply; other words as they are.

    An empty cell: nobody looked for the class.

    Raises:
        LabelError: a cell that is neither.
    """
    if value.columns is None:
        return replace(value, words=tuple(filter(None, value.words)))
    meaning = {"1": True, "1.0": True, "true": True, "yes": True, "0": False, "0.0": False}
    meaning |= {"false": False, "no": False}
    applies, looked_for = [], []
    for name, word in zip(value.columns, value.words, strict=True):
        if not word:
            continue
        if word.lower() not in meaning:
            raise LabelError(
                f"the column {name} says neither yes nor no",
                found=word,
                mend="write 1, 0 or nothing",
            )
        looked_for.append(name)
        if meaning[word.lower()]:
            applies.append(name)
    return WordsLabel(tuple(applies), tuple(looked_for))


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


def looked_for_mask(looked_for: Sequence[str] | None, classes: Sequence[str]) -> list[bool]:
    """Which of the classes somebody looked for, in their order.

    Raises:
        LabelError: one that was looked for is not among them.
    """
    for name in looked_for or ():
        if name not in classes:
            raise unknown_class(name, classes)
    return [looked_for is None or name in looked_for for name in classes]


def check_size(values: Tensor, size: tuple[int, int], what: str) -> None:
    """See that a map `[H, W]`, called so, is of its picture's size (height, width).

    Raises:
        LabelError: it is of another.
    """
    found = tuple(values.shape)
    if found != size:
        raise LabelError(
            f"the {what} is of another size than its picture",
            found=f"{found[0]} × {found[1]}, the picture {size[0]} × {size[1]}",
        )
