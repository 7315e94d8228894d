"""YOLO's text files, described by a `data.yaml` or lying in folders of their own."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from mtcli.core.data.datayaml import DataYaml, read_data_yaml
from mtcli.core.discovery.boxes import Box, Objects, is_number_name
from mtcli.core.discovery.detectives import DETECTIVES
from mtcli.core.discovery.legend import names_in_file
from mtcli.core.discovery.listing import Listing, joined, parent
from mtcli.core.discovery.places import SPLITS, called
from mtcli.core.discovery.proposal import Doubt, Finding, Proposal, Source, SplitFound
from mtcli.core.discovery.siblings import Siblings, families, named_like_a_picture
from mtcli.core.discovery.yoloword import is_line, numbers_of
from mtcli.core.errors import DataError, and_more

CLASS_LISTS = ("classes.txt", "obj.names", "labels.txt", "names.txt", "_darknet.labels")
"""Where programs that write YOLO's files leave the names of the classes."""

Lines = Mapping[str, list[list[float]]]
"""The numbers of each line, by picture; none of a line that cannot be read."""


@DETECTIVES.add("yolo")
def find(listing: Listing) -> Iterator[Finding]:
    """Boxes, or points, of text files."""
    described: set[str] = set()
    names: dict[int, str] | None = None
    for path in listing.with_ending(".yaml", ".yml"):
        data = _described(listing, path)
        if data is None:
            continue
        try:
            names = dict(data.names() or {}) or names
            found = _of_yaml(listing, path, data)
        except DataError as error:
            yield Doubt(path, f"a YOLO data.yaml, but: {error.what}", grave=False)
            continue
        for finding in found:
            yield finding
            if isinstance(finding, Proposal):
                described |= finding.pictures
    texts = listing.with_ending(".txt")
    clear = {path for path in texts if _is_labels(listing, path)}
    folders = {parent(path) for path in clear}
    # Beside them, one of a picture's name is a label file too, if a broken one.
    files = [
        path
        for path in texts
        if path in clear or (parent(path) in folders and named_like_a_picture(listing, path))
    ]
    families_, alone = families(listing, files, allowed=("classes.txt",))
    for family in families_:
        if {picture for one in family for picture in one.files} <= described:
            continue
        yield from _of_folders(listing, family, names)
    if not described:
        for folder in alone:
            own = [path for path in files if parent(path) == folder]
            example = posixpath.basename(own[0])
            if len(own) > 1:
                yield Doubt(
                    folder,
                    f"{len(own)} YOLO files such as {example}, none named like a picture",
                    listing.index.nearest(own[0]),
                )


def _described(listing: Listing, path: str) -> DataYaml | None:
    try:
        text = listing.path(path).read_text(encoding="utf-8-sig")
        document = yaml.safe_load(text) if "train" in text or "names" in text else None
    except (OSError, ValueError, yaml.YAMLError):
        return None
    if not isinstance(document, dict) or "names" not in document or "tasks" in document:
        return None
    try:
        return read_data_yaml(listing.path(path))
    except DataError:
        return None


def _of_yaml(listing: Listing, path: str, data: DataYaml) -> list[Finding]:
    """What a data.yaml describes, if its pictures are there.

    Raises:
        DataError: they are not, or it is broken.
    """
    first = next((split for split in SPLITS if data.document.get(split)), "train")
    base = listing.path(parent(path))
    by_name = {name.rpartition(".")[0]: name for name in listing.inputs}
    files: dict[str, str] = {}
    members: dict[str, frozenset[str]] = {}
    for split in SPLITS:
        if data.document.get(split) is None:
            continue
        labels = DataYaml(data.path, {**_shared(data), split: data.document[split]})
        own = {
            by_name[joined(parent(path), name)]: listing.name_of(file)
            for name, file in labels.label_files(split, base).items()
            if joined(parent(path), name) in by_name
        }
        members[split] = frozenset(own)
        files |= own
    if not files:
        raise DataError(f"no picture of {first} has a label file")
    points = data.points()
    lines = _read(listing, files)
    names = data.names() or {}
    source = Source({"yolo": listing.path(path)}, None, frozenset(files))
    found: list[Finding] = []
    if points is not None:
        found.append(_points(path, source, lines, points[0]))
    found.append(_boxes(path, (source,), lines, names, (path, *files.values()), remark=""))
    places = {split: data.document[split] for split in members}
    config = {
        split: _place(listing, path, data, place)
        for split, place in places.items()
        if isinstance(place, str)
    }
    whole = {split: place for split, place in config.items() if place is not None}
    counts = ", ".join(f"{split} {len(own)}" for split, own in members.items())
    if "val" in members and members["val"] == members.get("train"):
        return found  # written where nobody has set pictures aside
    found.append(
        SplitFound(
            members,
            whole if len(whole) == len(members) else None,
            None,
            f"{path} names the folders of splits: {counts}",
            rank=15,
        )
    )
    return found


def _shared(data: DataYaml) -> dict[str, Any]:
    return {key: value for key, value in data.document.items() if key not in SPLITS}


def _place(listing: Listing, path: str, data: DataYaml, place: str) -> Any:
    """The folder of a split, where it is one that has pictures below it."""
    roots = [parent(path)]
    if isinstance(data.document.get("path"), str):
        roots.insert(0, joined(parent(path), data.document["path"]))
    for root in roots:
        for entry in (place, place.removeprefix("../")):
            folder = joined(root, entry)
            if not folder.startswith("..") and listing.path(folder).is_dir():
                return listing.path(folder)
    return None


