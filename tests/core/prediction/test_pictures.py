"""Which files words mean, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mtcli.core.errors import UsageError
from mtcli.core.prediction.pictures import check_there, find_pictures


@pytest.fixture(autouse=True)
def _files() -> None:
    for name in ("10.png", "2.png", "a/1.jpg", "a/B/3.PNG", ".hidden/4.png", "a/notes.txt"):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def _found(*words: str, lines: str = "", out: str | None = None) -> list[str]:
    place = None if out is None else Path(out)
    return [p.as_posix() for p in find_pictures(words, lines.splitlines, out=place)]


def test_a_folder_means_the_pictures_below_it_as_a_person_counts() -> None:
    assert _found(".") == ["2.png", "10.png", "a/1.jpg", "a/B/3.PNG"]
    assert _found("a") == ["a/1.jpg", "a/B/3.PNG"]


def test_the_order_is_that_of_the_words_and_each_picture_comes_once() -> None:
    assert _found("10.png", ".", "./10.png") == ["10.png", "2.png", "a/1.jpg", "a/B/3.PNG"]
    assert _found("10.png", str(Path("10.png").resolve())) == ["10.png"]


def test_a_file_that_is_named_is_taken_whatever_it_is() -> None:
    assert _found("a/notes.txt") == ["a/notes.txt"]


def test_patterns() -> None:
    assert _found("*.png") == ["2.png", "10.png"]
    assert _found("**/*") == ["2.png", "10.png", "a/1.jpg", "a/B/3.PNG"]
    Path("x[1].png").write_bytes(b"")
    assert _found("x[1].png") == ["x[1].png"]


def test_a_list_has_a_path_a_line() -> None:
    assert _found("-", "-", lines="2.png\n\n with blank.png\nnone.png\n") == [
        "2.png",
        " with blank.png",
        "none.png",
    ]


def test_what_was_written_before_is_no_input_unless_it_is_meant() -> None:
    assert _found(".", out="a") == ["2.png", "10.png"]
    assert _found("**/*", out="a/B") == ["2.png", "10.png", "a/1.jpg"]
    assert _found("a", out="a") == ["a/1.jpg", "a/B/3.PNG"]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("3.png", "did you mean 2.png?"),
        ("a/2.jpg", "did you mean a/1.jpg?"),
        ("b/2.jpg", "no folder b either"),
        ("*.bmp", "nothing"),
        ("a/*.txt", "notes.txt"),
        ("-", "the path of a picture"),
    ],
)
def test_words_that_mean_nothing(word: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        _found(word)
    assert told in " ".join(filter(None, caught.value.parts().values()))


def test_missing_files_are_told_before_a_model_is_opened() -> None:
    check_there(["2.png", "a", "*.bmp", "-", "rgb=none"])
    with pytest.raises(UsageError, match="no such file"):
        check_there(["2.png", "none.png"])


def test_hidden_folders_may_be_named_themselves() -> None:
    Image.new("RGB", (2, 2)).save(".hidden/5.png")
    assert _found(".hidden") == [".hidden/4.png", ".hidden/5.png"]
