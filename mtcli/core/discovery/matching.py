"""Which pictures the names in a label file speak of, and which folder they are relative to."""

from __future__ import annotations

import difflib
import posixpath
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from mtcli.core.data.readers import picture_key, stem
from mtcli.core.discovery.places import apart

SAMPLE = 300
"""Names that decide the folder; all are then looked up below it."""

MANY = 50
"""Pictures of one name in different folders, beyond which others are left out of the count."""


@dataclass(frozen=True, slots=True)
class Located:
    """Names found below one folder.

    Attributes:
        base: the folder.
        pictures: by the names as they were given.
        missed: names without a picture there.
    """

    base: str
    pictures: dict[str, str]
    missed: tuple[str, ...]


class Index:
    """Finds pictures by the end of their paths."""

    def __init__(self, pictures: Sequence[str]) -> None:
        self._pictures = pictures
        self._known = {
            False: {path: path for path in pictures},
            True: {stem(path): path for path in reversed(pictures)},
        }
        self._by_end: dict[bool, dict[str, list[str]]] = {False: {}, True: {}}
        for by_stem, known in self._known.items():
            ends: dict[str, list[str]] = defaultdict(list)
            for path in known:
                ends[posixpath.basename(path)].append(path)
            self._by_end[by_stem] = ends

    def locate(self, names: Collection[str], by_stem: bool, near: str) -> Located | None:
        """The folder below which most of the names are pictures; None: there is none.

        Args:
            names: as a label file has them, without ending where `by_stem`.
            by_stem: whether they are.
            near: the folder of the label file: of two folders the nearer one is meant.
        """
        asked = list(dict.fromkeys(names))
        bases: Counter[str] = Counter()
        for name in asked[:: max(1, len(asked) // SAMPLE)]:
            bases.update(set(self._bases(picture_key(name), by_stem, near)))
        if not bases:
            return None
        base = max(sorted(bases), key=lambda folder: (bases[folder], -apart(folder, near)))
        known = self._known[by_stem]
        found = {}
        for name in asked:
            path = known.get(posixpath.normpath(f"{base}/{picture_key(name)}"))
            if path is not None:
                found[name] = path
        return Located(base, found, tuple(name for name in asked if name not in found))

    def nearest(self, name: str) -> str | None:
        """A picture whose name is nearly this one."""
        ends = {posixpath.basename(path): path for path in self._pictures[:20000]}
        near = difflib.get_close_matches(posixpath.basename(picture_key(name)), ends, 1, 0.5)
        return ends[near[0]] if near else next(iter(self._pictures), None)

    def _bases(self, key: str, by_stem: bool, near: str) -> Iterable[str]:
        known = self._known[by_stem]
        if key.startswith("/"):
            return
        if posixpath.normpath(f"{near}/{key}") in known:
            yield near
        for path in self._by_end[by_stem].get(posixpath.basename(key), ())[:MANY]:
            if path == key:
                yield "."
            elif path.endswith(f"/{key}"):
                yield path[: -len(key) - 1]
