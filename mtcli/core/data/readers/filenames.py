"""`filenames`: the class, or the number, in a picture's own name: `crazing_12.jpg`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from mtcli.core.data.pictures import picture_endings, pictures_below
from mtcli.core.data.readers import READERS, Reader, above_split, split_folder
from mtcli.core.errors import DataError
from mtcli.core.labels import Label, LabelValue, WordsLabel
from mtcli.core.options import InputPath, Options


def _with_a_class(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        raise ValueError(f"a regular expression: {error}") from None
    if "class" not in groups:
        raise ValueError("a regular expression with a group (?P<class>…)")
    return pattern


class FilenamesOptions(Options):
    """Where pictures lie whose names tell their class."""

    filenames: InputPath
    """The folder with the pictures; `{split}` in its path stands for the split."""
    pattern: Annotated[str, AfterValidator(_with_a_class)]
    """A regular expression that is looked for in the picture's path below the folder, such as
    `sub/crazing_12.jpg`; its group `(?P<class>…)` is the label. `^(?P<class>.+)_` takes what stands
    before the last underscore."""


@READERS.add("filenames")
class FilenamesReader(Reader):
    """A class or a number for each picture, cut out of its name by a pattern.

    A picture whose name the pattern does not fit is unlabelled.
    """

    Options = FilenamesOptions
    gives = (WordsLabel,)

    def __init__(self, options: FilenamesOptions) -> None:
        self._options = options

    @property
    def folder(self) -> Path:
        return above_split(self._options.filenames)

    def read(self, split: str, sort: type[LabelValue]) -> dict[str, Label]:
        folder = split_folder(self._options.filenames, split)
        pattern = re.compile(self._options.pattern)
        pictures = pictures_below(folder)
        labels = {}
        for picture in pictures:
            found = pattern.search(picture.relative_to(folder).as_posix())
            word = found["class"] if found else None
            if word:
                name = picture.relative_to(self.folder).as_posix()
                labels[name] = Label(WordsLabel((word,)), str(picture))
        if not labels:
            raise DataError(
                "the pattern fits none of the pictures' names",
                where=folder,
                expected=self._options.pattern,
                found=f"{len(pictures)} pictures"
                + (f" such as {pictures[0].relative_to(folder).as_posix()}" if pictures else ""),
                mend="pattern is a regular expression with a group (?P<class>…)",
            )
        return labels

    @classmethod
    def example(cls, folder: Path, values: Mapping[str, LabelValue]) -> dict[str, Any]:
        """Make an empty file for each picture, below a folder whose name tells its class."""
        folder = folder / "pictures"
        for picture, value in values.items():
            assert isinstance(value, WordsLabel)
            word = value.words[0] if len(value.words) == 1 else ""
            if not word or "/" in word:
                raise ValueError(f"{picture}: no path can say {', '.join(value.words)}")
            path = folder / f"of {word}" / picture
            if path.suffix.lower() not in picture_endings():
                raise ValueError(f"{picture} is no picture by its ending")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return {"filenames": str(folder), "pattern": "^of (?P<class>[^/]+)/"}
