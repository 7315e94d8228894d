"""Which pictures names speak of."""

from __future__ import annotations

from mtcli.core.discovery.matching import Index


def located(pictures: list[str], names: list[str], stems: bool = False, near: str = ".") -> object:
    found = Index(pictures).locate(names, stems, near)
    return None if found is None else (found.base, found.pictures, found.missed)


def test_names_are_found_below_the_folder_that_has_most() -> None:
    pictures = ["a/1.jpg", "a/2.jpg", "b/1.jpg"]

    assert located(pictures, ["1.jpg", "2.jpg", "3.jpg"]) == (
        "a",
        {"1.jpg": "a/1.jpg", "2.jpg": "a/2.jpg"},
        ("3.jpg",),
    )


def test_of_two_folders_the_nearer_one_is_meant() -> None:
    pictures = ["train/1.jpg", "valid/1.jpg"]

    assert located(pictures, ["1.jpg"], near="valid") == ("valid", {"1.jpg": "valid/1.jpg"}, ())
    assert located(pictures, ["1.jpg"], near="train/x") == ("train", {"1.jpg": "train/1.jpg"}, ())


def test_names_may_have_folders_and_the_base_none() -> None:
    pictures = ["x/a/1.jpg", "x/b/1.jpg"]

    assert located(pictures, ["a/1.jpg", r"b\1.jpg"]) == (
        "x",
        {"a/1.jpg": "x/a/1.jpg", r"b\1.jpg": "x/b/1.jpg"},
        (),
    )
    assert located(pictures, ["x/a/1.jpg"]) == (".", {"x/a/1.jpg": "x/a/1.jpg"}, ())


def test_names_may_go_up_from_the_label_file() -> None:
    assert located(["pics/1.jpg"], ["../pics/1.jpg"], near="labels") == (
        "labels",
        {"../pics/1.jpg": "pics/1.jpg"},
        (),
    )


def test_names_without_ending_are_found_where_that_is_meant() -> None:
    assert located(["p/1.jpg"], ["1"]) is None
    assert located(["p/1.jpg"], ["1"], stems=True) == ("p", {"1": "p/1.jpg"}, ())


def test_a_part_of_a_name_is_none() -> None:
    assert located(["p/11.jpg"], ["1.jpg"]) is None
    assert located(["p/1.jpg"], ["/somewhere/p/1.jpg"]) is None


def test_the_nearest_name() -> None:
    index = Index(["p/smear_001.jpg", "p/other.jpg"])

    assert index.nearest("smear-001.png") == "p/smear_001.jpg"


def test_of_two_splits_the_one_of_the_same_name_is_meant() -> None:
    pictures = ["images/train/1.jpg", "images/val/1.jpg"]

    found = located(pictures, ["1"], stems=True, near="labels/train")
    assert found == ("images/train", {"1": "images/train/1.jpg"}, ())
