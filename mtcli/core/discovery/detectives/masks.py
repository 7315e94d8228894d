"""Pictures whose pixels are classes, one for each picture."""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from mtcli.core.data.decode import picture_size
from mtcli.core.discovery.detectives import DETECTIVES
from mtcli.core.discovery.legend import Legend, find_legend
from mtcli.core.discovery.listing import Listing
from mtcli.core.discovery.pairing import Pairing
from mtcli.core.discovery.pixels import Look, color_of, look
from mtcli.core.discovery.places import called
from mtcli.core.discovery.proposal import Doubt, Finding, Proposal, Source
from mtcli.core.errors import DataError
from mtcli.core.maps import IGNORED

LOOKED = 200
"""Masks whose values are gathered; a rarer value is told of before a training."""

MOST = 60
"""Classes that masks of numbers may plausibly have."""

VOC = [
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
]


@DETECTIVES.add("masks")
def find(listing: Listing) -> Iterator[Finding]:
    """Masks, by number, palette or colour."""
    groups: dict[tuple[str, str, str], list[Pairing]] = defaultdict(list)
    for pairing in listing.pairings:
        if pairing.sort == "mask":
            groups[pairing.role].append(pairing)
    for own in groups.values():
        yield _proposal(listing, own)


def _proposal(listing: Listing, pairings: Sequence[Pairing]) -> Finding:
    where = called([_name(one) for one in pairings])
    if re.search(r"object|instance", posixpath.basename(pairings[0].folder), re.I):
        return Doubt(where, "masks of single objects, not of classes", grave=False)
    files = {picture: file for one in pairings for picture, file in one.files.items()}
    step = max(1, len(files) // LOOKED)
    seen: list[Look] = []
    for picture, file in list(files.items())[::step]:
        found = look(listing.path(file))
        if found is None:
            return Doubt(file, "a mask that cannot be read")
        try:
            size = picture_size(listing.path(picture))
        except DataError:
            size = found.size
        if size != found.size:
            return Doubt(
                file,
                f"a mask of {found.size[0]} × {found.size[1]} pixels for {picture} of "
                f"{size[0]} × {size[1]}",
            )
        seen.append(found)
    said = _meaning(listing, pairings[0].folder, seen)
    if isinstance(said, str):
        return Doubt(where, said)
    labels, options, classes, remark = said
    suffix = {"suffix": pairings[0].suffix} if pairings[0].suffix else {}
    return Proposal(
        task="regions",
        kind="segmentation",
        sources=tuple(
            Source(
                {"masks": listing.path(one.folder), **suffix, **labels},
                one.base,
                frozenset(one.files),
            )
            for one in pairings
        ),
        pictures=frozenset(files),
        origin=where,
        why=f"{where}: masks of {len(classes)} classes on {len(files)} pictures",
        options=options,
        remark=remark,
        classes=classes,
        rank=30,
    )


def _name(pairing: Pairing) -> str:
    if not pairing.suffix:
        return pairing.folder
    place = "" if pairing.folder == "." else f"{pairing.folder}/"
    return f"{place}*{pairing.suffix}"


Meaning = tuple[dict[str, Any], dict[str, Any], tuple[str, ...], str]
"""What labels and the task say, the classes, and a remark."""


def _meaning(listing: Listing, folder: str, seen: Sequence[Look]) -> Meaning | str:
    """What the values mean; or why they mean nothing."""
    counts: Counter[int] = Counter()
    for found in seen:
        counts.update(found.values)
    legend = find_legend(listing, folder)
    if any(found.mode in ("RGB", "RGBA") for found in seen):
        return _colored(counts, legend)
    numbers = sorted(value for value in counts if value != IGNORED)
    if not numbers:
        return "masks that hold nothing but 255, which is no class"
    palette = any(found.mode == "P" for found in seen)
    if numbers[0] < 0:
        return f"masks with a value below 0: {numbers[0]}"
    plain = numbers[-1] < (IGNORED if palette else MOST) and not (
        numbers == [0] and IGNORED in counts
    )
    if plain:
        return _numbered(listing, folder, counts, numbers[-1] + 1, legend)
    if len(counts) > 16 or max(counts) > 255:
        return (
            f"masks of {len(counts)} values from {numbers[0]} to {max(counts)}: too many for "
            "classes; were they scaled or kept as JPEG?"
        )
    colors = {value * 0x010101: count for value, count in counts.items()}
    return _colored(Counter(colors), legend)


def _numbered(
    listing: Listing, folder: str, counts: Counter[int], known: int, legend: Legend | None
) -> Meaning:
    border = f"; {IGNORED} is a border that is not learnt" if IGNORED in counts else ""
    if legend is not None and len(legend.names) in (known, known - 1) and known > 1:
        names = legend.names
        if len(names) < known:
            names = ("background", *names)
        return {}, {"classes": list(names)}, names, f"names as {legend.path} lists them{border}"
    voc = posixpath.basename(folder).startswith("SegmentationClass") and any(
        "Annotations/" in path for path in listing.files
    )
    if voc and known <= len(VOC):
        return {}, {"classes": VOC}, tuple(VOC), f"the classes of Pascal VOC{border}"
    first = "background" if counts[0] else "class_0"
    size = max(known, 2)
    names = (first, *(f"class_{number}" for number in range(1, size)))
    remark = f"nothing names the classes 0 to {size - 1}: rename them here{border}"
    return {}, {"classes": list(names)}, names, remark


def _colored(counts: Counter[int], legend: Legend | None) -> Meaning | str:
    if len(counts) > MOST:
        return f"masks of {len(counts)} colours or more: too many for classes"
    if len(counts) < 2:
        return f"masks of one colour, {list(color_of(next(iter(counts))))}"
    by_color = {} if legend is None else legend.colors
    found = {color_of(packed) for packed in counts}
    if by_color and found <= set(by_color):
        colors = {name: list(color) for color, name in by_color.items()}
        assert legend is not None
        return {"colors": colors}, {}, tuple(colors), f"colours as {legend.path} lists them"
    common = counts.most_common(1)[0][0]
    first = 0 if 0 in counts else common
    others = sorted(packed for packed in counts if packed != first)
    named = {"background": list(color_of(first))}
    if len(others) == 1:
        named["foreground"] = list(color_of(others[0]))
    else:
        named |= {f"class_{n}": list(color_of(packed)) for n, packed in enumerate(others, start=1)}
    remark = "nothing names the colours (red, green, blue): rename the classes here"
    return {"colors": named}, {}, tuple(named), remark
