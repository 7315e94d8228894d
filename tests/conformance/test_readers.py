"""What every reader keeps to, whatever its format; a new one is tested without being named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mtcli.core.data.readers import READERS, Reader, sort_of_label, stem
from mtcli.core.errors import DataError
from mtcli.core.labels import Label, LabelValue, ObjectsLabel, PointsLabel
from mtcli.core.tasks import KINDS

SIZE = (48, 80)
LONG = "x" * 200
NAMES = ("a.png", "sub/folder/b.jpg", "a name, with ä and spaces.png", f"{LONG}.png")
WITHOUT_ENDING = "0001"

Values = dict[str, LabelValue]


def _taken(reader: type[Reader]) -> list[type[LabelValue]]:
    """The sorts of label that the reader gives and some kind of task takes."""
    kinds = [KINDS.get(name) for name in KINDS.names()]
    return [sort for sort in reader.gives if any(sort in kind.takes for kind in kinds)]


every_reader = pytest.mark.parametrize("name", READERS.names())
every_sort = pytest.mark.parametrize(
    ("name", "sort"),
    [(name, sort) for name in READERS.names() for sort in _taken(READERS.get(name))],
    ids=lambda part: part if isinstance(part, str) else part.__name__,
)


def _in_shares(value: LabelValue) -> LabelValue:
    """The same label in shares of the picture's sides."""
    height, width = SIZE
    if isinstance(value, ObjectsLabel):
        shares = tuple(
            replace(item, box=(x1 / width, y1 / height, x2 / width, y2 / height))
            for item in value.objects
            for x1, y1, x2, y2 in [item.box]
        )
        return replace(value, objects=shares, relative=True)
    if isinstance(value, PointsLabel):
        points = tuple(p and replace(p, x=p.x / width, y=p.y / height) for p in value.points)
        return replace(value, points=points, relative=True)
    return value


def _examples(
    reader: type[Reader], sort: type[LabelValue], folder: Path
) -> Iterator[tuple[Values, dict[str, Any]]]:
    """Random label values by picture of every kind that the format can hold, as it writes them."""
    for name in KINDS.names():
        kind = KINDS.get(name)
        generator = torch.Generator().manual_seed(2)
        values = {p: kind.example(generator, SIZE) for p in (*NAMES, WITHOUT_ENDING)}
        if not all(isinstance(value, sort) for value in values.values()):
            continue
        in_shares = {picture: _in_shares(value) for picture, value in values.items()}
        # A format that is made of picture files may ask for their endings.
        with_endings = {picture: values[picture] for picture in NAMES}
        for number, written in enumerate((values, in_shares, with_endings)):
            place = folder / f"{name} {number}"
            place.mkdir()
            try:
                labels = reader.example(place, written)
            except ValueError:
                continue
            yield written, labels
            break


def _examples_of(
    name: str, sort: type[LabelValue], folder: Path
) -> list[tuple[Values, dict[str, Any]]]:
    examples = list(_examples(READERS.get(name), sort, folder))
    assert examples, f"{name} cannot write what any kind takes as {sort.__name__}"
    return examples


def _open(name: str, labels: dict[str, Any]) -> Reader:
    reader = READERS.get(name)
    return reader(reader.Options.model_validate(labels))


def _label_of(
    reader: Reader, labels: Mapping[str, Label], values: Values, picture: str
) -> Label | None:
    """The label of a picture, which a reader may call in its own way."""
    if reader.rows("train") is not None:
        return labels.get(str(list(values).index(picture)))
    known_as = stem(picture) if reader.by_stem else picture
    if reader.folder is None:
        return labels.get(known_as)
    # The format puts pictures where it wants them to be.
    return next(
        (label for key, label in labels.items() if f"/{key}".endswith(f"/{known_as}")), None
    )


