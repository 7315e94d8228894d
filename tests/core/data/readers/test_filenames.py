"""Classes in the pictures' own names."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from mtcli.core.data.readers.filenames import FilenamesOptions, FilenamesReader
from mtcli.core.errors import DataError
from mtcli.core.labels import WordsLabel


def touch(*names: str) -> None:
    for name in names:
        path = Path("data", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def words(pattern: str, path: str = "data", split: str = "train") -> dict[str, str]:
    """The class of each labelled picture."""
    options = FilenamesOptions.model_validate({"filenames": path, "pattern": pattern})
    found = {}
    for name, label in FilenamesReader(options).read(split, WordsLabel).items():
        assert isinstance(label.value, WordsLabel)
        (found[name],) = label.value.words
        assert label.where == str(Path("data").resolve() / name)
    return found


def test_the_group_is_the_class_and_other_names_are_unlabelled() -> None:
    touch("crazing_12.jpg", "rolled-in_scale_3.jpg", "sub/patches_1.png", "12.jpg", "a_1.txt")

    assert words(r"(?P<class>[^/]+)_\d+\.") == {
        "crazing_12.jpg": "crazing",
        "rolled-in_scale_3.jpg": "rolled-in_scale",
        "sub/patches_1.png": "patches",
    }


def test_the_pattern_sees_the_path_below_the_folder() -> None:
    touch("cat/old/1.jpg", "dog/new/1.jpg")

    assert words("^(?P<class>[^/]+)/") == {"cat/old/1.jpg": "cat", "dog/new/1.jpg": "dog"}
    assert set(words("/(?P<class>[^/]+)/").values()) == {"old", "new"}


def test_names_are_those_below_the_folder_above_the_splits() -> None:
    touch("train/cat_1.jpg", "val/dog_1.jpg")

    assert words("^(?P<class>[a-z]+)_", "data/{split}") == {"train/cat_1.jpg": "cat"}
    assert words("^(?P<class>[a-z]+)_", "data/{split}", "val") == {"val/dog_1.jpg": "dog"}


def test_a_class_of_no_letter_is_none() -> None:
    touch("_1.jpg", "cat_1.jpg")

    assert words("^(?P<class>[a-z]*)_") == {"cat_1.jpg": "cat"}


def test_a_pattern_that_fits_no_name_is_refused_with_an_example() -> None:
    touch("cat1.jpg")

    with pytest.raises(DataError, match="fits none") as caught:
        words("^(?P<class>[a-z]+)_")

    assert caught.value.found == "1 pictures such as cat1.jpg"


@pytest.mark.parametrize(("pattern", "said"), [("(a", "regular expression: "), ("(a)", "P<class>")])
def test_a_pattern_without_a_class_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FilenamesOptions.model_validate({"filenames": "data", "pattern": pattern})
