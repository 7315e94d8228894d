"""Classes in the pictures' own names: `crazing_12.jpg`, `cat.7.jpg`, `0012-cat.jpg`."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator

from mtcli.core.discovery.detectives import DETECTIVES
from mtcli.core.discovery.listing import Listing, common_folder
from mtcli.core.discovery.places import split_of
from mtcli.core.discovery.proposal import Doubt, Finding, Proposal, Source
from mtcli.core.discovery.words import GROUPS, PARTS, STRUCTURE, speaks_of
from mtcli.core.errors import and_more

PATTERNS = (
    r"(?P<class>[^/\d][^/]*?)[_\-. ]*\(?\d+\)?\.[^./]+$",
    r"(?:^|/)\d+[_\-. ]+(?P<class>[^/\d][^/]*?)\.[^./]+$",
)
"""A word and then a number; a number and then a word."""

MOST = 200


@DETECTIVES.add("file names")
def find(listing: Listing) -> Iterator[Finding]:
    """Words that many pictures' names share."""
    for pattern in PATTERNS:
        words: dict[str, str] = {}
        for path in listing.inputs:
            found = re.search(pattern, path)
            if found:
                words[path] = found["class"]
        counts = Counter(words.values())
        if (
            not 1 < len(counts) <= MOST
            or len(words) < 0.9 * len(listing.inputs)
            or len(words) < 3 * len(counts)
            or min(counts.values()) < 2
            or any(re.search(r"\d$|\d{4}", word) for word in counts)
            or any(speaks_of(word, GROUPS | PARTS | STRUCTURE) for word in counts)
        ):
            continue
        folder = common_folder(listing.inputs)
        example = posixpath.basename(next(iter(words)))
        if all(split_of(word) is not None for word in counts):
            yield Doubt("file names", f"such as {example} speak of splits", grave=False)
            return
        yield Proposal(
            task="cls",
            kind="classification",
            sources=(
                Source(
                    {"filenames": listing.path(folder), "pattern": pattern}, None, frozenset(words)
                ),
            ),
            pictures=frozenset(words),
            origin="file names",
            why=f"file names such as {example}: {len(counts)} words "
            f"({and_more(sorted(counts), 4)}) on {len(words)} pictures",
            classes=tuple(sorted(counts)),
            words=words,
            counts=counts,
            rank=60,
        )
        return
