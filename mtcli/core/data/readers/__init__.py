"""The label formats, one file each, and what a reader of one is."""

from __future__ import annotations

import posixpath
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from mtcli.core.errors import DataError
from mtcli.core.labels import Label, LabelValue
from mtcli.core.options import Options
from mtcli.core.registry import Registry


class Reader(ABC):
    """Reads the labels of one task from files of one format.

    Class facts:
        Options: what a config says of it; has a field of the format's own name.
        gives: the sort of label value that comes out.
    """

    Options: ClassVar[type[Options]]
    gives: ClassVar[type[LabelValue]]

    @abstractmethod
    def __init__(self, options: Any) -> None:
        """Nothing is read yet."""

    @abstractmethod
    def read(self, split: str) -> dict[str, Label]:
        """Labels by the picture's path below the images folder, `/` between its parts.

        A picture that is not among them is unlabelled. One file may hold pictures of other
        splits too; who asks takes those it needs.

        Raises:
            DataError: a file is missing or broken; it is named, with the line or key.
        """

    @classmethod
    @abstractmethod
    def example(cls, folder: Path, values: dict[str, LabelValue]) -> dict[str, Any]:
        """Write `values` by picture to `folder` in this format; returns the config's `labels`.

        What tests, and whoever converts data, use.
        """


READERS: Registry[type[Reader]] = Registry("label format", __name__)


def picture_key(name: str) -> str:
    r"""A picture's name as records are joined by: `a\b.png` and `./a/b.png` are `a/b.png`."""
    return posixpath.normpath(name.replace("\\", "/"))


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
