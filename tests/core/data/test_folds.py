"""Which picture is held out in which fold."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from mtcli.core.data.folds import assign_folds, folds_text
from mtcli.core.errors import UsageError

NAMES = [f"{number:02d}.png" for number in range(20)]


def test_every_picture_is_held_out_once_in_folds_of_nearly_equal_size() -> None:
    folds = assign_folds(NAMES, 3, 0, {}, {})
    assert list(folds) == NAMES
    assert sorted(Counter(folds.values()).values()) == [6, 7, 7]
    assert set(folds.values()) == {1, 2, 3}


def test_every_fold_has_its_share_of_a_class() -> None:
    words = {name: "rare" if number < 8 else "common" for number, name in enumerate(NAMES)}
    folds = assign_folds(NAMES, 4, 0, words, {})
    rare = Counter(folds[name] for name in NAMES[:8])
    assert rare == {1: 2, 2: 2, 3: 2, 4: 2}


def test_pictures_without_a_label_are_divided_too() -> None:
    words = {name: "ab"[number % 2] for number, name in enumerate(NAMES[:18])}
    folds = assign_folds(NAMES, 5, 0, words, {})  # two pictures without a word, five folds
    assert len(folds) == 20


@pytest.mark.parametrize("stratified", [False, True])
def test_groups_are_not_divided(stratified: bool) -> None:
    groups = {name: f"patient {number // 3}" for number, name in enumerate(NAMES[:15])}
    words = {name: "ab"[number % 2] for number, name in enumerate(NAMES)} if stratified else {}
    folds = assign_folds(NAMES, 3, 0, words, groups)
    for group in set(groups.values()):
        assert len({folds[name] for name in groups if groups[name] == group}) == 1
    assert set(folds.values()) == {1, 2, 3}


def test_folds_follow_from_names_and_seed() -> None:
    folds = assign_folds(NAMES, 4, 0, {}, {})
    assert assign_folds(NAMES[::-1], 4, 0, {}, {}) == folds
    assert assign_folds(NAMES, 4, 1, {}, {}) != folds


@pytest.mark.parametrize(
    ("count", "words", "groups", "what", "mend"),
    [
        (21, {}, {}, "more folds than pictures", None),
        (3, {}, dict.fromkeys(NAMES, "one"), "more folds than groups", None),
        (
            5,
            {name: "rare" if number < 3 else "common" for number, name in enumerate(NAMES)},
            {},
            "more folds than pictures of a class",
            "--folds 3, or without --stratify",
        ),
        (
            2,
            {name: "alone" if number == 0 else "common" for number, name in enumerate(NAMES)},
            {},
            "more folds than pictures of a class",
            "without --stratify, or by another task",
        ),
    ],
)
def test_too_many_folds(
    count: int, words: dict[str, str], groups: dict[str, str], what: str, mend: str | None
) -> None:
    with pytest.raises(UsageError, match=f"--folds {count}: {what}") as error:
        assign_folds(NAMES, count, 0, words, groups)
    assert error.value.mend == mend


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.model_selection", None)
    with pytest.raises(UsageError, match="needs scikit-learn") as error:
        assign_folds(NAMES, 2, 0, {}, {})
    assert error.value.mend == "pip install 'multitask-cli[folds]'"


def test_the_file_says_fold_word_and_group() -> None:
    text = folds_text({"a.png": 2, "b.png": 1}, {"a.png": "circle"}, {"b.png": "p1"})
    assert text == "image,fold,stratum,group\na.png,2,circle,\nb.png,1,,p1\n"
