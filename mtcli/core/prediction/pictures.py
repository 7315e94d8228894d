"""Which pictures someone means: files, folders, patterns, and lists."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from mtcli.core.data.pictures import picture_endings
from mtcli.core.errors import UsageError, and_more, did_you_mean

LIST = "-"
"""The word that stands for a list of paths on stdin."""


def find_pictures(
    words: Iterable[str],
    lines: Callable[[], Iterable[str]],
    endings: Collection[str] | None = None,
    out: Path | None = None,
) -> list[Path]:
    """The files that words mean, in the order of the words, each once.

    A folder means the pictures below it and a pattern (`*`, `?`, `[…]`, `**`) those that it
    matches, in the order in which a person counts: `2.png` before `10.png`. What is hidden is
    passed over. A file that is named is taken, whatever it is called.

    Args:
        words: files, folders, patterns, and `-` for the list.
        lines: gives the list, a path a line; it is asked once, where it is named.
        endings: of the files that count in folders and patterns, lower case; None: pictures.
        out: where results go. What lies there from before is no input, unless it is meant itself.

    Raises:
        UsageError: a word means nothing: no such file, no picture in the folder, an empty list.
    """
    known = picture_endings() if endings is None else endings
    found: list[Path] = []
    listed = False
    for word in words:
        path = Path(word)
        if word == LIST:
            found += [] if listed else _listed(lines())
            listed = True
        elif path.is_dir():
            found += _apart(_below(path, known), path, out)
        elif path.exists():
            found.append(path)
        elif glob.has_magic(word):
            found += _apart(_matching(word, known), path, out)
        else:
            raise _missing(path)
    if not found:
        raise UsageError(
            "all these pictures lie in the folder of the results",
            where=out,
            mend="name another folder with --out",
        )
    once: dict[str, Path] = {}
    for path in found:
        once.setdefault(os.path.abspath(path), path)
    return list(once.values())


def check_there(words: Iterable[str]) -> None:
    """See that what is named plainly is there, before a model is opened.

    Raises:
        UsageError: a file or folder is not.
    """
    for word in words:
        plain = word != LIST and "=" not in word and not glob.has_magic(word)
        if plain and not Path(word).exists():
            raise _missing(Path(word))


def natural(path: Path) -> list[tuple[int, int, str]]:
    """A key that sorts paths as a person counts: by their numbers, not by their digits."""
    parts = re.split(r"(\d+)", path.as_posix().casefold())
    # Text and numbers take turns, so that like is compared with like.
    numbers = [(0, int(part), "") if n % 2 else (1, 0, part) for n, part in enumerate(parts)]
    return [*numbers, (2, 0, path.as_posix())]


def _below(folder: Path, endings: Collection[str]) -> list[Path]:
    files = [path for path in folder.rglob("*") if not _hidden(path.relative_to(folder))]
    files = [path for path in files if path.is_file()]
    pictures = [path for path in files if path.suffix.lower() in endings]
    if not pictures:
        raise UsageError(
            "no picture in the folder",
            where=folder,
            found=_others(files),
        )
    return sorted(pictures, key=natural)


def _matching(pattern: str, endings: Collection[str]) -> list[Path]:
    matched = [Path(name) for name in glob.glob(pattern, recursive=True)]
    files = [path for path in matched if path.is_file()]
    pictures = [path for path in files if path.suffix.lower() in endings]
    if not pictures:
        raise UsageError(
            f"no picture matches {pattern}",
            found=_others(files),
        )
    return sorted(pictures, key=natural)


def _apart(files: list[Path], word: Path, out: Path | None) -> list[Path]:
    if out is None or _lies_in(word, out):
        return files
    return [path for path in files if not _lies_in(path, out)]


def _lies_in(path: Path, folder: Path) -> bool:
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))


def _listed(lines: Iterable[str]) -> list[Path]:
    # A line may end as on Windows; blanks inside a name belong to it.
    paths = [Path(line.strip("\r\n")) for line in lines if line.strip()]
    if not paths:
        raise UsageError(
            "the list on stdin is empty", expected="the path of a picture in each line"
        )
    return paths


def _others(files: Sequence[Path]) -> str:
    return and_more([path.name for path in files]) if files else "nothing"


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _missing(path: Path) -> UsageError:
    folder = path.parent
    if not folder.is_dir():
        return UsageError("no such file or folder", where=path, found=f"no folder {folder} either")
    names = [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
    prefix = "" if folder == Path() else f"{folder}/"
    return UsageError(
        "no such file or folder", where=path, mend=did_you_mean(path.name, names, prefix)
    )
