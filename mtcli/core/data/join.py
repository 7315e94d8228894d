"""The labels of one task, from all its sources, joined to its pictures by path."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mtcli.core.config import LabelSource, TaskConfig
from mtcli.core.configsplits import ImageArrays
from mtcli.core.data.arrays import open_array
from mtcli.core.data.faults import Faults, Unused, skipping
from mtcli.core.data.readers import READERS, Reader, sort_of_label, stem
from mtcli.core.data.splits import ImagePlace, Source, array_of
from mtcli.core.errors import DataError
from mtcli.core.labels import Label, LabelValue, ObjectsLabel, WordsLabel, restricted
from mtcli.core.tasks import KINDS


def read_labels(
    task: TaskConfig,
    pictures: Mapping[str, Source],
    images: ImagePlace,
    split: str,
    faults: Faults | None = None,
) -> dict[str, Label]:
    """The labels that a task has for some of its pictures, by the pictures' names.

    Args:
        task: whose labels are read.
        pictures: of the split.
        images: where they are.
        split: its name.
        faults: takes what is wrong with a file or an item in one, which is then passed over.

    Raises:
        DataError: a label file is missing or broken, or two sources label the same thing.
    """
    problems = None if faults is None else faults.problems
    joined: dict[str, Label] = {}
    for source in task.labels:
        own: dict[str, Label] = {}
        with skipping(problems):
            own = _of_source(source, task.kind, pictures, images, split, faults)
        for name, label in own.items():
            with skipping(problems):
                joined[name] = _merged(name, joined[name], label) if name in joined else label
    return joined


def _of_source(
    source: LabelSource,
    kind: str,
    pictures: Mapping[str, Source],
    images: ImagePlace,
    split: str,
    faults: Faults | None,
) -> dict[str, Label]:
    problems = None if faults is None else faults.problems
    reader = READERS.get(source.reader)(source.options)
    reader.problems = problems
    sort = sort_of_label(type(reader), KINDS.get(kind))
    assert sort is not None, "checked with the config"
    labels = reader.read(split, sort)
    if (rows := reader.rows(split)) is not None:
        _refuse_other_rows(rows, labels, images, split)
    own = {}
    folder = _folder(source, reader, split)
    known = {
        name: _name_in(folder, reader.by_stem, name, where) for name, where in pictures.items()
    }
    by_stem = reader.by_stem
    if labels and not by_stem and not any(as_ in labels for as_ in known.values()):
        # A table may name pictures without their ending.
        as_stems = {name: stem(as_) for name, as_ in known.items()}
        by_stem = any(as_ in labels for as_ in as_stems.values())
        known = as_stems if by_stem else known
    if by_stem:
        with skipping(problems):
            _refuse_twins({name: as_ for name, as_ in known.items() if as_ in labels})
    for name, known_as in known.items():
        if known_as in labels:
            label = labels[known_as]
            if source.labelled_classes is not None:
                value = label.value
                assert isinstance(value, WordsLabel | ObjectsLabel), "kinds that are partial"
                label = replace(label, value=restricted(value, source.labelled_classes))
            own[name] = label
    folder = folder or (images if isinstance(images, Path) else None)
    with skipping(problems):
        _refuse_case(folder, reader, labels, known)
    if faults is not None:
        names = set(known.values())
        for name, label in labels.items():
            if name in names:
                faults.used.add((label.where, name))
            else:
                faults.unused.append(Unused(name, label.where, folder, by_stem))
    return own


def _folder(source: LabelSource, reader: Reader, split: str) -> Path | None:
    """The folder that the names in a source's labels are relative to; None: the images'."""
    if source.names_from is None:
        return reader.folder
    return Path(str(source.names_from).replace("{split}", split))


def _name_in(folder: Path | None, by_stem: bool, name: str, picture: Source) -> str:
    """How labels call a picture."""
    if folder is not None and isinstance(picture, Path):
        name = Path(os.path.relpath(picture, folder)).as_posix()
    return stem(name) if by_stem else name


def _refuse_other_rows(
    rows: int, labels: Mapping[str, Label], images: ImagePlace, split: str
) -> None:
    """Refuse labels by the numbers of rows, but for an array of as many pictures."""
    where = next((label.where for label in labels.values()), None)
    if not isinstance(images, ImageArrays):
        raise DataError(
            "labels by row numbers, for pictures in a folder",
            where=where,
            expected="images: {arrays: …}",
            found=f"images: {images}",
        )
    path, key = array_of(images, split)
    pictures = len(open_array(path, key))
    if rows != pictures:
        found = path if key is None else f"{path}, {key}"
        raise DataError(
            f"{rows} labels for {pictures} pictures",
            where=where,
            found=f"{pictures} rows in {found}",
        )


def _refuse_twins(known: Mapping[str, str]) -> None:
    """Refuse pictures that differ in their ending only, where labels know them without it."""
    first: dict[str, str] = {}
    for name, known_as in known.items():
        if known_as in first:
            raise DataError(
                "two pictures differ in their ending only, which their labels do not tell",
                found=f"{first[known_as]} and {name}",
                mend="rename one, or leave it out of the split",
            )
        first[known_as] = name


def _refuse_case(
    folder: Path | None,
    reader: Reader,
    labels: Mapping[str, Label],
    known: Mapping[str, str],
) -> None:
    """Refuse a label whose name differs in case only from a picture that has none.

    A disk that knows no case would join the two; this one must not pass over the label.
    """
    missing = {k.casefold(): name for name, k in known.items() if k not in labels}
    if not missing:
        return
    used = set(known.values())
    for key, label in labels.items():
        name = missing.get(key.casefold())
        if name is None or key in used:
            continue
        if folder is not None:
            there = folder / key
            alike = f"{glob.escape(there.name)}.*"
            beside = there.parent.glob(alike) if reader.by_stem else [there]
            if any(path.is_file() for path in beside):
                continue  # a picture of its own
        raise DataError(
            f"a label for {key}, but the picture is {name}: the names differ in case only",
            where=label.where,
            mend="write both alike",
        )


def _merged(name: str, one: Label, other: Label) -> Label:
    """Two sources that looked for different classes in one picture.

    Raises:
        DataError: they looked for the same.
    """
    a, b = one.value, other.value
    value: LabelValue | None = None
    if isinstance(a, WordsLabel) and isinstance(b, WordsLabel):
        if (seen := _together(a.looked_for, b.looked_for)) is not None:
            value = WordsLabel((*a.words, *b.words), seen)
    elif isinstance(a, ObjectsLabel) and isinstance(b, ObjectsLabel):
        if a.relative != b.relative:
            raise DataError(
                f"{name} has boxes in pixels and boxes in shares of its sides",
                where=other.where,
                found=f"another label at {one.where}",
                mend="write both in one format",
            )
        if (seen := _together(a.looked_for, b.looked_for)) is not None:
            value = ObjectsLabel((*a.objects, *b.objects), a.relative, seen)
    if value is None:
        raise DataError(
            f"{name} is labelled by two sources",
            where=other.where,
            found=f"another label at {one.where}",
            mend="labelled_classes tells what each source looked for",
        )
    return Label(value, f"{one.where}, and {other.where}")


def _together(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """What two looked for, if both say so and no class was looked for twice."""
    if one is None or other is None or set(one) & set(other):
        return None
    return (*one, *other)
