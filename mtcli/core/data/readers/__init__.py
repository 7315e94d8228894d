"""The label formats, one file each, and what a reader of one is."""

from __future__ import annotations

import posixpath
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from mtcli.core.data.faults import skipping
from mtcli.core.errors import DataError
from mtcli.core.labels import Label, LabelValue
from mtcli.core.options import Options
from mtcli.core.registry import Registry
from mtcli.core.task import AnyTask


class Reader(ABC):
    """Reads the labels of one task from files of one format.

    Class facts:
        Options: what a config says of it; has a field of the format's own name.
        gives: the sorts of label value that can come out.
        by_stem: whether labels know pictures by their names without the ending.

    Attributes:
        problems: takes what is wrong with single items, which are then passed over; None: the
            first is raised.
    """

    Options: ClassVar[type[Options]]
    gives: ClassVar[tuple[type[LabelValue], ...]]
    by_stem: ClassVar[bool] = False

    problems: list[DataError] | None = None

    @abstractmethod
    def __init__(self, options: Any) -> None:
        """Nothing is read yet."""

    @property
    def folder(self) -> Path | None:
        """The folder that `read` names pictures from; None: the task's images folder."""
        return None

    @abstractmethod
    def read(self, split: str, sort: type[LabelValue]) -> dict[str, Label]:
        """Labels of a sort that is among `gives`, by the picture's path, `/` between its parts.

        The path is below the images folder (or `folder`), without its ending where `by_stem`.
        A picture that is not among them is unlabelled. One file may hold pictures of other
        splits too; who asks takes those it needs.

        Raises:
            DataError: a file is missing or broken; it is named, with the line or key.
        """

    def item(self) -> skipping:
        """A context around each item of a file, which is passed over where `problems` takes it."""
        return skipping(self.problems)

    def rows(self, split: str) -> int | None:
        """How many rows of an array are labelled, where labels know pictures by row numbers.

        None: they know them by name. Labels by rows are for pictures that are as many rows.
        """
        return None

    @classmethod
    @abstractmethod
    def example(cls, folder: Path, values: Mapping[str, LabelValue]) -> dict[str, Any]:
        """Write `values` by picture to `folder` in this format; returns the config's `labels`.

        What tests, and whoever converts data, use.

        Raises:
            ValueError: the format cannot say this: two classes of a picture, say.
        """


READERS: Registry[type[Reader]] = Registry("label format", __name__)


def sort_of_label(reader: type[Reader], kind: type[AnyTask]) -> type[LabelValue] | None:
    """What a kind of task wants of a reader: the first that it takes and the reader gives."""
    return next((sort for sort in kind.takes if sort in reader.gives), None)


def picture_key(name: str) -> str:
    r"""A picture's name as records are joined by: `a\b.png` and `./a/b.png` are `a/b.png`."""
    return posixpath.normpath(name.replace("\\", "/"))


def stem(key: str) -> str:
    """A picture's key without its ending: `a/b.png` is `a/b`."""
    return posixpath.splitext(key)[0]


def split_file(template: Path, split: str) -> Path:
    """The file for a split, where a config's path may hold `{split}`.

    Raises:
        DataError: it is not there.
    """
    path = Path(str(template).replace("{split}", split))
    if not path.is_file():
        raise DataError(
            "no such label file",
            where=path,
            mend=f"the config says {template.name}" if path != template else None,
        )
    return path


def split_folder(template: Path, split: str) -> Path:
    """The folder for a split, where a config's path may hold `{split}`.

    Raises:
        DataError: it is not there.
    """
    path = Path(str(template).replace("{split}", split))
    if not path.is_dir():
        raise DataError(
            "no such label folder",
            where=path,
            mend=f"the config says {template.name}" if path != template else None,
        )
    return path


def above_split(template: Path) -> Path:
    """The lowest folder of a config's path that is the same for every split."""
    return next(path for path in (template, *template.parents) if "{split}" not in str(path))
