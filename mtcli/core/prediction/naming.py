"""Names for what is written of each picture: its own name, made unique."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path


def unique_names(keys: Sequence[str]) -> list[str]:
    """A file's name without ending for each picture, in their order.

    The picture's own; where folders hold pictures of one name, with the folders before it; where
    that does not tell them apart, with a number behind it. Upper and lower case are one, as on
    some disks.
    """
    stems = [Path(key).stem for key in keys]
    shared = Counter(stem.casefold() for stem in stems)
    folders = [str(Path(os.path.abspath(key)).parent) for key in keys]
    common = os.path.commonpath(folders) if folders and _one_disk(folders) else ""
    names: list[str] = []
    taken: set[str] = set()
    for stem, folder in zip(stems, folders, strict=True):
        parts = Path(os.path.relpath(folder, common)).parts if common else Path(folder).parts[1:]
        name = "_".join((*parts, stem)) if shared[stem.casefold()] > 1 else stem
        number, free = 1, name
        while free.casefold() in taken:
            number += 1
            free = f"{name}-{number}"
        taken.add(free.casefold())
        names.append(free)
    return names


def _one_disk(folders: Sequence[str]) -> bool:
    return len({os.path.splitdrive(folder)[0] for folder in folders}) == 1
