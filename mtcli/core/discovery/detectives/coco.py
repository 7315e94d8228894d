"""COCO JSON files: boxes, outlines and points."""

from __future__ import annotations

import json
import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtcli.core.data.readers import picture_key
from mtcli.core.discovery.boxes import Box, Corners, Objects, is_number_name
from mtcli.core.discovery.detectives import DETECTIVES
from mtcli.core.discovery.listing import Listing, parent
from mtcli.core.discovery.matching import Located
from mtcli.core.discovery.places import called, split_of, split_order, without_split
from mtcli.core.discovery.proposal import Doubt, Finding, Proposal, Source, SplitFound
from mtcli.core.errors import and_more

PARTS = ("images", "annotations", "categories")
HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class _File:
    """A COCO file whose pictures were found."""

    name: str
    path: Path
    document: Mapping[str, Any]
    located: Located

    def pictures(self, ids: set[Any] | None = None) -> dict[Any, str]:
        """The pictures that are there by their ids."""
        found = {}
        for image in self.document["images"]:
            path = self.located.pictures.get(str(image.get("file_name")))
            if path is not None and (ids is None or image.get("id") in ids):
                found[image.get("id")] = path
        return found


@DETECTIVES.add("coco")
def find(listing: Listing) -> Iterator[Finding]:
    """Boxes, class maps and points of COCO files; files of several splits are one task."""
    families: dict[tuple[str, ...], list[_File]] = defaultdict(list)
    for name in listing.with_ending(".json"):
        found = _read(listing, name)
        if isinstance(found, Doubt):
            yield found
        elif found is not None:
            categories = sorted(str(c.get("name")) for c in found.document["categories"])
            families[without_split(name), *categories].append(found)
    for own in families.values():
        files = _apart(own)
        for maker in (_boxes, _regions, _points):
            made = maker(files)
            if made is not None:
                yield made
        yield from _splits(files)


def _read(listing: Listing, name: str) -> _File | Doubt | None:
    path = listing.path(name)
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            if path.stat().st_size > HEAD:
                file.seek(-HEAD, 2)
                head += file.read()
        if not any(f'"{part}"'.encode() in head for part in PARTS):
            return None
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        return Doubt(name, f"cannot be read: {error.strerror}")
    except (ValueError, RecursionError):
        return Doubt(name, "looks like a COCO file, but is no JSON or was cut short")
    if not isinstance(document, dict) or not all(
        isinstance(document.get(part), list) and all(isinstance(e, dict) for e in document[part])
        for part in PARTS
    ):
        said = [part for part in PARTS if isinstance(document, dict) and part in document]
        if len(said) < 2:
            return None
        missing = next((p for p in PARTS if not isinstance(document.get(p), list)), None)
        if missing is None:
            return Doubt(name, "looks like a COCO file, but lists things that are no objects")
        return Doubt(name, f'looks like a COCO file, but has no list "{missing}"')
    names = [str(image.get("file_name")) for image in document["images"]]
    located = listing.index.locate(names, by_stem=False, near=parent(name))
    if located is None:
        if not names:
            return Doubt(name, "a COCO file that lists no picture")
        text = f"names {len(names)} pictures such as {names[0]}, of which none is there"
        return Doubt(name, text, listing.index.nearest(names[0]))
    return _File(name, path, document, located)


def _apart(files: Sequence[_File]) -> list[_File]:
    """Those of a family that speak of other pictures than those before them."""
    kept: list[_File] = []
    seen: set[str] = set()
    for file in sorted(files, key=lambda file: (split_order(file.name), file.name)):
        own = set(file.located.pictures.values())
        if not own & seen:
            kept.append(file)
            seen |= own
    return kept


def _boxes(files: Sequence[_File]) -> Proposal | None:
    objects: dict[str, list[Box]] = {}
    words: dict[str, str] = {}
    classes: Counter[str] = Counter()
    for file in files:
        pictures = file.pictures()
        names = {c.get("id"): str(c.get("name")) for c in file.document["categories"]}
        objects.update({picture: [] for picture in pictures.values()})
        for annotation in file.document["annotations"]:
            picture = pictures.get(annotation.get("image_id"))
            name = names.get(annotation.get("category_id"))
            if picture is None or not isinstance(annotation.get("bbox"), list):
                continue
            objects[picture].append(Box(name or "", _corners(annotation["bbox"])))
            if name is None:
                continue  # whoever checks the data tells it
            classes[name] += 1
            words.setdefault(picture, name)
    if not classes or _named_points(files) is not None:
        return None
    why = (
        f"{_called(files)}: {classes.total()} boxes of {_listed(list(classes))} "
        f"on {len(objects)} pictures"
    )
    return Proposal(
        task="boxes",
        kind="detection",
        sources=_sources(files),
        pictures=frozenset(objects),
        origin=_called(files),
        why=why,
        classes=tuple(sorted(classes)),
        words=words,
        counts=classes,
        objects=Objects(objects, nameless=all(map(is_number_name, classes))),
        files=tuple(file.name for file in files),
        rank=20,
    )


