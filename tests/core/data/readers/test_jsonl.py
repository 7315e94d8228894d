"""Labels from JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mtcli.core.data.readers.jsonl import JsonlOptions, JsonlReader
from mtcli.core.errors import DataError
from mtcli.core.labels import LabelValue, WordsLabel


def write(text: str | bytes, name: str = "labels.jsonl") -> Path:
    path = Path(name).resolve()
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def lines(*entries: dict[str, Any]) -> str:
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)


def words(text: str | bytes, **options: Any) -> dict[str, tuple[str, ...]]:
    """The words of each labelled picture of a file with these contents."""
    given = {"jsonl": str(write(text)), "column": "label", **options}
    labels = JsonlReader(JsonlOptions.model_validate(given)).read("train", WordsLabel)
    return {
        key: label.value.words
        for key, label in labels.items()
        if isinstance(label.value, WordsLabel)
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("cat", ("cat",)),
        (" big cat ", ("big cat",)),
        (7, ("7",)),
        (1.5, ("1.5",)),
        (True, ("true",)),
        (["cat", "dog"], ("cat", "dog")),
        ([1, None, 2.5], ("1", "", "2.5")),
        ([], ()),
    ],
)
def test_a_field_becomes_words(value: object, expected: tuple[str, ...]) -> None:
    assert words(lines({"image": "a.png", "label": value})) == {"a.png": expected}


def test_null_or_no_field_is_no_label() -> None:
    text = lines({"image": "a.png", "label": None}, {"image": "b.png"}, {"image": "c", "label": 1})

    assert words(text) == {"c": ("1",)}


def test_several_fields_are_several_words_in_their_order() -> None:
    text = lines(
        {"image": "a.png", "x": 1, "y": 2.5},
        {"image": "b.png", "y": 3},
        {"image": "c.png", "x": None},
    )

    assert words(text, column=["y", "x"]) == {"a.png": ("2.5", "1"), "b.png": ("3", "")}


def test_key_is_chosen() -> None:
    assert words(lines({"file": "a.png", "label": "cat"}), key="file") == {"a.png": ("cat",)}


def test_names_keep_their_letters_and_spaces() -> None:
    long = f"{'x' * 200}.png"
    text = lines(
        {"image": "Grün und süß/日本.png", "label": "Käfer"}, {"image": long, "label": "dog"}
    )

    assert words(text) == {"Grün und süß/日本.png": ("Käfer",), long: ("dog",)}


def test_backslashes_in_names_become_slashes() -> None:
    assert list(words(lines({"image": "sub\\a.png", "label": "b"}))) == ["sub/a.png"]


def test_line_ends_that_json_allows_in_text_part_no_line() -> None:
    text = '{"image": "a.png", "label": "two\u2028lines"}\n'

    assert words(text) == {"a.png": ("two\u2028lines",)}


@pytest.mark.parametrize("between", ["\n", "\r\n", "\n\n", "\n  \n"])
def test_empty_lines_are_passed_over(between: str) -> None:
    text = between.join([lines({"image": name, "label": "x"}).strip() for name in "ab"])

    assert list(words(text)) == ["a", "b"]


def test_byte_order_mark_is_passed_over() -> None:
    assert words(b"\xef\xbb\xbf" + lines({"image": "a", "label": "x"}).encode()) == {"a": ("x",)}


def test_label_knows_its_line() -> None:
    path = write("\n" + lines({"image": "a.png", "label": "cat"}))

    labels = JsonlReader(JsonlOptions(jsonl=path, column=("label",))).read("train", WordsLabel)

    assert labels["a.png"].where == f"{path}, line 2"


def test_two_labels_of_one_picture_name_both_lines() -> None:
    text = lines({"image": "a.png", "label": "cat"}, {"image": "./a.png", "label": "dog"})
    with pytest.raises(DataError, match=r"a\.png has two labels") as caught:
        words(text)

    assert caught.value.where == str(Path.cwd() / "labels.jsonl, line 2")
    assert "line 1" in str(caught.value.found)


def test_same_label_twice_is_one_label() -> None:
    entry = {"image": "a.png", "label": ["cat"]}

    assert words(lines(entry, entry)) == {"a.png": ("cat",)}


GOOD = lines({"image": "a.png", "label": "cat"})


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        (GOOD + '{"image": "b.png", ', "no JSON", "labels.jsonl, line 2"),
        (GOOD + "b.png,cat\n", "no JSON", "labels.jsonl, line 2"),
        (GOOD + '["b.png"]\n', "no JSON object", "labels.jsonl, line 2"),
        (GOOD + '"b.png"\n', "no JSON object", "labels.jsonl, line 2"),
        (GOOD + '{"label": "cat"}\n', "names no picture", "labels.jsonl, line 2"),
        (GOOD + '{"image": "", "label": "cat"}\n', "names no picture", "labels.jsonl, line 2"),
        (GOOD + '{"image": 5, "label": "cat"}\n', "names no picture", "labels.jsonl, line 2"),
        ('{"image": "b", "label": {"x": 1}}\n', "no text or number", "labels.jsonl, line 1"),
        ('{"image": "b", "label": [["x"]]}\n', "no text or number", "labels.jsonl, line 1"),
        ('{"image": "b", "labels": "x"}\n', "no line has a field label", "labels.jsonl"),
        ("", "no line has a field label", "labels.jsonl"),
        ('{"image": "é"}\n'.encode("latin-1"), "UTF-8", "labels.jsonl"),
        ("[" * 100_000 + "\n", "no JSON", "labels.jsonl, line 1"),
        ('{"image": "b", "label": ' + "9" * 5000 + "}\n", "no JSON", "labels.jsonl, line 1"),
    ],
    ids=lambda part: str(part)[:30],
)
def test_broken_file_is_named(text: str | bytes, what: str, where: str) -> None:
    with pytest.raises(DataError, match=what) as caught:
        words(text)

    assert caught.value.where == str(Path.cwd() / where)


def test_near_misses_are_named() -> None:
    with pytest.raises(DataError) as caught:
        words('{"image": "b", "labels": "x"}\n')
    assert caught.value.mend == "did you mean labels?"

    with pytest.raises(DataError) as caught:
        words('{"imag": "b", "label": "x"}\n')
    assert caught.value.mend == "did you mean imag?"


def test_split_stands_for_itself_in_the_path() -> None:
    write(GOOD, "train.jsonl")
    reader = JsonlReader(JsonlOptions(jsonl=Path("{split}.jsonl"), column=("label",)))

    assert list(reader.read("train", WordsLabel)) == ["a.png"]
    with pytest.raises(DataError, match="no such label file") as caught:
        reader.read("val", WordsLabel)
    assert str(caught.value.where).endswith("val.jsonl")


def test_no_column_is_refused() -> None:
    with pytest.raises(ValidationError):
        words(GOOD, column=[])


def test_example_is_read_back() -> None:
    values: dict[str, LabelValue] = {
        "a.png": WordsLabel(("x", "y")),
        "b.png": WordsLabel(()),
    }

    given = JsonlReader.example(Path.cwd(), values)

    labels = JsonlReader(JsonlOptions.model_validate(given)).read("train", WordsLabel)
    assert {key: label.value for key, label in labels.items()} == values
