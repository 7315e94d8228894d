"""Files that belong to pictures by their names, a mask or a map to each, found by their pixels."""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from mtcli.core.data.readers import stem
from mtcli.core.discovery.pixels import Look, look
from mtcli.core.discovery.places import above_both, apart, split_order, spread

ENDINGS = (".png", ".tif", ".tiff", ".bmp", ".npy")
"""Of files that keep numbers as they are."""

PEEKS = 5
"""Files of a folder that tell what the others are."""

HINT = re.compile(r"mask|label|seg|annot|(?<![a-z])gt(?![a-z])|ground|depth|disp|target", re.I)
"""What folders and suffixes of labels are often called, for pictures that look alike."""

Sort = Literal["mask", "map"]


@dataclass(frozen=True, slots=True)
class Pairing:
    """A folder of masks or maps, and the folder whose pictures they belong to.

    Attributes:
        folder: of the label files.
        base: of the pictures.
        suffix: what stands behind a picture's name in that of its file.
        files: by picture.
        sort: masks (few values) or maps (measured numbers).
    """

    folder: str
    base: str
    suffix: str
    files: Mapping[str, str]
    sort: Sort

    @property
    def role(self) -> tuple[str, str, str]:
        """What pairings of one label in several folders (`train/masks`, `val/masks`) share."""
        common = above_both(self.folder, self.base)
        return (
            posixpath.relpath(self.folder, common),
            posixpath.relpath(self.base, common),
            self.suffix,
        )


def find_pairings(root: Path, files: Sequence[str], pictures: Sequence[str]) -> Iterator[Pairing]:
    """All pairings below a root."""
    folders: dict[str, dict[str, str]] = defaultdict(dict)
    candidates: dict[str, dict[str, str]] = defaultdict(dict)
    for path in pictures:
        folders[posixpath.dirname(path) or "."].setdefault(_name(path), path)
    for path in files:
        if path.lower().endswith(ENDINGS):
            candidates[posixpath.dirname(path) or "."][_name(path)] = path
    named: dict[str, list[str]] = defaultdict(list)
    for folder, names in folders.items():
        for name in names:
            named[name].append(folder)

    seen = lru_cache(maxsize=None)(lambda path: look(root / path))
    taken: set[str] = set()
    found: list[Pairing] = []
    for folder, own in candidates.items():
        for base, suffix in _possible(folder, own, folders, named):
            pairs = {
                path: own[name + suffix]
                for name, path in folders[base].items()
                if name + suffix in own and own[name + suffix] != path
            }
            if not pairs or taken & set(pairs.values()):
                continue
            sort = _sort(pairs, suffix, folder, base, seen)
            if sort is not None and not taken & set(pairs):
                taken |= set(pairs.values())
                found.append(Pairing(folder, base, suffix, pairs, sort))
    yield from _merged(found, files)


def _possible(
    folder: str,
    own: Mapping[str, str],
    folders: Mapping[str, Mapping[str, str]],
    named: Mapping[str, Sequence[str]],
) -> list[tuple[str, str]]:
    """The folders of pictures and the suffixes that would fit most of a folder's files."""
    votes: Counter[tuple[str, str]] = Counter()
    names = list(own)
    # Of many folders each is looked at less.
    sample = names[:: max(1, len(names) // (400 if len(folders) < 50 else 24))]
    for name in sample:
        for other in _few(named.get(name, ()), folder):
            if other != folder:
                votes[other, ""] += 1
        for cut in (match.start() for match in re.finditer(r"[_\-. ]", name)):
            for other in _few(named.get(name[:cut], ()), folder) if cut else ():
                votes[other, name[cut:]] += 1
    fitting = [
        (base, suffix)
        for (base, suffix), count in votes.items()
        if count >= 0.8 * len(sample) or (count > 1 and count >= 0.5 * len(folders[base]))
    ]
    return sorted(fitting, key=lambda pair: (pair[1] != "", -votes[pair], apart(folder, pair[0])))


def _few(folders: Sequence[str], near: str) -> Sequence[str]:
    """Of many folders that have a file of one name, those beside this one."""
    if len(folders) <= 20:
        return folders
    above = posixpath.dirname(near)
    return [folder for folder in folders if posixpath.dirname(folder) == above or folder == near]


def _sort(
    pairs: Mapping[str, str],
    suffix: str,
    folder: str,
    base: str,
    seen: object,
) -> Sort | None:
    """What the files are to the pictures; None: nothing, or pictures like these."""
    assert callable(seen)
    step = max(1, len(pairs) // PEEKS)
    some = list(pairs.items())[::step][:PEEKS]
    labels: list[Look] = [found for _, path in some if (found := seen(path)) is not None]
    if len(labels) < len(some) / 2:
        return None
    sort: Sort
    if sum(found.is_map for found in labels) > len(labels) / 2:
        sort = "map"
    elif sum(found.is_mask for found in labels) > len(labels) / 2:
        sort = "mask"
    elif HINT.search(suffix) or HINT.search(posixpath.relpath(folder, base)):
        return "mask"  # of too many values, as whoever reads masks will say
    else:
        return None
    if all(path.lower().endswith((".jpg", ".jpeg")) for path, _ in some):
        return sort
    inputs: list[Look] = [found for path, _ in some if (found := seen(path)) is not None]
    alike = sum(found.is_map if sort == "map" else found.is_mask for found in inputs)
    if alike > len(inputs) / 2 and not (
        HINT.search(suffix) or HINT.search(posixpath.relpath(folder, base))
    ):
        return None
    return sort


def _merged(found: Sequence[Pairing], files: Sequence[str]) -> Iterator[Pairing]:
    """Folders that lie in one as their pictures' folders do (`masks/train`, `masks/val`) as one."""
    parts: dict[tuple[str, str, str, Sort], list[Pairing]] = defaultdict(list)
    for pairing in found:
        folder, base = spread(pairing.folder, pairing.base)
        parts[folder, base, pairing.suffix, pairing.sort].append(pairing)
    for (folder, base, suffix, sort), own in parts.items():
        together = {path: file for pairing in own for path, file in pairing.files.items()}
        below = {
            path
            for path in files
            if path.lower().endswith(ENDINGS)
            and stem(path).endswith(suffix)
            and (folder == "." or path.startswith(f"{folder}/"))
        }
        if below == set(together.values()):
            yield Pairing(folder, base, suffix, together, sort)
        else:
            yield from sorted(own, key=lambda one: (split_order(one.folder), one.folder))


def _name(path: str) -> str:
    return stem(posixpath.basename(path))
