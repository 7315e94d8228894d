"""Of everything that was found: what says the same twice, what contradicts, what remains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from mtcli.core.discovery.agreement import SizeOf, same_boxes, same_regions, same_words
from mtcli.core.discovery.doubts import each_sort_once
from mtcli.core.discovery.implausible import plausible
from mtcli.core.discovery.proposal import Doubt, Finding, Grouping, Proposal, SplitFound
from mtcli.core.discovery.sorts import class_remarks


@dataclass(frozen=True, slots=True)
class Sifted:
    """What remains, the best first."""

    proposals: tuple[Proposal, ...]
    splits: tuple[SplitFound, ...]
    groups: tuple[Grouping, ...]
    doubts: tuple[Doubt, ...]


def sift(findings: Iterable[Finding], size_of: SizeOf) -> Sifted:
    """Keep one of what says the same, and give each task a name of its own.

    Args:
        findings: of all detectives.
        size_of: gives the sizes of pictures, to compare formats.

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
    splits = sorted((f for f in everything if isinstance(f, SplitFound)), key=lambda s: s.rank)
    boxes = partial(same_boxes, size_of=size_of)
    proposals = _once(proposals, "detection", boxes, doubts)
    proposals = _once(proposals, "segmentation", same_regions, doubts)
    proposals = _once(proposals, None, same_words, doubts)
    proposals = plausible(proposals, splits, doubts)
    return Sifted(
        tuple(_named(map(_remarked, proposals))),
        tuple(splits),
        tuple(finding for finding in everything if isinstance(finding, Grouping)),
        tuple(each_sort_once(doubts)),
    )


def _remarked(proposal: Proposal) -> Proposal:
    """With what is odd about its classes, before the rest that a person should look at."""
    odd = [*class_remarks(proposal.counts), *([proposal.remark] if proposal.remark else [])]
    return replace(proposal, remark="; ".join(odd))


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


def _named(proposals: Iterable[Proposal]) -> list[Proposal]:
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
