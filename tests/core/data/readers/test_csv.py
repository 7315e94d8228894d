"""Labels from CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mtcli.core.data.readers.csv import CsvOptions, CsvReader, read_columns
from mtcli.core.errors import DataError
from mtcli.core.labels import LabelValue, WordsLabel


def write(text: str | bytes, name: str = "labels.csv") -> Path:
    path = Path(name).resolve()
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def words(text: str | bytes, **options: Any) -> dict[str, tuple[str, ...]]:
    """The words of each labelled picture of a file with these contents."""
    given = {"csv": str(write(text)), "column": "label", **options}
    labels = CsvReader(CsvOptions.model_validate(given)).read("train", WordsLabel)
    return {
        key: label.value.words
        for key, label in labels.items()
        if isinstance(label.value, WordsLabel)
    }


def read(text: str | bytes, **options: Any) -> dict[str, str]:
    """The same where each has one word."""
    found = words(text, **options)
    assert all(len(own) == 1 for own in found.values())
    return {key: own[0] for key, own in found.items()}


def test_cells_become_text_labels() -> None:
    assert read("image,label\na.png,cat\nb.png,dog\n") == {"a.png": "cat", "b.png": "dog"}


def test_other_columns_are_passed_over() -> None:
    assert read("x,label,image,y\n1,cat,a.png,2\n") == {"a.png": "cat"}


def test_key_and_column_are_chosen() -> None:
    text = "file,label,kind\na.png,cat,tabby\n"

    assert read(text, key="file", column="kind") == {"a.png": "tabby"}


def test_byte_order_mark_is_no_part_of_the_header() -> None:
    assert read(b"\xef\xbb\xbfimage,label\na.png,cat\n") == {"a.png": "cat"}


def test_quoted_commas_quotes_and_lines_stay() -> None:
    text = 'image,label\n"a,b.png","cat, ""old"""\nc.png,"two\nlines"\nd.png,dog\n'

    assert read(text) == {"a,b.png": 'cat, "old"', "c.png": "two\nlines", "d.png": "dog"}


def test_backslashes_in_paths_become_slashes() -> None:
    assert read("image,label\nsub\\deep\\a.png,b\\c\n") == {"sub/deep/a.png": "b\\c"}


def test_empty_cells_are_no_label() -> None:
    assert read("image,label\na.png,\nb.png,  \nc.png,cat\n") == {"c.png": "cat"}


def test_spaces_around_cells_are_stripped() -> None:
    assert read(" image , label \n a.png ,  big cat \n") == {"a.png": "big cat"}


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_line_ending(ending: str) -> None:
    assert read(ending.join(["image,label", "a.png,cat", "", "b.png,dog"])) == {
        "a.png": "cat",
        "b.png": "dog",
    }


@pytest.mark.parametrize("line", ["\n", "  \n", ",\n", " , \n"])
def test_empty_rows_are_passed_over(line: str) -> None:
    assert read(f"image,label\n{line}a.png,cat\n{line}") == {"a.png": "cat"}


def test_text_is_kept_as_it_is_written() -> None:
    assert read("image,label\na.png,007\nb.png,1.50\nc.png,Käfer\n") == {
        "a.png": "007",
        "b.png": "1.50",
        "c.png": "Käfer",
    }


def test_label_knows_its_line() -> None:
    path = write('image,label\n"a.png","two\nlines"\nb.png,dog\n')

    labels = CsvReader(CsvOptions(csv=path, column=("label",))).read("train", WordsLabel)

    assert labels["b.png"].where == f"{path}, line 4"


def test_same_label_twice_is_one_label() -> None:
    assert read("image,label\na.png,cat\na.png,cat\n") == {"a.png": "cat"}


def test_empty_cell_beside_a_label_is_no_second_label() -> None:
    assert read("image,label\na.png,cat\na.png,\n") == {"a.png": "cat"}


def test_two_labels_of_one_picture_name_both_lines() -> None:
    with pytest.raises(DataError, match=r"sub/a\.png has two labels") as caught:
        read("image,label\nsub/a.png,cat\nsub\\a.png,dog\n")

    assert caught.value.where == str(Path.cwd() / "labels.csv, line 3")
    assert caught.value.found is not None
    assert "line 2" in caught.value.found


