"""Where a task's pictures are, once its entry stands in another config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mtcli.core.errors import ConfigError
from mtcli.core.transfer.places import Places, moved, places_of

HERE = Path("/here/mtcli.yaml")
THERE = Path("/there/runs/a/config.yaml")
DRAWN = {"fractions": {"train": 0.5, "val": 0.5}, "made": "splits.csv"}


def there(**data: Any) -> Places:
    return places_of({"data": data}, THERE)


def here(**data: Any) -> Places:
    return places_of({"data": data}, HERE)


def test_only_what_differs_moves() -> None:
    lists = {"train": "/lists/train.txt"}
    theirs = there(images="/pictures", splits=lists)
    assert moved("a", {"kind": "x"}, theirs, theirs, THERE) == {"kind": "x"}
    assert moved("a", {}, theirs, here(images="pictures", splits=lists), THERE) == {
        "images": "/pictures"
    }
    assert moved("a", {}, theirs, here(images="/pictures"), THERE) == {"splits": lists}


def test_what_a_task_says_itself_stays() -> None:
    entry = {"images": "/own", "splits": {"val": "/own.txt"}}
    theirs = there(images="/pictures", splits={"train": "/a"})
    assert moved("a", entry, theirs, Places(), THERE) == entry


def test_several_inputs_move_as_one_place_of_pictures() -> None:
    theirs = there(inputs={"rgb": "/p", "depth": "/d"})
    found = moved("a", {}, theirs, here(images="/p"), THERE)
    assert found == {"inputs": {"rgb": "/p", "depth": "/d"}}
    assert moved("a", {}, theirs, here(inputs={"rgb": "/p", "depth": "/d"}), THERE) == {}
    own = {"images": "/own"}
    assert moved("a", own, theirs, here(images="/p"), THERE) == own


def test_what_was_drawn_becomes_the_file_that_a_run_keeps() -> None:
    found = moved("a", {}, there(images="/p", splits=DRAWN), here(images="/p", splits={}), THERE)
    assert found == {
        "splits": {"csv": "/there/runs/a/splits.csv", "key": "image", "column": "split"}
    }


def test_the_same_draw_is_not_named_twice() -> None:
    theirs = there(images="/p", splits=DRAWN)
    ours = here(images="/p", splits={**DRAWN, "made": "/there/runs/a/splits.csv"})
    assert moved("a", {}, theirs, ours, THERE) == {}


@pytest.mark.parametrize(
    ("entry", "splits", "what"),
    [
        ({}, {"fractions": {"train": 1.0}}, "drawn and not kept"),
        ({"images": "/own"}, DRAWN, "drawn together with those of other folders"),
    ],
)
def test_a_draw_that_one_task_cannot_have(
    entry: dict[str, Any], splits: dict[str, Any], what: str
) -> None:
    with pytest.raises(ConfigError, match=what) as error:
        moved("a", entry, there(splits=splits), Places(), THERE)
    assert error.value.where == str(THERE)


def test_a_fold_is_one_beside_tasks_of_the_same_fold_only() -> None:
    folds = {"csv": "../folds.csv", "fold": 2}
    fold = there(folds=folds)
    with pytest.raises(ConfigError, match="the pictures of a cannot be had"):
        moved("a", {}, fold, Places(), THERE)
    with pytest.raises(ConfigError, match="divided into folds"):
        moved("a", {}, Places(), fold, THERE)
    assert moved("a", {}, fold, there(folds=folds), THERE) == {}


def test_a_place_that_cannot_be_is_named() -> None:
    with pytest.raises(ConfigError, match=r"data\.folds: wrong value") as error:
        there(folds={"csv": "folds.csv", "fold": 0})
    assert error.value.found == "0"