def _corners(box: list[Any]) -> Corners | None:
    if len(box) != 4 or not all(isinstance(n, int | float) and abs(n) < 1e9 for n in box):
        return None
    x, y, width, height = map(float, box)
    return x, y, x + width, y + height


def _regions(files: Sequence[_File]) -> Proposal | None:
    """Outlines as a class map; those that only repeat the box are none."""
    pictures: set[str] = set()
    outlines, classes = 0, set()
    for file in files:
        sized = {
            image.get("id")
            for image in file.document["images"]
            if all(isinstance(image.get(s), int) and image[s] > 0 for s in ("height", "width"))
        }
        if len(sized) < len(file.document["images"]):
            return None  # outlines cannot be drawn
        own = file.pictures(sized)
        pictures |= set(own.values())
        names = {c.get("id"): str(c.get("name")) for c in file.document["categories"]}
        for annotation in file.document["annotations"]:
            shape = annotation.get("segmentation")
            if not shape or annotation.get("image_id") not in own or _is_box(annotation):
                continue
            outlines += 1
            if (name := names.get(annotation.get("category_id"))) is not None:
                classes.add(name)
    if not outlines:
        return None
    return Proposal(
        task="regions",
        kind="segmentation",
        sources=_sources(files),
        pictures=frozenset(pictures),
        origin=_called(files),
        why=f"{_called(files)}: {outlines} outlines of {_listed(sorted(classes))} "
        f"on {len(pictures)} pictures; what none covers is background",
        classes=tuple(sorted(classes)),
        rank=31,
    )


def _points(files: Sequence[_File]) -> Proposal | Doubt | None:
    names = _named_points(files)
    if names is None:
        return None
    pictures: set[str] = set()
    for file in files:
        own = file.pictures()
        pictures |= set(own.values())
        sets = Counter(
            annotation.get("image_id")
            for annotation in file.document["annotations"]
            if any(annotation.get("keypoints") or ())
        )
        several = [number for number, count in sets.items() if count > 1]
        if several:
            return Doubt(
                file.name,
                f"{len(several)} pictures have the points of several objects, such as "
                f"{own.get(several[0], several[0])}; keypoints are those of one object a picture",
            )
    return Proposal(
        task="points",
        kind="keypoints",
        sources=_sources(files),
        pictures=frozenset(pictures),
        origin=_called(files),
        why=f"{_called(files)}: {len(names)} points, {_listed(names)}, on {len(pictures)} pictures",
        classes=tuple(names),
        rank=40,
    )


def _splits(files: Sequence[_File]) -> Iterator[SplitFound]:
    """Files of splits say which pictures belong to them."""
    members: dict[str, frozenset[str]] = {}
    for file in files:
        split = split_of(posixpath.basename(file.name)) or split_of(parent(file.name))
        if split is None or split in members:
            return
        members[split] = frozenset(file.located.pictures.values())
    if len(members) > 1:
        counts = ", ".join(f"{split} {len(own)}" for split, own in members.items())
        yield SplitFound(members, None, None, f"{_called(files)} are of splits: {counts}", rank=40)


def _named_points(files: Sequence[_File]) -> list[str] | None:
    """The names of the points, where one category has some, and annotations too."""
    for file in files:
        with_points = [c for c in file.document["categories"] if c.get("keypoints")]
        if len(with_points) != 1 or not any(
            annotation.get("keypoints") for annotation in file.document["annotations"]
        ):
            return None
    names = with_points[0]["keypoints"]
    return [str(name) for name in names] if isinstance(names, list) else None


def _is_box(annotation: Mapping[str, Any]) -> bool:
    """Whether an outline says no more than its box does."""
    shape, box = annotation.get("segmentation"), annotation.get("bbox")
    if not isinstance(shape, list) or len(shape) != 1 or not isinstance(box, list):
        return False
    try:
        if len(shape[0]) < 8:
            return False
        xs, ys = sorted(set(shape[0][::2])), sorted(set(shape[0][1::2]))
        corners = (xs[0], ys[0], xs[0] + box[2], ys[0] + box[3])
        return len(xs) == len(ys) == 2 and all(
            abs(one - other) <= 1
            for one, other in zip(
                (*corners[:2], xs[1], ys[1]), (*box[:2], *corners[2:]), strict=True
            )
        )
    except (TypeError, IndexError):
        return False


def _sources(files: Sequence[_File]) -> tuple[Source, ...]:
    return tuple(
        Source({"coco": file.path}, file.located.base, frozenset(file.located.pictures.values()))
        for file in files
    )


def _called(files: Sequence[_File]) -> str:
    return called([file.name for file in files])


def _listed(names: Sequence[str]) -> str:
    return and_more([picture_key(name) if "\\" in name else name for name in names], 4)
