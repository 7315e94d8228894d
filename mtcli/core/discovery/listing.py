"""A folder walked once: which pictures and other files lie in it."""

from __future__ import annotations

import os
import posixpath
from collections import defaultdict
from collections.abc import Sequence
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

from mtcli.core.data.decode import picture_size
from mtcli.core.data.pictures import picture_endings
from mtcli.core.data.readers import stem
from mtcli.core.discovery.matching import Index
from mtcli.core.discovery.pairing import Pairing, find_pairings
from mtcli.core.errors import DataError

OF_PROGRAMS = ("__pycache__", "node_modules", "site-packages", "__MACOSX")
RUN = {"config.yaml", "environment.json", "events.jsonl"}
"""What lies in a run of mtcli, whose pictures of predictions are no data."""


class Listing:
    """Every file below a root by its path there, `/` between the parts, sorted.

    Args:
        root: the folder.
        ignored: patterns of paths to pass over, such as `voc/*`.
    """

    def __init__(
        self,
        root: Path,
        ignored: Sequence[str] = (),
    ) -> None:
        self.root = root
        self._ignored = [pattern.removeprefix("./").rstrip("/") for pattern in ignored]
        self._unused = set(self._ignored)
        files: list[str] = []
        for place, folders, names in os.walk(root):
            below = Path(place).relative_to(root).as_posix()
            if set(names) >= RUN or "pyvenv.cfg" in names:
                folders.clear()
                continue
            folders[:] = sorted(
                name
                for name in folders
                if not name.startswith(".")
                and name not in OF_PROGRAMS
                and not self._passed_over(posixpath.normpath(f"{below}/{name}"))
            )
            paths = (posixpath.normpath(f"{below}/{n}") for n in names if not n.startswith("."))
            files += [path for path in paths if not self._passed_over(path)]
        self.files = tuple(sorted(files))
        endings = picture_endings()
        self.pictures = tuple(path for path in self.files if ending(path) in endings)

    @property
    def unmatched(self) -> list[str]:
        """The patterns that passed over nothing, in their order."""
        return [pattern for pattern in dict.fromkeys(self._ignored) if pattern in self._unused]

    def path(self, name: str) -> Path:
        """Where a file lies."""
        return self.root / name

    def size_of(self, name: str) -> tuple[int, int] | None:
        """Height and width of a picture; None: it cannot be read."""
        try:
            return picture_size(self.path(name))
        except DataError:
            return None

    def name_of(self, path: Path) -> str:
        """What a file is called here."""
        return Path(os.path.relpath(path, self.root)).as_posix()

    def with_ending(self, *endings: str) -> list[str]:
        """The files of some endings, given in lower case with their dot."""
        return [path for path in self.files if ending(path) in endings]

    def below(self, folder: str, *endings: str) -> list[str]:
        """The files of some endings below a folder; `.` is the root."""
        return [path for path in self.with_ending(*endings) if is_below(path, folder)]

    @cached_property
    def pairings(self) -> tuple[Pairing, ...]:
        """Files that are masks or maps of pictures."""
        return tuple(find_pairings(self.root, self.files, self.pictures))

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The pictures that are no masks or maps of others."""
        labels = {file for pairing in self.pairings for file in pairing.files.values()}
        return tuple(path for path in self.pictures if path not in labels)

    @cached_property
    def index(self) -> Index:
        """Finds the inputs that names speak of."""
        return Index(self.inputs)

    @cached_property
    def by_folder(self) -> dict[str, list[str]]:
        """The inputs that lie in each folder, directly."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in self.inputs:
            found[parent(path)].append(path)
        return dict(found)

    def _passed_over(self, path: str) -> bool:
        found = [pattern for pattern in self._ignored if fnmatch(path, pattern)]
        self._unused.difference_update(found)
        return bool(found)


def parent(path: str) -> str:
    """The folder of a file; `.` for one in the root."""
    return posixpath.dirname(path) or "."


def is_below(path: str, folder: str) -> bool:
    """Whether a file or folder lies below a folder, or is it."""
    return folder == "." or path == folder or path.startswith(f"{folder}/")


def joined(folder: str, name: str) -> str:
    """A name below a folder."""
    return posixpath.normpath(f"{folder}/{name}")


def ending(path: str) -> str:
    """The ending in lower case."""
    return posixpath.splitext(path)[1].lower()


def base_name(path: str) -> str:
    """The file's name without folder and ending."""
    return stem(posixpath.basename(path))


def common_folder(paths: Sequence[str]) -> str:
    """The lowest folder that all of some files lie below."""
    folders = {parent(path) for path in paths}
    if not folders or "." in folders:
        return "."
    return posixpath.commonpath(list(folders)) or "."
