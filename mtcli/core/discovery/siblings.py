"""Label files that belong to pictures by their names, folder by folder: XML or text files."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mtcli.core.data.readers import stem
from mtcli.core.discovery.listing import Listing, parent
from mtcli.core.discovery.places import above_both, split_order, spread


@dataclass(frozen=True, slots=True)
class Siblings:
    """A folder of label files, and that of their pictures.

    Attributes:
        folder: of the label files; all of their ending below it are meant.
        base: of the pictures.
        files: by picture.
    """

    folder: str
    base: str
    files: Mapping[str, str]


def families(
    listing: Listing, files: Sequence[str], allowed: Sequence[str] = ()
) -> tuple[list[list[Siblings]], list[str]]:
    """Label files with the pictures of their names.

    Those of one label in several folders (`train/labels`, `valid/labels`) are one list.

    Args:
        listing: of the folder.
        files: of one ending, all of them labels.
        allowed: names of other files that may lie among them.

    Returns:
        The families, and the folders none of whose files has a picture.
    """
    endings = {posixpath.splitext(path)[1].lower() for path in files}
    folders: dict[str, list[str]] = defaultdict(list)
    for path in files:
        folders[parent(path)].append(path)
    parts: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    pieces: dict[tuple[str, str], list[Siblings]] = defaultdict(list)
    alone: list[str] = []
    for folder, own in folders.items():
        names = {stem(posixpath.basename(path)): path for path in own}
        located = listing.index.locate(names, by_stem=True, near=folder)
        if located is None:
            alone.append(folder)
            continue
        found = {picture: names[name] for name, picture in located.pictures.items()}
        place = spread(folder, located.base)
        parts[place] |= found
        pieces[place].append(Siblings(folder, located.base, found))
    together: dict[tuple[str, str], list[Siblings]] = defaultdict(list)
    known = set(files)
    for (folder, base), found in parts.items():
        below = {
            path
            for path in listing.below(folder, *endings)
            if posixpath.basename(path) not in allowed
        }
        whole = below <= known and len({parent(path) for path in below}) == len(
            pieces[folder, base]
        )
        for one in [Siblings(folder, base, found)] if whole else pieces[folder, base]:
            together[_role(one)].append(one)
    for family in together.values():
        family.sort(key=lambda one: (split_order(one.folder), one.folder))
    return list(together.values()), alone


def named_like_a_picture(listing: Listing, path: str) -> bool:
    """Whether a file has the name of a picture, but for its ending."""
    return listing.index.locate([stem(posixpath.basename(path))], True, parent(path)) is not None


def _role(one: Siblings) -> tuple[str, str]:
    common = above_both(one.folder, one.base)
    return posixpath.relpath(one.folder, common), posixpath.relpath(one.base, common)
