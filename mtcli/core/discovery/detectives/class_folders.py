"""A folder for each class, with or without folders for splits above or below."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from mtcli.core.discovery.detectives import DETECTIVES
from mtcli.core.discovery.listing import Listing, common_folder, is_below, joined
from mtcli.core.discovery.places import called, split_of, split_order
from mtcli.core.discovery.proposal import Doubt, Finding, Proposal, Source
from mtcli.core.discovery.words import GROUPS, PARTS, STRUCTURE, speaks_of, task_name, tokens
from mtcli.core.errors import and_more


@DETECTIVES.add("class folders")
def find(listing: Listing) -> Iterator[Finding]:
    """Classes of pictures by the folder that they lie in."""
    for roots in _families(listing):
        found = _proposal(listing, roots)
        if found is not None:
            yield found


def _families(listing: Listing) -> Iterator[list[str]]:
    """Folders that hold folders with pictures; those of one set's splits together.

    The highest ones that have more than one such folder, that is not there for another reason.
    """
    below: dict[str, Counter[str]] = defaultdict(Counter)
    for folder, pictures in listing.by_folder.items():
        parts = [] if folder == "." else folder.split("/")
        for depth, part in enumerate(parts):
            below["/".join(parts[:depth]) or "."][part] += len(pictures)

    def visit(folder: str) -> Iterator[list[str]]:
        names = list(below.get(folder, ()))
        splits = [name for name in names if split_of(name) is not None]
        plain = [name for name in names if name not in splits]
        if splits and len(splits) >= len(plain):
            inner = [found for name in splits for found in visit(joined(folder, name))]
            same: dict[tuple[str, ...], list[str]] = defaultdict(list)
            for roots in inner:
                for root in roots:
                    relative = root.split("/")[
                        len([] if folder == "." else folder.split("/")) + 1 :
                    ]
                    same[tuple(relative)].append(root)
            yield from same.values()
            for name in plain:
                yield from visit(joined(folder, name))
        elif len(plain) > 1 and not any(speaks_of(name, STRUCTURE) for name in plain):
            yield [folder]
        else:
            for name in names:
                yield from visit(joined(folder, name))

    yield from visit(".")


def _proposal(listing: Listing, roots: Sequence[str]) -> Finding | None:
    counts: Counter[str] = Counter()
    words: dict[str, str] = {}
    for root in roots:
        depth = 0 if root == "." else len(root.split("/"))
        for picture in listing.inputs:
            if root != "." and not picture.startswith(f"{root}/"):
                continue
            parts = picture.split("/")
            if len(parts) > depth + 1:
                words[picture] = parts[depth]
                counts[parts[depth]] += 1
    roots = sorted(roots, key=lambda root: (split_order(root), root))
    where = called([f"{root}/" for root in roots]) if "." not in roots else "class folders"
    if _are_groups(counts) or len(counts) * 2 > len(words):
        return Doubt(
            where,
            f"{len(counts)} folders with pictures such as {next(iter(counts))}: parts rather than "
            "classes",
            grave=False,
        )
    name = common_folder([f"{root}/x" for root in roots]).split("/")[-1]
    fits = name != "." and split_of(name) is None and not tokens(name) & STRUCTURE
    return Proposal(
        task=task_name(name, "cls") if fits else "cls",
        kind="classification",
        sources=tuple(_source(listing, root, sorted(counts), words) for root in roots),
        pictures=frozenset(words),
        origin=where,
        why=f"{where}: a folder for each of {len(counts)} classes ({and_more(sorted(counts), 4)}), "
        f"{len(words)} pictures",
        classes=tuple(sorted(counts)),
        words=words,
        counts=counts,
        rank=10,
    )


def _source(listing: Listing, root: str, classes: Sequence[str], words: Iterable[str]) -> Source:
    """Class folders; where other folders lie among them, by a pattern that knows the classes."""
    own = frozenset(picture for picture in words if is_below(picture, root))
    beside = {
        path.name
        for path in listing.path(root).iterdir()
        if path.is_dir() and not path.name.startswith(".")
    }
    if beside <= set(classes):
        return Source({"folders": listing.path(root)}, None, own)
    pattern = f"^(?P<class>{'|'.join(map(re.escape, classes))})/"
    return Source({"filenames": listing.path(root), "pattern": pattern}, None, own)


def _are_groups(counts: Counter[str]) -> bool:
    """Whether folders are numbered things, patients or parts, rather than classes."""
    stems = {re.sub(r"[\W_]*\d+$", "", name) for name in counts}
    return len(stems) == 1 and len(counts) > 1 and speaks_of(stems.pop(), GROUPS | PARTS)
