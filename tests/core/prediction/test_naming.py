"""Names of what is written: the pictures' own, made unique."""

from __future__ import annotations

from mtcli.core.prediction.naming import unique_names


def test_a_picture_gives_its_name() -> None:
    assert unique_names(["x/a.png", "y/b.jpg"]) == ["a", "b"]


def test_pictures_of_one_name_have_their_folders_before_it() -> None:
    assert unique_names(["x/a.png", "x/y/a.png", "z/b.png"]) == ["x_a", "x_y_a", "b"]


def test_what_is_left_is_numbered() -> None:
    assert unique_names(["a.png", "a.jpg", "A.png"]) == ["a", "a-2", "A-3"]


def test_names_never_meet() -> None:
    names = unique_names(["a-2.png", "a.png", "a.jpg", "x/a.png", "x_a.png"])
    assert len({name.casefold() for name in names}) == 5
