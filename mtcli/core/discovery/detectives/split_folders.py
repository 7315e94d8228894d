"""Folders called after splits, above or below others: `train/images`, `images/val2017`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from mtcli.core.discovery.detectives import DETECTIVES
from mtcli.core.discovery.listing import Listing, common_folder
from mtcli.core.discovery.places import SPLITS, split_of
from mtcli.core.discovery.proposal import Finding, SplitFound


@DETECTIVES.add("split folders")
def find(listing: Listing) -> Iterator[Finding]:
    """Splits by the folders that pictures lie in; a set of such folders for each place."""
    places: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    folders: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for folder, pictures in listing.by_folder.items():
        parts = folder.split("/")
        for depth, part in enumerate(parts):
            split = split_of(part)
            if split is not None:
                above = "/".join(parts[:depth]) or "."
                places[above][split] |= set(pictures)
                folders[above][split].add("/".join(parts[: depth + 1]))
                break
    found = {above: own for above, own in places.items() if len(own) > 1}
    for above, own in found.items():
        yield _found(listing, own, folders[above])
    if len(found) > 1:  # CLASS/train and CLASS/val: none of them is of all pictures
        together: dict[str, set[str]] = defaultdict(set)
        several: dict[str, set[str]] = defaultdict(set)
        for above, own in found.items():
            for split, pictures_ in own.items():
                together[split] |= pictures_
                several[split] |= folders[above][split]
        yield _found(listing, together, several)


def _found(
    listing: Listing, members: dict[str, set[str]], folders: dict[str, set[str]]
) -> SplitFound:
    order = [split for split in SPLITS if split in members]
    counts = ", ".join(f"{split} {len(members[split])}" for split in order)
    said = [f"{min(folders[split])}/" for split in order]
    single = all(len(folders[split]) == 1 for split in order)
    # As low as they all lie: beside them may be folders of masks.
    lowest = {split: common_folder(sorted(members[split])) for split in order}
    return SplitFound(
        {split: frozenset(members[split]) for split in order},
        {split: listing.path(lowest[split]) for split in order} if single else None,
        None,
        f"the folders {', '.join(said)}{'' if single else ' and such'} hold the pictures: {counts}",
        rank=20,
    )
