"""Pascal VOC's XML files, one for each picture."""

from __future__ import annotations

import posixpath
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Sequence

from mtcli.core.data.readers.voc import CORNERS
from mtcli.core.discovery.boxes import Box, Corners, Objects, is_number_name
from mtcli.core.discovery.detectives import DETECTIVES
from mtcli.core.discovery.listing import Listing, parent
from mtcli.core.discovery.places import called
from mtcli.core.discovery.proposal import Doubt, Finding, Proposal, Source
from mtcli.core.discovery.siblings import Siblings, families
from mtcli.core.errors import and_more


@DETECTIVES.add("voc")
def find(listing: Listing) -> Iterator[Finding]:
    """Boxes of XML files that lie in folders of their own, or beside their pictures."""
    files = [path for path in listing.with_ending(".xml") if _is_voc(listing, path)]
    found, alone = families(listing, files)
    for folder in alone:
        own = [path for path in files if parent(path) == folder]
        yield Doubt(
            folder,
            f"{len(own)} VOC files such as {posixpath.basename(own[0])}, none of which is named "
            "like a picture",
            listing.index.nearest(own[0]),
        )
    for family in found:
        yield _proposal(listing, family)


def _is_voc(listing: Listing, path: str) -> bool:
    try:
        with listing.path(path).open("rb") as file:
            return b"<annotation" in file.read(400)
    except OSError:
        return False


def _proposal(listing: Listing, family: Sequence[Siblings]) -> Finding:
    objects: dict[str, list[Box]] = {}
    classes: Counter[str] = Counter()
    words: dict[str, str] = {}
    corners: set[float] = set()
    broken: list[tuple[str, str]] = []
    touching = False
    for one in family:
        for picture, path in one.files.items():
            try:
                root = ET.parse(listing.path(path)).getroot()
            except (ET.ParseError, OSError, ValueError, LookupError) as error:
                broken.append((path, f"looks like a VOC file, but cannot be read: {error}"))
                continue
            entries = root.findall("object")
            names = [(entry.findtext("name") or "").strip() for entry in entries]
            objects[picture] = [
                Box(name, _corners(entry)) for name, entry in zip(names, entries, strict=True)
            ]
            classes.update(names)
            words |= {picture: names[0]} if names else {}
            for entry in entries:
                for corner in CORNERS[:2]:
                    corners.add(_number(entry.findtext(f"bndbox/{corner}")))
                sides = zip(CORNERS[2:], ("width", "height"), strict=True)
                touching |= any(
                    _number(entry.findtext(f"bndbox/{corner}"))
                    == _number(root.findtext(f"size/{s}"))
                    for corner, s in sides
                )
    if not objects:
        return Doubt(*broken[0])
    # A box that begins at 1 and ends at the picture's width counts pixels from 1, as VOC did.
    from_one = touching and 1.0 in corners and min(corners, default=0.0) >= 1
    folders = called([one.folder for one in family])
    labels = {"count_from": 1} if from_one else {}
    return Proposal(
        task="boxes",
        kind="detection",
        sources=tuple(
            Source({"voc": listing.path(one.folder), **labels}, one.base, frozenset(one.files))
            for one in family
        ),
        pictures=frozenset(objects),
        origin=folders if folders != "." else "XML files",
        why=f"{'XML files' if folders == '.' else folders}: {classes.total()} boxes of "
        f"{and_more(list(classes), 4)} on {len(objects)} pictures (Pascal VOC)",
        remark="no box begins at 0: the files count pixels from 1" if from_one else "",
        classes=tuple(sorted(classes)),
        words=words,
        counts=classes,
        objects=Objects(objects, nameless=all(map(is_number_name, classes))),
        files=tuple(path for one in family for path in one.files.values()),
        rank=21,
    )


def _corners(entry: ET.Element) -> Corners | None:
    x1, y1, x2, y2 = (_number(entry.findtext(f"bndbox/{corner}")) for corner in CORNERS)
    return (x1, y1, x2, y2) if all(abs(n) < 1e9 for n in (x1, y1, x2, y2)) else None


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")
