"""Folders of labels and folders of pictures, and how one follows from the other."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from mtcli.core.errors import and_more

SPLITS = ("train", "val", "test")
SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "validate": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
"""What people call the splits."""


def split_of(word: str) -> str | None:
    """Which split a word, a file's or a folder's name speaks of: `images_train2017`; None: none.

    One that speaks of two (`trainval`, `train_test`) speaks of none.
    """
    parts = re.split(r"[\W_\d]+", word.lower())
    said = {SPLIT_WORDS[part] for part in parts if part in SPLIT_WORDS}
    return said.pop() if len(said) == 1 else None


def split_order(path: str) -> int:
    """Where a path stands among those of all splits: train, val, test, then the others."""
    said = [split for part in path.split("/") if (split := split_of(part)) is not None]
    return SPLITS.index(said[-1]) if said else len(SPLITS)


def without_split(path: str) -> str:
    """A path in which the word for a split is `{split}`, so that those of all splits are alike."""
    words = sorted(SPLIT_WORDS, key=len, reverse=True)
    pattern = rf"(?<![a-z])({'|'.join(words)})(?![a-z])"
    return re.sub(pattern, "{split}", path, flags=re.I)


def called(paths: Sequence[str], shown: int = 3) -> str:
    """Paths as a person reads them; those of splits alone as `labels_{train,val}.csv`."""
    first = without_split(paths[0]) if len(paths) > 1 else ""
    if first.count("{split}") == 1 and {without_split(path) for path in paths} == {first}:
        before, after = first.split("{split}")
        words = [path[len(before) : len(path) - len(after)] for path in paths]
        return f"{before}{{{','.join(words)}}}{after}"
    return and_more(paths, shown)


def above_both(one: str, other: str) -> str:
    """The lowest folder above two."""
    if "." in (one, other):
        return "."
    return posixpath.commonpath([one, other]) or "."


def apart(one: str, other: str) -> int:
    """How many folders two paths differ in: 2 for `masks/train` and `images/train`."""
    one, other = spread(one, other)
    common = above_both(one, other)
    return sum(len(_parts(posixpath.relpath(folder, common))) for folder in (one, other))


def spread(labels: str, pictures: str) -> tuple[str, str]:
    """Two folders without what their paths share at the end: `masks` of `masks/a`, `images/a`."""
    one, other = _parts(labels), _parts(pictures)
    while one and other and one[-1] == other[-1]:
        one.pop()
        other.pop()
    return "/".join(one) or ".", "/".join(other) or "."


def _parts(folder: str) -> list[str]:
    return [] if folder == "." else folder.split("/")
