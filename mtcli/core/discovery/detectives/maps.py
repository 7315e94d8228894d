"""A measured number for every pixel, depth mostly, in a file for each picture."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from mtcli.core.discovery.detectives import DETECTIVES
from mtcli.core.discovery.listing import Listing
from mtcli.core.discovery.pairing import Pairing
from mtcli.core.discovery.pixels import Look, look
from mtcli.core.discovery.places import called
from mtcli.core.discovery.proposal import Doubt, Finding, Proposal, Source

LOOKED = 50
MILLIMETRES = 200.0
"""Whole numbers that reach beyond this are hardly metres."""


@DETECTIVES.add("maps")
def find(listing: Listing) -> Iterator[Finding]:
    """16-bit pictures, TIFF and NumPy files."""
    groups: dict[tuple[str, str, str], list[Pairing]] = defaultdict(list)
    for pairing in listing.pairings:
        if pairing.sort == "map":
            groups[pairing.role].append(pairing)
    for own in groups.values():
        yield _proposal(listing, own)


def _proposal(listing: Listing, pairings: Sequence[Pairing]) -> Finding:
    files = {picture: file for one in pairings for picture, file in one.files.items()}
    where = called([one.folder for one in pairings])
    step = max(1, len(files) // LOOKED)
    seen = [found for f in list(files.values())[::step] if (found := look(listing.path(f)))]
    low, high = min(found.low for found in seen), max(found.high for found in seen)
    labels: dict[str, Any] = {"suffix": pairings[0].suffix} if pairings[0].suffix else {}
    remarks = []
    if any(found.nan for found in seen):
        labels["unmeasured"] = "nan"
    elif low < 0:
        if not _one_below_zero(seen):
            return Doubt(where, f"maps of numbers from {low:g} to {high:g}: depth is above 0")
        labels["unmeasured"] = low
        remarks.append(f"{low:g} is taken for not measured")
    if high > MILLIMETRES and all(found.mode not in ("F",) for found in seen):
        labels["scale"] = 0.001
        remarks.append(f"numbers up to {high:g} look like millimetres: 0.001 makes metres")
    remarks.append("0 is not measured")
    return Proposal(
        task=_task(pairings[0]),
        kind="depth",
        sources=tuple(
            Source({"maps": listing.path(one.folder), **labels}, one.base, frozenset(one.files))
            for one in pairings
        ),
        pictures=frozenset(files),
        origin=where,
        why=f"{where}: maps of numbers from {low:g} to {high:g} on {len(files)} pictures",
        remark="; ".join(remarks),
        rank=35,
    )


def _one_below_zero(seen: Sequence[Look]) -> bool:
    """Whether all numbers below 0 are one and the same."""
    below = {value for found in seen for value in found.values if value < 0}
    return len(below) == 1 and all(
        found.low in (*below, *([found.low] * (found.low >= 0))) for found in seen
    )


def _task(pairing: Pairing) -> str:
    name = posixpath.basename(pairing.folder)
    return name if pairing.folder not in (".", pairing.base) else "depth"
