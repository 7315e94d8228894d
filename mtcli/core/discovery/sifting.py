"""Of everything that was found: what says the same twice, what contradicts, what remains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from mtcli.core.discovery.proposal import Doubt, Finding, Grouping, Proposal, SplitFound
from mtcli.core.errors import DataError


@dataclass(frozen=True, slots=True)
class Sifted:
    """What remains, the best first."""

    proposals: tuple[Proposal, ...]
    splits: tuple[SplitFound, ...]
    groups: tuple[Grouping, ...]
    doubts: tuple[Doubt, ...]


def sift(findings: Iterable[Finding]) -> Sifted:
    """Keep one of what says the same, and give each task a name of its own.

    Raises:
        DataError: two formats say different things of the same pictures.
    """
    everything = list(findings)
    doubts = [finding for finding in everything if isinstance(finding, Doubt)]
    proposals = sorted(
        (finding for finding in everything if isinstance(finding, Proposal)),
        key=lambda proposal: (proposal.rank, proposal.origin),
    )
    proposals = _not_folders_of_labels(proposals, doubts)
    proposals = _once(proposals, "detection", _same_boxes, doubts)
    proposals = _once(proposals, "segmentation", _same_regions, doubts)
    proposals = _once(proposals, None, _same_words, doubts)
    return Sifted(
        tuple(_named(proposals)),
        tuple(
            sorted(
                (f for f in everything if isinstance(f, SplitFound)), key=lambda split: split.rank
            )
        ),
        tuple(finding for finding in everything if isinstance(finding, Grouping)),
        tuple(doubts),
    )


def _once(
    proposals: Sequence[Proposal],
    kind: str | None,
    same: Callable[[Proposal, Proposal], bool],
    doubts: list[Doubt],
) -> list[Proposal]:
    """Keep the first of those that are the same, noting that the others are."""
    kept: list[Proposal] = []
    order = list(proposals)
    if kind is not None:
        # Names are worth more than a few pictures.
        order.sort(
            key=lambda p: (
                (kind == "segmentation" and "class_1" in p.classes, -len(p.pictures))
                if p.kind == kind
                else (False, 0)
            )
        )
    for proposal in order:
        place = None
        if kind in (None, proposal.kind):
            place = next((n for n, earlier in enumerate(kept) if same(earlier, proposal)), None)
        if place is None:
            kept.append(proposal)
            continue
        why = f"{kept[place].why}; {proposal.origin} says the same"
        kept[place] = replace(kept[place], why=why)
        doubts.append(Doubt(proposal.origin, f"says the same as {kept[place].origin}", grave=False))
    return sorted(kept, key=lambda proposal: (proposal.rank, proposal.origin))


def _same_boxes(one: Proposal, other: Proposal) -> bool:
    """Whether two formats hold the same boxes.

    Raises:
        DataError: they hold others, of the same classes in the same pictures.
    """
    if one.kind != other.kind or one.objects is None or other.objects is None:
        return False
    common = sorted(one.pictures & other.pictures)
    if len(common) < 0.5 * min(len(one.pictures), len(other.pictures)):
        return False
    names = {name.lower() for name in one.classes}, {name.lower() for name in other.classes}
    nameless = any(name.startswith("class_") for side in names for name in side)
    if not names[0] & names[1] and not nameless:
        return False
    differing = [p for p in common if one.objects[p] != other.objects[p]]
    if not differing:
        return True
    first = differing[0]
    raise DataError(
        f"{one.origin} and {other.origin} contradict each other in {len(differing)} of "
        f"{len(common)} pictures",
        where=first,
        found=f"{one.objects[first]} boxes in {one.origin}, {other.objects[first]} in "
        f"{other.origin}",
        mend=f"pass over one of them: --ignore '{_pattern(other)}' or --ignore '{_pattern(one)}'",
    )


def _pattern(proposal: Proposal) -> str:
    """What `--ignore` takes to pass over the files of a proposal."""
    name = proposal.origin.split(",")[0].split(" and ")[0]
    return name if "." in name.rpartition("/")[2] else f"{name}/*"


def _same_regions(one: Proposal, other: Proposal) -> bool:
    """Outlines and masks of as many classes in the same pictures."""
    if one.kind != other.kind or "coco" not in {
        key for proposal in (one, other) for source in proposal.sources for key in source.labels
    }:
        return False
    known = {len(set(proposal.classes) - {"background"}) for proposal in (one, other)}
    return len(known) == 1 and 2 * len(one.pictures & other.pictures) > len(other.pictures)


def _same_words(one: Proposal, other: Proposal) -> bool:
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


def _not_folders_of_labels(proposals: Sequence[Proposal], doubts: list[Doubt]) -> list[Proposal]:
    """Without class folders that other labels know as the folders of their own pictures."""
    bases = {
        source.base: proposal.origin
        for proposal in proposals
        for source in proposal.sources
        if source.base not in (None, ".")
    }
    kept = []
    for proposal in proposals:
        folders = {picture.rpartition("/")[0] for picture in proposal.pictures}
        by_folder = any("folders" in source.labels for source in proposal.sources)
        own = [bases[folder] for folder in folders if folder in bases]
        if by_folder and own:
            text = f"folders whose pictures {own[0]} labels, rather than classes"
            doubts.append(Doubt(proposal.origin, text, grave=False))
        else:
            kept.append(proposal)
    return kept


def _named(proposals: Sequence[Proposal]) -> list[Proposal]:
    taken: set[str] = set()
    named = []
    for proposal in proposals:
        name, number = proposal.task, 1
        while name.lower() in taken:
            number += 1
            name = f"{proposal.task}_{number}"
        taken.add(name.lower())
        other = proposal.other and replace(proposal.other, task=name)
        named.append(replace(proposal, task=name, other=other))
    return named