def _leaves(value: object) -> list[object]:
    """Everything plain in a label value; boxes that went through a file are not exact."""
    if is_dataclass(value):
        return [leaf for f in fields(value) for leaf in (f.name, *_leaves(getattr(value, f.name)))]
    if isinstance(value, tuple):
        return [len(value), *(leaf for inner in value for leaf in _leaves(inner))]
    if isinstance(value, Tensor):
        return [tuple(value.shape), value.tolist()]
    return [pytest.approx(value, abs=1e-6) if isinstance(value, float) else value]


@every_reader
def test_some_kind_takes_what_the_reader_gives(name: str) -> None:
    reader = READERS.get(name)
    assert _taken(reader)
    assert any(sort_of_label(reader, KINDS.get(kind)) is not None for kind in KINDS.names())


@every_reader
def test_the_options_have_a_field_of_the_format_s_name(name: str) -> None:
    assert name in READERS.get(name).Options.model_fields


@every_sort
def test_example_is_what_a_config_says(name: str, sort: type[LabelValue], tmp_path: Path) -> None:
    for _, labels in _examples_of(name, sort, tmp_path):
        assert json.loads(json.dumps(labels)) == labels
        assert name in labels
        READERS.get(name).Options.model_validate(labels)


@every_sort
def test_what_was_written_is_read_back(name: str, sort: type[LabelValue], tmp_path: Path) -> None:
    for values, said in _examples_of(name, sort, tmp_path):
        reader = _open(name, said)
        labels = reader.read("train", sort)
        assert len(labels) == len(values)
        for picture, value in values.items():
            label = _label_of(reader, labels, values, picture)
            assert label is not None
            assert isinstance(label.load(), sort)
            assert _leaves(label.load()) == _leaves(value)


@every_sort
def test_pictures_that_are_not_listed_are_absent(
    name: str, sort: type[LabelValue], tmp_path: Path
) -> None:
    for number, (values, said) in enumerate(_examples_of(name, sort, tmp_path)):
        if _open(name, said).rows("train") is not None:
            continue  # each row is a picture
        del values[NAMES[1]]
        folder = tmp_path / f"less {number}"
        folder.mkdir()
        reader = _open(name, READERS.get(name).example(folder, values))
        labels = reader.read("train", sort)
        assert _label_of(reader, labels, values, NAMES[1]) is None
        assert len(labels) == len(values)


@every_sort
def test_every_label_says_where_it_was_read(
    name: str, sort: type[LabelValue], tmp_path: Path
) -> None:
    for _, said in _examples_of(name, sort, tmp_path):
        labels = _open(name, said).read("train", sort)
        assert all(label.where.startswith(str(tmp_path)) for label in labels.values())


@every_sort
def test_reading_twice_gives_the_same(name: str, sort: type[LabelValue], tmp_path: Path) -> None:
    for _, said in _examples_of(name, sort, tmp_path):
        reader = _open(name, said)
        assert reader.read("train", sort) == reader.read("train", sort)


@every_sort
def test_nothing_is_read_before_it_is_asked_for(
    name: str, sort: type[LabelValue], tmp_path: Path
) -> None:
    for _, said in _examples_of(name, sort, tmp_path):
        for path in sorted(tmp_path.rglob("*"), reverse=True):
            if path.is_file():
                path.unlink()
        opened = _open(name, said)
        with pytest.raises(DataError) as caught:
            opened.read("train", sort)
        assert str(tmp_path) in str(caught.value.where)


@every_sort
def test_a_split_may_stand_in_the_path(name: str, sort: type[LabelValue], tmp_path: Path) -> None:
    place = tmp_path / "train"
    place.mkdir()
    values, said = _examples_of(name, sort, place)[0]
    for_splits = {
        key: str(value).replace(str(place), str(tmp_path / "{split}")) if key == name else value
        for key, value in said.items()
    }
    reader = _open(name, for_splits)

    labels = reader.read("train", sort)
    assert len(labels) == len(values)
    assert all(_label_of(reader, labels, values, picture) for picture in values)
    with pytest.raises(DataError) as caught:
        reader.read("val", sort)
    assert str(tmp_path / "val") in str(caught.value.where)
