"""Splits by fractions: how many, which, together, and the same everywhere."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mtcli.core.configsplits import GroupColumn
from mtcli.core.data.drawn import draw, drawn_text
from mtcli.core.data.groups import groups_of
from mtcli.core.errors import DataError

FRACTIONS = {"train": 0.7, "val": 0.2, "test": 0.1}
NAMES = [f"{number:03d}.png" for number in range(100)]


def counts(drawn: dict[str, str], names: list[str]) -> dict[str, int]:
    return dict(Counter(drawn[name] for name in names))


def test_fractions_are_kept() -> None:
    assert counts(draw(NAMES, FRACTIONS, 0, {}, {}), NAMES) == {"train": 70, "val": 20, "test": 10}


def test_each_word_is_divided_as_the_whole() -> None:
    words = {name: "rare" if number < 10 else "common" for number, name in enumerate(NAMES)}
    drawn = draw(NAMES, FRACTIONS, 0, words, {})

    assert counts(drawn, NAMES[:10]) == {"train": 7, "val": 2, "test": 1}
    assert counts(drawn, NAMES[10:]) == {"train": 63, "val": 18, "test": 9}


def test_the_only_picture_of_a_word_is_learnt_from() -> None:
    drawn = draw(NAMES, {"val": 0.2, "train": 0.8}, 0, {NAMES[3]: "alone"}, {})
    assert drawn[NAMES[3]] == "train"


def test_every_rare_word_is_learnt_from() -> None:
    words = {name: f"word {number}" for number, name in enumerate(NAMES[:3])}
    drawn = draw(NAMES[:3], {"train": 0.6, "val": 0.4}, 0, words, {})
    assert set(drawn.values()) == {"train"}


def test_groups_stay_together() -> None:
    groups = {name: f"patient {number // 7}" for number, name in enumerate(NAMES[:80])}
    drawn = draw(NAMES, FRACTIONS, 0, {}, groups)

    for group in set(groups.values()):
        assert len({drawn[name] for name in groups if groups[name] == group}) == 1
    found = counts(drawn, NAMES)
    assert all(abs(found[split] - 100 * share) <= 7 for split, share in FRACTIONS.items())


def test_the_draw_follows_from_seed_and_names_alone() -> None:
    drawn = draw(NAMES, FRACTIONS, 0, {}, {})

    assert draw(NAMES[::-1], FRACTIONS, 0, {}, {}) == drawn
    assert draw(NAMES, FRACTIONS, 1, {}, {}) != drawn
    # Written down once, since another machine or Python has to draw the same.
    few = draw([f"{letter}.png" for letter in "abcde"], {"train": 0.6, "val": 0.4}, 0, {}, {})
    assert few == {
        "a.png": "val",
        "b.png": "train",
        "c.png": "val",
        "d.png": "train",
        "e.png": "train",
    }


def test_what_was_drawn_is_written_down() -> None:
    assert drawn_text({"a.png": "train", "b, c.png": "val"}) == (
        'image,split\na.png,train\n"b, c.png",val\n'
    )


def test_groups_come_from_a_column() -> None:
    Path("g.csv").write_text("image,patient\na.png,p1\n./b.png,p1\nc.png,\nother.png,p2\n")
    column = GroupColumn(csv=Path("g.csv"), column="patient")

    assert groups_of(column, ["a.png", "b.png", "c.png"]) == {"a.png": "p1", "b.png": "p1"}
    assert groups_of(None, ["a.png"]) == {}


def test_group_column_that_is_not_there() -> None:
    Path("g.csv").write_text("image,patient\na.png,p1\n")
    with pytest.raises(DataError, match="no column pateint") as error:
        groups_of(GroupColumn(csv=Path("g.csv"), column="pateint"), ["a.png"])
    assert error.value.mend == "did you mean patient?"


def test_picture_in_two_groups() -> None:
    Path("g.csv").write_text("image,patient\na.png,p1\na.png,p2\n")
    with pytest.raises(DataError, match=r"a\.png is in two groups") as error:
        groups_of(GroupColumn(csv=Path("g.csv"), column="patient"), ["a.png"])
    assert str(error.value.where).endswith("g.csv, line 3")


def test_groups_of_other_pictures() -> None:
    Path("g.csv").write_text("image,patient\nimages/a.png,p1\n")
    with pytest.raises(DataError, match="no picture has a patient") as error:
        groups_of(GroupColumn(csv=Path("g.csv"), column="patient"), ["a.png", "xyz.png"])
    assert error.value.expected == "names such as a.png"
