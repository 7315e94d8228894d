"""Records of one input or several: joined by their names, each lacking what it may."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtcli.core.data.inputs import place_of
from mtcli.core.data.readers.maps import MapFile
from mtcli.core.data.records import Record
from mtcli.core.errors import UsageError
from mtcli.core.prediction.joining import find_records

BOTH = {"rgb": None, "depth": (0.0, 1.0)}


@pytest.fixture(autouse=True)
def _files() -> None:
    for name in ("rgb/1.jpg", "rgb/2.jpg", "rgb/x/1.jpg", "depth/1.npy", "depth/x/1.png"):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def _records(*words: str, whole: bool = False) -> list[Record]:
    return find_records(words, BOTH, list, whole)


def _inputs(records: list[Record]) -> list[dict[str, str]]:
    return [{n: str(place_of(s)) for n, s in record.inputs.items()} for record in records]


def test_inputs_are_joined_by_their_names_below_the_folders() -> None:
    records = _records("depth=depth", "rgb=rgb")
    assert [record.key for record in records] == ["rgb/1.jpg", "rgb/2.jpg", "rgb/x/1.jpg"]
    assert _inputs(records) == [
        {"rgb": "rgb/1.jpg", "depth": "depth/1.npy"},
        {"rgb": "rgb/2.jpg"},
        {"rgb": "rgb/x/1.jpg", "depth": "depth/x/1.png"},
    ]
    assert isinstance(records[0].inputs["depth"], MapFile)


def test_one_file_each_belongs_together() -> None:
    [record] = _records("rgb=rgb/2.jpg", "depth=depth/1.npy")
    assert _inputs([record]) == [{"rgb": "rgb/2.jpg", "depth": "depth/1.npy"}]


def test_an_input_may_be_left_out() -> None:
    assert _inputs(_records("depth=depth")) == [
        {"depth": "depth/1.npy"},
        {"depth": "depth/x/1.png"},
    ]


def test_an_exported_file_needs_all() -> None:
    with pytest.raises(UsageError, match="1 of 3 pictures lack depth"):
        _records("rgb=rgb", "depth=depth", whole=True)
    assert len(_records("rgb=rgb/1.jpg", "depth=depth/1.npy", whole=True)) == 1


def test_a_single_input_needs_no_name() -> None:
    [record] = find_records(["rgb/1.jpg"], {"colour": None}, list)
    assert _inputs([record]) == [{"colour": "rgb/1.jpg"}]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rgb"], "each is named"),
        (["rgb=rgb", "depht=depth"], "no input depht"),
        (["rgb="], "names no file"),
        (["rgb=rgb", "rgb=rgb/x"], "two files for one record"),
    ],
)
def test_wrong_words(words: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        _records(*words)


def test_a_model_of_one_picture_has_no_names() -> None:
    with pytest.raises(UsageError, match="has no name"):
        find_records(["rgb=rgb"], {}, list)
    Path("a=b.png").write_bytes(b"")
    assert [record.key for record in find_records(["a=b.png"], {}, list)] == ["a=b.png"]
