"""Whether two proposals say the same of the same pictures, or contradict each other."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from mtcli.core.discovery.boxes import difference
from mtcli.core.discovery.listing import is_below, parent
from mtcli.core.discovery.places import called
from mtcli.core.discovery.proposal import Proposal
from mtcli.core.errors import DataError

SizeOf = Callable[[str], tuple[int, int] | None]
"""Gives height and width of a picture; None: it cannot be read."""


def same_boxes(one: Proposal, other: Proposal, size_of: SizeOf) -> bool:
    """Whether two formats hold the same boxes, of the same classes.

    Raises:
        DataError: they hold others, in the same pictures and with a class in common.
    """
    if one.kind != other.kind or one.objects is None or other.objects is None:
        return False
    common = sorted(one.pictures & other.pictures)
    if len(common) < 0.5 * min(len(one.pictures), len(other.pictures)):
        return False
    names = {name.lower() for name in one.classes}, {name.lower() for name in other.classes}
    if not names[0] & names[1] and not (one.objects.nameless or other.objects.nameless):
        return False
    found = difference(one.objects, other.objects, common, size_of)
    if not found.pictures:
        return True
    raise DataError(
        f"{one.origin} and {other.origin} contradict each other in {len(found.pictures)} of "
        f"{len(common)} pictures, {found.boxes} box{'es' if found.boxes > 1 else ''} in all",
        where=found.pictures[0],
        found=f"in {one.origin} {found.one}; in {other.origin} {found.other}",
        mend=f"pass over one of them: {_ignored(other)}, or {_ignored(one)}",
    )


def same_regions(one: Proposal, other: Proposal) -> bool:
    """Outlines and masks of as many classes in the same pictures."""
    if one.kind != other.kind or "coco" not in {
        key for proposal in (one, other) for source in proposal.sources for key in source.labels
    }:
        return False
    known = {len(set(proposal.classes) - {"background"}) for proposal in (one, other)}
    return len(known) == 1 and 2 * len(one.pictures & other.pictures) > len(other.pictures)


def same_words(one: Proposal, other: Proposal) -> bool:
    """One class for one class, in the same pictures."""
    if one.kind != other.kind or one.kind not in ("classification", "multilabel", "regression"):
        return False
    common = one.words.keys() & other.words.keys()
    if not common or len(common) < 0.9 * min(len(one.words), len(other.words)):
        return False
    if one.kind == "regression":
        return all(_number(one.words[p]) == _number(other.words[p]) for p in common)
    pairs = {(one.words[p], other.words[p]) for p in common}
    return len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs) > 1


def _number(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word


def _ignored(proposal: Proposal) -> str:
    """The options that pass over the files of a proposal."""
    return " ".join(f"--ignore '{pattern}'" for pattern in _patterns(proposal))


def _patterns(proposal: Proposal) -> list[str]:
    """What `--ignore` takes to pass over some label files, and no picture beside them."""
    kinds: dict[str, set[str]] = {}
    for file in proposal.files:
        kinds.setdefault(posixpath.splitext(file)[1], set()).add(file)
    found: list[str] = []
    for ending, own in sorted(kinds.items()):
        if len(own) == 1:
            found += own
            continue
        # Several files of one format that `called` names together differ in a word alone.
        before, brace, after = called(sorted(own)).partition("{")
        if brace and "}" in after:
            found.append(f"{before}*{after.rpartition('}')[2]}")
            continue
        folders = sorted({parent(file) for file in own})
        above = folders[0] if len(folders) == 1 else posixpath.commonpath(folders)
        beside = any(is_below(picture, above or ".") for picture in proposal.pictures)
        place = "" if above in (".", "") else f"{above}/"
        found.append(f"{place}*{ending}" if beside else f"{place}*")
    return found
