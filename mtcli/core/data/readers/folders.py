"""`folders`: a folder for each class, which its pictures lie in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mtcli.core.data.faults import skipping
from mtcli.core.data.pictures import picture_endings, pictures_below
from mtcli.core.data.readers import READERS, Reader, above_split, split_folder
from mtcli.core.errors import DataError
from mtcli.core.labels import Label, LabelValue, WordsLabel
from mtcli.core.options import InputPath, Options


class FoldersOptions(Options):
    """Where a folder for each class is."""

    folders: InputPath
    """The folder that holds them; `{split}` in its path stands for the split."""


@READERS.add("folders")
class FoldersReader(Reader):
    """A class for each picture: the name of the folder that it lies in, directly or deeper.

    Pictures that lie beside the class folders are unlabelled.
    """

    Options = FoldersOptions
    gives = (WordsLabel,)

    def __init__(self, options: FoldersOptions) -> None:
        self._options = options

    @property
    def folder(self) -> Path:
        return above_split(self._options.folders)

    def read(self, split: str, sort: type[LabelValue]) -> dict[str, Label]:
        labels = {}
        for folder in _class_folders(split_folder(self._options.folders, split), self.problems):
            pictures = pictures_below(folder)
            with self.item():
                if not pictures:
                    raise DataError(
                        f"the class {folder.name} has no picture",
                        where=folder,
                        mend="put pictures into its folder, or remove it",
                    )
            label = Label(WordsLabel((folder.name,)), str(folder))
            for picture in pictures:
                labels[picture.relative_to(self.folder).as_posix()] = label
        return labels

    @classmethod
    def example(cls, folder: Path, values: Mapping[str, LabelValue]) -> dict[str, Any]:
        """Make a file for each picture in its class's folder, an empty one where there is none."""
        folder = folder / "classes"
        for picture, value in values.items():
            assert isinstance(value, WordsLabel)
            name = value.words[0] if len(value.words) == 1 else ""
            if name in ("", "..") or Path(name).name != name:
                raise ValueError(f"{picture}: no folder can be called {', '.join(value.words)}")
            path = folder / name / picture
            if path.suffix.lower() not in picture_endings():
                raise ValueError(f"{picture} is no picture by its ending")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return {"folders": str(folder)}


def _class_folders(folder: Path, problems: list[DataError] | None) -> Iterator[Path]:
    """The folders of the classes, by name.

    Raises:
        DataError: there is none, or two would be one on a disk that knows no case.
    """
    seen: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if not path.is_dir() or path.name.startswith("."):
            continue
        before = seen.setdefault(path.name.casefold(), path)
        with skipping(problems):
            if before != path:
                raise DataError(
                    "two class folders whose names differ in case only",
                    where=folder,
                    found=f"{before.name} and {path.name}",
                    mend="put their pictures into one",
                )
            yield path
    if not seen:
        raise DataError(
            "no class folder",
            where=folder,
            expected="a folder for each class, with its pictures",
        )
