"""The folder that predictions go to: each file in it is whole, or not there."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from mtcli.core.errors import SaveError, UsageError

DRAFTS = ".drafts"
"""The folder inside that files lie in while they are written."""


class OutFolder:
    """Opens files as drafts, and puts them in their places when they are done.

    Args:
        path: made where it is not there; files of the same names in it are replaced.

    Raises:
        UsageError: it cannot be made, or written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._streams: dict[str, TextIO] = {}
        self._made = [folder for folder in (path, *path.parents) if not folder.exists()]
        self._drafts = path / f"{DRAFTS}-{os.getpid()}"
        if path.exists() and not path.is_dir():
            raise UsageError("--out is a file, and not a folder", where=path)
        try:
            self._drafts.mkdir(parents=True)
        except OSError as error:
            self.discard()
            raise UsageError(f"cannot write to the folder: {error.strerror}", where=path) from None

    def stream(self, name: str) -> TextIO:
        """A text file that is put in its place by `finish`."""
        with saving(self.path / name):
            # What a name holds that is no text at all is written as JSON writes it.
            file = (self._drafts / name).open(
                "w", encoding="utf-8", errors="backslashreplace", newline=""
            )
        self._streams[name] = file
        return file

    def write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Write a file and put it in its place at once; `name` may hold a folder.

        Raises:
            SaveError: it cannot be written; what was there is untouched.
        """
        path, draft = self.path / name, self._drafts / Path(name).name
        with saving(path):
            with draft.open("wb") as file:
                write(file)
            if path.parent != self.path and not path.parent.exists():
                path.parent.mkdir()
            os.replace(draft, path)

    def finish(self) -> None:
        """Put the text files in their places.

        Raises:
            SaveError: one cannot be written.
        """
        for name, file in self._streams.items():
            with saving(self.path / name):
                file.close()
                os.replace(self._drafts / name, self.path / name)
        self._streams = {}

    def discard(self) -> None:
        """Leave nothing that is half written; folders that were made and are empty go too."""
        for file in self._streams.values():
            with contextlib.suppress(OSError):
                file.close()
        shutil.rmtree(self._drafts, ignore_errors=True)
        for folder in self._made:
            with contextlib.suppress(OSError):
                folder.rmdir()


@contextmanager
def saving(path: Path) -> Iterator[None]:
    """Turn what the system says of a file that cannot be written into one error.

    Raises:
        SaveError: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise SaveError(f"cannot write: {error.strerror or error}", where=path) from None
