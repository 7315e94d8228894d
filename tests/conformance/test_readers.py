"""What every reader keeps to, whatever its format; a new one is tested without being named."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from mtcli.core.data.readers import READERS, Reader
from mtcli.core.errors import DataError
from mtcli.core.labels import LabelValue
from mtcli.core.tasks import KINDS

SIZE = (48, 80)
NAMES = ("a.png", "sub/folder/b.jpg", "a name, with ä and spaces.png", "0001")

every_reader = pytest.mark.parametrize("name", READERS.names())


def _values(reader: type[Reader]) -> dict[str, LabelValue]:
    """Random label values by picture, from a kind that takes what the reader gives."""
    kind = next(kind for kind in map(KINDS.get, KINDS.names()) if reader.gives in kind.takes)
    generator = torch.Generator().manual_seed(2)
    return {picture: kind.example(generator, SIZE) for picture in NAMES}


def _open(reader: type[Reader], labels: dict[str, Any]) -> Reader:
    return reader(reader.Options.model_validate(labels))


def _leaves(value: object) -> list[object]:
    """Everything plain in a label value; boxes that went through a file are not exact."""
    if is_dataclass(value):
        return [leaf for f in fields(value) for leaf in (f.name, *_leaves(getattr(value, f.name)))]
    if isinstance(value, tuple):
        return [len(value), *(leaf for inner in value for leaf in _leaves(inner))]
    return [pytest.approx(value, abs=1e-6) if isinstance(value, float) else value]


@every_reader
def test_a_kind_takes_what_the_reader_gives(name: str) -> None:
    assert any(READERS.get(name).gives in KINDS.get(kind).takes for kind in KINDS.names())


@every_reader
def test_the_options_have_a_field_of_the_format_s_name(name: str) -> None:
    assert name in READERS.get(name).Options.model_fields


@every_reader
def test_example_is_what_a_config_says(name: str, tmp_path: Path) -> None:
    reader = READERS.get(name)
    labels = reader.example(tmp_path, _values(reader))
    assert json.loads(json.dumps(labels)) == labels
    assert name in labels
    reader.Options.model_validate(labels)


@every_reader
def test_what_was_written_is_read_back(name: str, tmp_path: Path) -> None:
    reader = READERS.get(name)
    values = _values(reader)
    labels = _open(reader, reader.example(tmp_path, values)).read("train")
    assert set(labels) == set(values)
    for picture, value in values.items():
        assert isinstance(labels[picture].value, reader.gives)
        assert _leaves(labels[picture].value) == _leaves(value)


@every_reader
def test_pictures_that_are_not_listed_are_absent(name: str, tmp_path: Path) -> None:
    reader = READERS.get(name)
    values = _values(reader)
    del values[NAMES[1]]
    assert NAMES[1] not in _open(reader, reader.example(tmp_path, values)).read("train")


@every_reader
def test_every_label_says_where_it_was_read(name: str, tmp_path: Path) -> None:
    reader = READERS.get(name)
    labels = _open(reader, reader.example(tmp_path, _values(reader))).read("train")
    assert all(label.where.startswith(str(tmp_path)) for label in labels.values())


@every_reader
def test_reading_twice_gives_the_same(name: str, tmp_path: Path) -> None:
    reader = READERS.get(name)
    opened = _open(reader, reader.example(tmp_path, _values(reader)))
    assert opened.read("train") == opened.read("train")


@every_reader
def test_nothing_is_read_before_it_is_asked_for(name: str, tmp_path: Path) -> None:
    reader = READERS.get(name)
    labels = reader.example(tmp_path, _values(reader))
    for path in sorted(tmp_path.rglob("*"), reverse=True):
        if path.is_file():
            path.unlink()
    opened = _open(reader, labels)
    with pytest.raises(DataError) as caught:
        opened.read("train")
    assert str(tmp_path) in str(caught.value.where)
