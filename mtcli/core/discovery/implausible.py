"""Words that are no classes: those that follow from splits or folders, or may be mere names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mtcli.core.discovery.listing import parent
from mtcli.core.discovery.proposal import Doubt, Proposal, SplitFound

MOSTLY = 0.9
"""The share of a proposal's pictures that splits must know to say something of its words."""


def plausible(
    proposals: Sequence[Proposal], splits: Sequence[SplitFound], doubts: list[Doubt]
) -> list[Proposal]:
    """Without words of file names or folders that somebody gave to splits rather than classes.

    Args:
        proposals: all.
        splits: all that were found.
        doubts: takes what is left out, and why.
    """
    kept = []
    for proposal in proposals:
        why = _why_not(proposal, splits) if _is_named(proposal) else None
        if why is None:
            kept.append(proposal)
        else:
            doubts.append(Doubt(proposal.origin, why, grave=False))
    return [_judged(proposal, kept) for proposal in kept]


def _is_named(proposal: Proposal) -> bool:
    """Whether its classes are words of paths, of which nobody said that they are classes."""
    return any({"folders", "filenames"} & source.labels.keys() for source in proposal.sources)


def _of_files(proposal: Proposal) -> bool:
    return proposal.origin == "file names"


def _why_not(proposal: Proposal, splits: Sequence[SplitFound]) -> str | None:
    folders = _words_by((parent(picture), word) for picture, word in proposal.words.items())
    if _of_files(proposal) and len(folders) > 1 and all(len(own) == 1 for own in folders.values()):
        return "have one word in each folder, which is no class of its own"
    for split in splits:
        of = {picture: name for name, own in split.members.items() for picture in own}
        known = {picture: of[picture] for picture in proposal.words if picture in of}
        if len(known) < MOSTLY * len(proposal.words):
            continue
        words = _words_by((name, proposal.words[picture]) for picture, name in known.items())
        if len(words) > 1 and len(words.get("train", ())) == 1:
            return f"have one word only in train, {min(words['train'])}: not classes, but splits"
    return None


def _words_by(pairs: Iterable[tuple[str, str]]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for place, word in pairs:
        found[place].add(word)
    return found


def _judged(proposal: Proposal, all_: Sequence[Proposal]) -> Proposal:
    """Words of file names are taken where nothing else labels these pictures."""
    if not _of_files(proposal):
        return proposal
    others = [
        other
        for other in all_
        if other is not proposal
        and 2 * len(other.pictures & proposal.pictures) > len(other.pictures)
    ]
    if not others:
        return proposal
    text = f"; perhaps mere names, since {others[0].origin} labels these pictures"
    return replace(proposal, why=proposal.why + text, wanted=False)
