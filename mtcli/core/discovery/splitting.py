"""Which splits the pictures get: those that are there, else drawn ones; how a config says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtcli.core.data.drawn import draw
from mtcli.core.data.pictures import pictures_below
from mtcli.core.discovery.columns import is_number
from mtcli.core.discovery.listing import Listing, common_folder, is_below
from mtcli.core.discovery.proposal import Grouping, Proposal, SplitFound
from mtcli.core.errors import DataError

FRACTIONS = {"train": 0.7, "val": 0.15, "test": 0.15}
OF_FEW = {"train": 0.75, "val": 0.25}
FEW = 100
"""Pictures below which a test split would be too small to say anything."""


MANY = 10
"""Different numbers beyond which pictures are divided by fifths of them."""


@dataclass(frozen=True, slots=True)
class Own:
    """Pictures that a task brings along, of other splits than the rest."""

    images: str
    splits: Mapping[str, Any]
    members: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Splitting:
    """What the config will say of pictures and splits.

    Attributes:
        images: the folder, below the root.
        config: `data.splits`; None: `members` are written to a list beside the config.
        members: which picture is in which split; empty where they will be drawn.
        why: where it comes from.
        training: how many pictures are for training.
        own: by task, what it brings along.
        group: `data.group`, where there is one and it can be said.
    """

    images: str
    config: Mapping[str, Any] | None
    members: Mapping[str, frozenset[str]]
    why: str
    training: int
    own: Mapping[str, Own]
    group: Grouping | None


def split_up(
    listing: Listing,
    proposals: Sequence[Proposal],
    splits: Sequence[SplitFound],
    groups: Sequence[Grouping],
    unread: bool = False,
) -> Splitting:
    """Choose the splits of some tasks.

    Args:
        listing: of the folder.
        proposals: the tasks.
        splits: that were found.
        groups: that were found.
        unread: whether there is something that says the splits and cannot be read.

    Raises:
        DataError: there are too few pictures for two splits.
    """
    labelled = frozenset(picture for proposal in proposals for picture in proposal.pictures)
    group = max(groups, key=lambda found: len(found.groups), default=None)
    chosen = _best(splits, labelled, ("train", "val"))
    if chosen is None:
        held_out = _best(splits, labelled, ("train", "test"))
        if held_out is not None:
            return _with_val_drawn(proposals, held_out, group)
        return _drawn(listing, proposals, labelled, group, unread)
    own, strangers = {}, []
    for proposal in proposals:
        if proposal.pictures & chosen.members["train"]:
            continue
        inner = _best([s for s in splits if s.config], proposal.pictures, ("train", "val"))
        if inner is not None and 2 * _covered(inner, proposal.pictures) > len(proposal.pictures):
            pictures = sorted(picture for part in inner.members.values() for picture in part)
            assert inner.config is not None
            own[proposal.task] = Own(
                inner.base or common_folder(pictures), inner.config, inner.members
            )
        else:
            strangers.append(proposal)
    members, config, why = dict(chosen.members), chosen.config, chosen.why
    if strangers:
        # One list for all: a config can draw for all pictures, or for none.
        free = {p for proposal in strangers for p in proposal.pictures} - labelled_in(members)
        drawn = _draw(
            sorted(free), strangers, OF_FEW if "test" not in members else FRACTIONS, group
        )
        members = {
            s: members.get(s, frozenset()) | drawn.get(s, frozenset()) for s in drawn | members
        }
        why += f"; {len(free)} others of {', '.join(p.task for p in strangers)} are drawn"
        config = None
    lost = labelled - labelled_in(members)
    lost -= {p for proposal in proposals if proposal.task in own for p in proposal.pictures}
    if lost:
        why += f"; {len(lost)} labelled pictures are in none, such as {min(lost)}"
    for task, mine in own.items():
        counts = ", ".join(f"{split} {len(pictures)}" for split, pictures in mine.members.items())
        why += f"; {task} has pictures of its own: {counts}"
    brought = frozenset(p for mine in own.values() for p in mine.members["train"])
    images = common_folder(
        sorted(labelled_in(members) | (labelled - lost if not own else frozenset()))
    )
    if config is not None and chosen.base is not None:
        images = chosen.base
    return Splitting(
        images=images,
        config=config,
        members=members,
        why=why,
        training=len((members["train"] | brought) & labelled),
        own=own,
        group=_usable(group, images),
    )


def labelled_in(members: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """All pictures of some splits."""
    return frozenset(picture for part in members.values() for picture in part)


def _best(
    splits: Sequence[SplitFound], labelled: frozenset[str], wanted: tuple[str, str]
) -> SplitFound | None:
    """The splits that most of the labelled pictures are in, where both wanted ones are there."""
    usable = [
        split
        for split in splits
        if all(split.members.get(name, frozenset()) & labelled for name in wanted)
    ]
    if not usable:
        return None
    return max(usable, key=lambda s: (round(_covered(s, labelled) / len(labelled), 1), -s.rank))


def _covered(split: SplitFound, pictures: frozenset[str]) -> int:
    return len(labelled_in(split.members) & pictures)


def _with_val_drawn(
    proposals: Sequence[Proposal],
    found: SplitFound,
    group: Grouping | None,
) -> Splitting:
    """A test split is kept as it is; what is validated on comes out of the training split."""
    labelled = frozenset(picture for proposal in proposals for picture in proposal.pictures)
    pool = sorted(found.members["train"] & labelled)
    drawn = _draw(pool, proposals, {"train": 0.85, "val": 0.15}, group)
    members = {**drawn, "test": found.members["test"]}
    images = common_folder(sorted(labelled_in(members)))
    return Splitting(
        images=images,
        config=None,
        members=members,
        why=f"{found.why}; test stays as it is, and val is drawn from train, 15 % of it",
        training=len(members["train"]),
        own={},
        group=_usable(group, images),
    )


def _drawn(
    listing: Listing,
    proposals: Sequence[Proposal],
    labelled: frozenset[str],
    group: Grouping | None,
    unread: bool,
) -> Splitting:
    fractions = FRACTIONS if len(labelled) >= FEW else OF_FEW
    by = next((p for p in proposals if p.words and _divisible(p)), None)
    images = common_folder(sorted(labelled))
    if group is not None and is_below(images, group.base):
        images = group.base
    below = {listing.name_of(path) for path in pictures_below(listing.path(images))}
    inputs = {path for path in listing.inputs if is_below(path, images)}
    likeness = f", each a likeness of the whole by {by.task}" if by is not None else ""
    none = "what tells the splits cannot be read" if unread else "no split is there"
    why = f"{none}: drawn{likeness}"
    usable = _usable(group, images)
    if group is not None:
        why += f"; the pictures of one {group.config['column']} stay together"
    # A mask among the pictures, or one that was to be passed over, must not be drawn.
    sayable = "{split}" not in str(listing.path(images))
    whole = below == inputs and (by is not None or inputs == labelled)
    plain = sayable and whole and (usable or not group)
    members = _draw(sorted(labelled), proposals, fractions, group)
    config = {"fractions": dict(fractions), "seed": 0}
    if by is not None:
        config["stratify"] = by.task
    return Splitting(
        images=images,
        config=config if plain else None,
        members={} if plain else members,
        why=why,
        training=len(members["train"]),
        own={},
        group=usable,
    )


def _draw(
    pictures: Sequence[str],
    proposals: Sequence[Proposal],
    fractions: Mapping[str, float],
    group: Grouping | None,
) -> dict[str, frozenset[str]]:
    by = next((p for p in proposals if p.words and _divisible(p)), None)
    words = {} if by is None else _strata(by)
    groups = {} if group is None else group.groups
    drawn = draw(pictures, fractions, 0, words, groups)
    members = {
        split: frozenset(p for p, own in drawn.items() if own == split) for split in fractions
    }
    empty = [split for split, own in members.items() if not own]
    if empty:
        raise DataError(
            f"{len(pictures)} labelled pictures: too few for the splits {', '.join(fractions)}",
            mend="add pictures"
            + (f", or more than {len(set(groups.values()))} groups" if groups else ""),
        )
    return members


def _divisible(proposal: Proposal) -> bool:
    """Whether its labels have few enough words, or numbers, for each sort to be in every split."""
    if proposal.kind == "regression":
        return all(map(is_number, proposal.words.values()))
    return proposal.kind in ("classification", "multilabel", "detection")


def _strata(proposal: Proposal) -> Mapping[str, str]:
    """A word for each picture; of many numbers, which fifth of all it is in."""
    words = proposal.words
    if proposal.kind != "regression" or len(set(words.values())) <= MANY:
        return words
    order = sorted(words, key=lambda picture: (float(words[picture]), picture))
    return {picture: f"fifth {5 * place // len(order)}" for place, picture in enumerate(order)}


def _usable(group: Grouping | None, images: str) -> Grouping | None:
    return group if group is not None and group.base == images else None