def test_split_stands_for_itself_in_the_path() -> None:
    write("image,label\na.png,cat\n", "train.csv")
    write("image,label\nb.png,dog\n", "val.csv")
    reader = CsvReader(CsvOptions(csv=Path("{split}.csv"), column=("label",)))

    assert list(reader.read("train", WordsLabel)) == ["a.png"]
    assert list(reader.read("val", WordsLabel)) == ["b.png"]
    with pytest.raises(DataError, match="no such label file") as caught:
        reader.read("test", WordsLabel)
    assert caught.value.where is not None
    assert caught.value.where.endswith("test.csv")


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        ("image,labels\na.png,cat\n", "no column label", "labels.csv"),
        ("", "no column image", "labels.csv"),
        ("image;label\na.png;cat\n", "no column image", "labels.csv"),
        ("image,label\na.png,cat\nb.png\n", "too short", "labels.csv, line 3"),
        ("image,label\n,cat\n", "names no picture", "labels.csv, line 2"),
        ('image,label\na.png,"cat\n', "not a CSV file", "labels.csv"),
        (b"image,label\na.png,\xe9\n", "UTF-8", "labels.csv"),
        ("image,label\na.png,cat\n".encode("utf-16"), "UTF-8", "labels.csv"),
    ],
)
def test_broken_file_is_named(text: str | bytes, what: str, where: str) -> None:
    with pytest.raises(DataError, match=what) as caught:
        read(text)

    assert caught.value.where == str(Path.cwd() / where)


def test_missing_column_lists_the_others() -> None:
    with pytest.raises(DataError) as caught:
        read("image,labels\n")

    assert caught.value.found == "columns image, labels"
    assert caught.value.mend == "did you mean labels?"


def test_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(DataError, match="label"):
        read("image,label,label\na.png,cat,dog\n")


@pytest.mark.parametrize("name", ["nosuch.csv", "folder"])
def test_columns_of_what_is_no_file_are_refused(name: str) -> None:
    Path("folder").mkdir()

    with pytest.raises(DataError) as caught:
        list(read_columns(Path(name), ["image"]))

    assert caught.value.where == name


def test_columns_come_in_the_order_asked_for() -> None:
    path = write("a,b,c\n1,2\\2,3\\3\n")

    assert list(read_columns(path, ["c", "b"])) == [(2, ["3/3", "2\\2"])]


def test_names_keep_their_letters_and_spaces() -> None:
    long = f"{'x' * 200}.png"
    text = f"image,label\nGrün und süß/日本.png,cat\n{long},dog\n"

    assert read(text) == {"Grün und süß/日本.png": "cat", long: "dog"}


def test_several_columns_are_several_words_in_their_order() -> None:
    text = "image,x,y\na.png,1,2.5\nb.png,3,\nc.png,,\n"

    assert words(text, column=["y", "x"]) == {"a.png": ("2.5", "1"), "b.png": ("", "3")}


def test_a_list_of_one_column_is_that_column() -> None:
    assert read("image,label\na.png,cat\n", column=["label"]) == {"a.png": "cat"}


def test_every_column_must_be_there() -> None:
    with pytest.raises(DataError, match="no column z") as caught:
        words("image,x,y\na.png,1,2\n", column=["x", "z"])

    assert caught.value.where == str(Path.cwd() / "labels.csv")
    assert caught.value.found == "columns image, x, y"


def test_no_column_is_refused() -> None:
    with pytest.raises(ValidationError):
        words("image,x\n", column=[])


def test_two_labels_in_several_columns_name_them() -> None:
    with pytest.raises(DataError, match=r"a\.png has two labels in column x, y") as caught:
        words("image,x,y\na.png,1,2\na.png,1,3\n", column=["x", "y"])

    assert caught.value.where == str(Path.cwd() / "labels.csv, line 3")


def test_a_separator_parts_a_cell() -> None:
    text = "image,label\na.png,cat | big dog\nb.png,cat\nc.png,\n"

    assert words(text, separator="|") == {"a.png": ("cat", "big dog"), "b.png": ("cat",)}


def test_a_separator_of_several_letters() -> None:
    assert words("image,label\na.png,x; y;z\n", separator="; ") == {"a.png": ("x", "y;z")}


def test_a_cell_says_that_nothing_applies() -> None:
    text = "image,label\na.png,none\nb.png,cat\nc.png,\n"

    assert words(text, separator="|", nothing="none") == {"a.png": (), "b.png": ("cat",)}


def test_nothing_among_others_is_a_word() -> None:
    text = "image,label\na.png,none|cat\n"

    assert words(text, separator="|", nothing="none") == {"a.png": ("none", "cat")}


def test_an_empty_separator_is_refused() -> None:
    with pytest.raises(ValidationError):
        words("image,label\n", separator="")


def test_example_is_read_back() -> None:
    values: dict[str, LabelValue] = {
        "a,b.png": WordsLabel(('"x"',)),
        "sub/c.png": WordsLabel(("y",)),
    }

    given = CsvReader.example(Path.cwd(), values)

    labels = CsvReader(CsvOptions.model_validate(given)).read("train", WordsLabel)
    assert {key: label.value for key, label in labels.items()} == values
