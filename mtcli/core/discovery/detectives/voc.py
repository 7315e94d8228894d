"""Pascal VOC's XML files, one for each picture."""

from __future__ import annotations

import posixpath
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Sequence

from mtcli.core.data.readers.voc import CORNERS
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
    objects: dict[str, int] = {}
    classes: Counter[str] = Counter()
    words: dict[str, str] = {}
    corners: set[float] = set()
    touching = False
    for one in family:
        for picture, path in one.files.items():
            try:
                root = ET.parse(listing.path(path)).getroot()
            except (ET.ParseError, OSError, ValueError, LookupError) as error:
                return Doubt(path, f"looks like a VOC file, but cannot be read: {error}")
            entries = root.findall("object")
            names = [(entry.findtext("name") or "").strip() for entry in entries]
            objects[picture] = len(names)
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
        why=f"{'XML files' if folders == '.' else folders}: {sum(objects.values())} boxes of "
        f"{and_more(list(classes), 4)} on {len(objects)} pictures (Pascal VOC)",
        remark="no box begins at 0: the files count pixels from 1" if from_one else "",
        classes=tuple(sorted(classes)),
        words=words,
        objects=objects,
        rank=21,
    )


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")