def _of_folders(
    listing: Listing, family: Sequence[Siblings], names: Mapping[int, str] | None
) -> Iterator[Finding]:
    files = {picture: path for one in family for picture, path in one.files.items()}
    known = set(files.values())
    strangers = sorted(
        path
        for one in family
        for path in listing.below(one.folder, ".txt")
        if path not in known
        and posixpath.basename(path) != "classes.txt"
        and not _is_labels(listing, path)
        and not named_like_a_picture(listing, path)
    )
    where = called([one.folder if one.folder != "." else "text files" for one in family])
    if strangers:
        yield Doubt(
            strangers[0],
            f"lies among the YOLO files of {where} and is none",
            "move it out of that folder",
        )
        return
    lines = _read(listing, files)
    numbers = sorted({int(line[0]) for own in lines.values() for line in own if line})
    legend = _legend(listing, family)
    listed: dict[int, str] = {}
    remark = ""
    if legend is not None:
        path, said = legend
        listed = dict(enumerate(said))
        remark = f"names as {path} lists them"
    elif names is not None:
        listed, remark = dict(names), "names as in the data.yaml"
    if numbers and (not listed or numbers[-1] > max(listed)):
        listed = {number: f"class_{number}" for number in range(numbers[-1] + 1)}
        remark = "nothing names the classes: put their names here, in the order of their numbers"
    words = [listed.get(number, f"class_{number}") for number in range(max(listed, default=-1) + 1)]
    sources = tuple(
        Source({"yolo": listing.path(one.folder), "names": words}, one.base, frozenset(one.files))
        for one in family
    )
    if not numbers:
        yield Doubt(where, "YOLO files without a single box")
        return
    yield _boxes(where, sources, lines, listed, tuple(files.values()), remark)


def _legend(listing: Listing, family: Sequence[Siblings]) -> tuple[str, list[str]] | None:
    """A file that lists the names, in a folder of labels or in one above."""
    folder = family[0].folder
    while True:
        for name in listing.files:
            if parent(name) == folder and (
                posixpath.basename(name) in CLASS_LISTS or name.endswith(".names")
            ):
                said = names_in_file(listing.path(name))
                if said:
                    return name, said
        if folder == ".":
            return None
        folder = parent(folder)


def _boxes(
    origin: str,
    sources: tuple[Source, ...],
    lines: Lines,
    names: Mapping[int, str],
    files: tuple[str, ...],
    remark: str,
) -> Proposal:
    pictures = frozenset(lines)
    counts: Counter[str] = Counter()
    boxes: dict[str, list[Box]] = {picture: [] for picture in lines}
    words: dict[str, str] = {}
    polygons = 0
    for picture, own in lines.items():
        for line in own:
            if not line:
                boxes[picture].append(Box("", None))
                continue
            name = names.get(int(line[0]), f"class_{int(line[0])}")
            counts[name] += 1
            boxes[picture].append(_box(name, line[1:]))
            words.setdefault(picture, name)
            polygons += len(line) > 6 and len(line) % 2 == 1
    outlines = "; outlines, of which the boxes are learnt" if polygons > counts.total() / 2 else ""
    return Proposal(
        task="boxes",
        kind="detection",
        sources=sources,
        pictures=pictures,
        origin=origin,
        why=f"{origin}: {counts.total()} boxes of {and_more(list(counts), 4)} on "
        f"{len(pictures)} pictures (YOLO){outlines}",
        remark=remark,
        classes=tuple(sorted(counts)),
        words=words,
        counts=counts,
        objects=Objects(boxes, relative=True, nameless=all(map(is_number_name, counts))),
        files=files,
        rank=22,
    )


def _box(name: str, shares: Sequence[float]) -> Box:
    """The box of a line; of an outline, what surrounds it."""
    if len(shares) > 5 and len(shares) % 2 == 0:
        return Box(name, (min(shares[::2]), min(shares[1::2]), max(shares[::2]), max(shares[1::2])))
    x, y, width, height = shares[:4]
    return Box(name, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))


def _points(origin: str, source: Source, lines: Lines, points: tuple[str, ...]) -> Finding:
    several = [picture for picture, own in lines.items() if len(own) > 1]
    if several:
        return Doubt(
            origin,
            f"{len(several)} pictures have the points of several objects, such as {several[0]}; "
            "keypoints are those of one object a picture",
        )
    return Proposal(
        task="points",
        kind="keypoints",
        sources=(source,),
        pictures=frozenset(lines),
        origin=origin,
        why=f"{origin}: {len(points)} points on {len(lines)} pictures (YOLO)",
        classes=points,
        rank=41,
    )


def _read(listing: Listing, files: Mapping[str, str]) -> dict[str, list[list[float]]]:
    found: dict[str, list[list[float]]] = {}
    for picture, path in files.items():
        found[picture] = []
        try:
            text = listing.path(path).read_text(encoding="utf-8-sig")
        except (OSError, ValueError):
            continue  # whoever checks the data tells it, and of lines that are none
        found[picture] = [numbers_of(line) or [] for line in text.splitlines() if line.strip()]
    return found


def _is_labels(listing: Listing, path: str) -> bool:
    """Whether a text file holds class numbers and shares; or nothing, and has a picture."""
    try:
        with listing.path(path).open(encoding="utf-8-sig") as file:
            line = file.readline(4000)
    except (OSError, ValueError):
        return False
    if not line.strip():
        return named_like_a_picture(listing, path)
    return is_line(line)
