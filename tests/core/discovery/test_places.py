"""Words for splits in paths, and folders that follow from others."""

from __future__ import annotations

import pytest

from mtcli.core.discovery.places import apart, called, split_of, split_order, spread, without_split


@pytest.mark.parametrize(
    ("word", "split"),
    [
        ("train", "train"),
        ("Train", "train"),
        ("valid.txt", "val"),
        ("instances_val2017.json", "val"),
        ("images-test", "test"),
        ("trainval", None),
        ("train_test.txt", None),
        ("training_set", "train"),
        ("strain", None),
        ("latest", None),
    ],
)
def test_which_split_a_word_speaks_of(word: str, split: str | None) -> None:
    assert split_of(word) == split


def test_paths_of_splits_are_alike_without_them() -> None:
    assert without_split("a/instances_train.json") == without_split("a/instances_valid.json")
    assert without_split("strain/latest.csv") == "strain/latest.csv"
    assert split_order("a/train/x") < split_order("a/valid/x") < split_order("a/test/x")
    assert split_order("a/test/x") < split_order("a/other/x")


def test_paths_of_splits_are_named_together() -> None:
    assert called(["a_train.json", "a_val.json"]) == "a_{train,val}.json"
    assert called(["a.json", "b.json"]) == "a.json, b.json"
    assert called(["train.json"]) == "train.json"


def test_what_two_folders_share_at_the_end_goes() -> None:
    assert spread("masks/train/a", "images/train/a") == ("masks", "images")
    assert spread("train", "train") == (".", ".")
    assert spread("train/masks", "train/images") == ("train/masks", "train/images")


def test_how_far_two_folders_are_apart() -> None:
    assert apart("a/b", "a/b") == 0
    assert apart("masks/train", "images/train") == 2
    assert apart("masks/train", "images/val") == 4
    assert apart("train/masks", "train/images") == 2
    assert apart(".", "a") == 1
