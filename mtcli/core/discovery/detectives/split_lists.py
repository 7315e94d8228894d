"""Text files that list the pictures of a split, a name a line."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Sequence

from mtcli.core.discovery.detectives import DETECTIVES
from mtcli.core.discovery.listing import Listing, parent
from mtcli.core.discovery.matching import Located
from mtcli.core.discovery.places import SPLITS, called, split_of, without_split
from mtcli.core.discovery.proposal import Doubt, Finding, SplitFound
from mtcli.core.discovery.siblings import named_like_a_picture
from mtcli.core.discovery.yoloword import is_line

FOUND = 0.8
"""The least share of the names that are pictures."""


@DETECTIVES.add("split lists")
def find(listing: Listing) -> Iterator[Finding]:
    """Lists of one folder, such as `train.txt` and `val.txt`."""
    families: dict[str, dict[str, tuple[str, Located, bool]]] = defaultdict(dict)
    for path in listing.with_ending(".txt", ".lst", ".list"):
        split = split_of(posixpath.basename(path))
        if split is None or named_like_a_picture(listing, path):
            continue  # labels of one picture, such as YOLO's
        names = _names(listing, path)
        if not names or all(map(is_line, names)):
            continue
        located, by_stem = listing.index.locate(names, False, parent(path)), False
        if located is None:
            by_stem = True
            located = listing.index.locate(names, True, parent(path))
        if located is None or len(located.pictures) < FOUND * len(names):
            missed = names if located is None else located.missed
            yield Doubt(path, _missing(missed, names), listing.index.nearest(missed[0]))
            continue
        families[without_split(path)].setdefault(split, (path, located, by_stem))
    for family in families.values():
        if len(family) > 1:
            yield _found(listing, family)


def _missing(missed: Sequence[str], names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"lists {names[0]}, which is no picture"
    if len(missed) == 1:
        return f"1 of {len(names)} names, {missed[0]}, is no picture"
    return f"{len(missed)} of {len(names)} names such as {missed[0]} are no pictures"


def _names(listing: Listing, path: str) -> list[str]:
    try:
        lines = listing.path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError):
        return []
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def _found(listing: Listing, family: dict[str, tuple[str, Located, bool]]) -> SplitFound:
    family = {split: family[split] for split in SPLITS if split in family}
    members = {
        split: frozenset(located.pictures.values()) for split, (_, located, _) in family.items()
    }
    bases = {located.base for _, located, _ in family.values()}
    plain = not any(by_stem or located.missed for _, located, by_stem in family.values())
    files = [path for path, _, _ in family.values()]
    counts = ", ".join(f"{split} {len(own)}" for split, own in members.items())
    stems = any(by_stem for _, _, by_stem in family.values())
    return SplitFound(
        members,
        {split: listing.path(path) for split, (path, _, _) in family.items()}
        if plain and len(bases) == 1
        else None,
        bases.pop() if len(bases) == 1 else None,
        f"{called(files)} list the pictures: {counts}"
        + (", by names without ending" if stems else ""),
        rank=5,
    )
