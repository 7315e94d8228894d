"""What becomes of broken items of a label file: the first ends all, or all are gathered."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mtcli.core.errors import DataError


class skipping:  # noqa: N801 - reads as a phrase where it is used
    """A context around one item of a file: a row, a line, an annotation, a whole file.

    Args:
        problems: takes what is wrong with the item, which is then passed over; None: it is raised.
    """

    __slots__ = ("_problems",)

    def __init__(self, problems: list[DataError] | None) -> None:
        self._problems = problems

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> bool:
        if self._problems is None or not isinstance(error, DataError):
            return False
        self._problems.append(error)
        return True


@dataclass(frozen=True, slots=True)
class Unused:
    """A label that belongs to no picture of the split.

    Attributes:
        name: what the label calls its picture.
        where: the label's place.
        folder: what the name is relative to; None: no folder.
        by_stem: whether the name lacks its ending.
    """

    name: str
    where: str
    folder: Path | None
    by_stem: bool


@dataclass(slots=True)
class Faults:
    """What is wrong with the labels of a task, where nothing shall be refused.

    Attributes:
        problems: of a file, or of single items in one.
        used: place, and name of the picture, of each label of a picture of the split.
        unused: labels of no picture of the split.
    """

    problems: list[DataError] = field(default_factory=list)
    used: set[tuple[str, str]] = field(default_factory=set)
    unused: list[Unused] = field(default_factory=list)
