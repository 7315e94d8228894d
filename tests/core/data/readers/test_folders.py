"""Class folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtcli.core.data.readers.folders import FoldersOptions, FoldersReader
from mtcli.core.errors import DataError
from mtcli.core.labels import LabelValue, WordsLabel


def touch(*names: str) -> None:
    for name in names:
        path = Path("data", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def open_folders(path: str = "data") -> FoldersReader:
    return FoldersReader(FoldersOptions.model_validate({"folders": path}))


def classes(path: str = "data", split: str = "train") -> dict[str, str]:
    """The class of each labelled picture."""
    found = {}
    for name, label in open_folders(path).read(split, WordsLabel).items():
        assert isinstance(label.value, WordsLabel)
        assert label.value.looked_for is None
        (found[name],) = label.value.words
    return found


def refused(path: str = "data", split: str = "train") -> DataError:
    with pytest.raises(DataError) as caught:
        classes(path, split)
    return caught.value


def test_a_folder_s_name_is_the_class_of_its_pictures() -> None:
    touch("cat/a.png", "cat/b.JPG", "dog/a.png")

    assert classes() == {"cat/a.png": "cat", "cat/b.JPG": "cat", "dog/a.png": "dog"}


def test_pictures_may_lie_deeper() -> None:
    touch("cat/tabby/old/a.png")

    assert classes() == {"cat/tabby/old/a.png": "cat"}


def test_pictures_that_differ_in_their_ending_only_are_two() -> None:
    touch("cat/a.png", "dog/a.jpg")

    assert classes() == {"cat/a.png": "cat", "dog/a.jpg": "dog"}


def test_names_keep_their_letters_and_spaces() -> None:
    long = f"x{'y' * 195}.png"
    touch("große Katze/日本 1.png", f"dog/{long}")

    assert classes() == {"große Katze/日本 1.png": "große Katze", f"dog/{long}": "dog"}


def test_what_is_hidden_or_no_picture_is_passed_over() -> None:
    touch("cat/a.png", "cat/._a.png", "cat/notes.txt", "cat/.cache/a.png", ".git/a.png", "a.png")

    assert classes() == {"cat/a.png": "cat"}


def test_keys_are_below_the_folder() -> None:
    touch("cat/a.png")

    assert open_folders().folder == Path("data").resolve()


def test_keys_of_split_folders_begin_with_the_split() -> None:
    touch("train/cat/a.png", "val/cat/b.png", "val/train/c.png")

    assert open_folders("data/{split}").folder == Path("data").resolve()
    assert classes("data/{split}") == {"train/cat/a.png": "cat"}
    assert classes("data/{split}", "val") == {
        "val/cat/b.png": "cat",
        "val/train/c.png": "train",
    }


def test_the_split_may_stand_within_the_path() -> None:
    touch("a-train/pictures/cat/a.png", "a-val/pictures/cat/a.png")

    assert open_folders("data/a-{split}/pictures").folder == Path("data").resolve()
    assert classes("data/a-{split}/pictures") == {"a-train/pictures/cat/a.png": "cat"}


def test_label_knows_its_folder() -> None:
    touch("cat/a.png")

    label = open_folders().read("train", WordsLabel)["cat/a.png"]

    assert label.where == str(Path("data/cat").resolve())


@pytest.mark.parametrize("beside", ["dog/notes.txt", "dog/.a.png", "dog/inner/notes.txt"])
def test_a_class_without_a_picture_is_refused(beside: str) -> None:
    touch("cat/a.png", beside)

    error = refused()

    assert error.what == "the class dog has no picture"
    assert error.where == str(Path("data/dog").resolve())
    assert error.exit_code == 2


def test_classes_that_differ_in_case_only_are_refused() -> None:
    touch("cat/a.png", "Cat/b.png")

    error = refused()

    assert "differ in case only" in error.what
    assert error.where == str(Path("data").resolve())
    assert error.found == "Cat and cat"


@pytest.mark.parametrize("inside", ["a.png", ".cache/a.png"])
def test_no_class_folder_is_refused(inside: str) -> None:
    touch(inside)

    error = refused()

    assert error.what == "no class folder"
    assert error.where == str(Path("data").resolve())


def test_a_missing_folder_is_named() -> None:
    assert refused("nosuch").where == str(Path("nosuch").resolve())

    touch("train/cat/a.png")
    error = refused("data/{split}", "val")
    assert error.where == str(Path("data/val").resolve())
    assert "{split}" in str(error.mend)


def test_example_is_read_back() -> None:
    values: dict[str, LabelValue] = {
        "sub/a.png": WordsLabel(("cat",)),
        "ä b.jpg": WordsLabel(("big dog",)),
    }

    given = FoldersReader.example(Path.cwd(), values)

    labels = FoldersReader(FoldersOptions.model_validate(given)).read("train", WordsLabel)
    assert {key: label.value for key, label in labels.items()} == {
        "cat/sub/a.png": values["sub/a.png"],
        "big dog/ä b.jpg": values["ä b.jpg"],
    }


@pytest.mark.parametrize("words", [(), ("cat", "dog"), ("cat/dog",), ("..",), ("",)])
def test_what_is_no_folder_s_name_cannot_be_written(words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"a\.png"):
        FoldersReader.example(Path.cwd(), {"a.png": WordsLabel(words)})


def test_a_picture_without_an_ending_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="ending"):
        FoldersReader.example(Path.cwd(), {"0001": WordsLabel(("cat",))})
