"""Batches of one task each: the counts of an epoch, worked by hand."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mtcli.core.config import TaskConfig, TrainConfig
from mtcli.core.data.records import Record
from mtcli.core.errors import ConfigError
from mtcli.core.labels import Label, WordsLabel
from mtcli.core.mixing import Mixing
from mtcli.core.mixing.build import build_mixing
from mtcli.core.mixing.bytask import temperature_weights, turns
from mtcli.core.options import Options

# 90 pictures of `big`, 10 of `small`, no picture of both: batches of 5.
BIG, SMALL = 90, 10


def records(big: int = BIG, small: int = SMALL) -> list[Record]:
    named = [("big", n) for n in range(big)] + [("small", n) for n in range(small)]
    return [
        Record(f"{task}{n}", Path(f"{task}{n}.png"), {task: Label(WordsLabel((f"c{n % 3}",)), "x")})
        for task, n in named
    ]


def mixing(said: object, big: int = BIG, small: int = SMALL, **settings: object) -> Mixing:
    config = TrainConfig.model_validate({"mixing": said, "batch_size": 5, **settings})
    task = TaskConfig(kind="classification", labels=(), options=Options())
    return build_mixing(config, {"big": task, "small": task}, records(big, small))


def batches(plan: Mixing, epoch: int = 1) -> dict[str, int]:
    """Batches by task in an epoch."""
    drawn = [batch for update in plan.epoch(epoch) for batch in update]
    tasks = [{draw.tasks for draw in batch} for batch in drawn]
    assert all(len(said) == 1 for said in tasks), "a batch is one task's"
    assert all(len(batch) == 5 for batch in drawn)
    return dict(Counter(name for said in tasks for names in said for name in names or ()))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        # 100 labels make 20 batches, whoever has them.
        ("proportional", {"big": 18, "small": 2}),
        ("uniform", {"big": 10, "small": 10}),
        ("round_robin", {"big": 10, "small": 10}),
        # √90 : √10 = 3 : 1.
        ({"temperature": {"T": 2}}, {"big": 15, "small": 5}),
        ({"temperature": {"T": 1}}, {"big": 18, "small": 2}),
        # min(90, 40) : 10 = 4 : 1.
        ({"temperature": {"T": 1, "cap": 40}}, {"big": 16, "small": 4}),
        ({"ratios": {"big": 2, "small": 3}}, {"big": 8, "small": 12}),
        # (1/9)^1000 of the weight is none; nothing overflows.
        ({"temperature": {"T": 0.001}}, {"big": 20}),
        ({"ratios": {"big": 1e308, "small": 1e308}}, {"big": 10, "small": 10}),
    ],
)
def test_batches_of_an_epoch(said: object, expected: dict[str, int]) -> None:
    plan = mixing(said)
    assert batches(plan) == expected
    assert batches(plan, epoch=2) == expected
    assert plan.updates(1) == 20


@pytest.mark.parametrize(
    ("said", "length", "expected"),
    [
        # Taking turns, small is through after 2 of its batches, big after 18; big begins.
        ("uniform", "shortest", {"big": 2, "small": 2}),
        ("uniform", "longest", {"big": 18, "small": 17}),
        ("uniform", 7, {"big": 4, "small": 3}),
        # 9 : 1 — small's turns are the 6th and the 16th (at the 5th both are half a turn behind,
        # and big comes first), big's 18th is the 20th.
        ("proportional", "shortest", {"big": 14, "small": 2}),
        ("proportional", "longest", {"big": 18, "small": 2}),
        # 3 : 1 — big big small big, and again: small's 2nd turn is the 7th, big's 18th the 24th.
        ({"temperature": {"T": 2}}, "shortest", {"big": 5, "small": 2}),
        ({"temperature": {"T": 2}}, "longest", {"big": 18, "small": 6}),
        # Small never has a turn, and so is not the first one through.
        ({"temperature": {"T": 0.001}}, "shortest", {"big": 18}),
    ],
)
def test_length_of_an_epoch(said: object, length: object, expected: dict[str, int]) -> None:
    plan = mixing(said, epoch_length=length)
    assert batches(plan) == expected
    assert plan.updates(1) == plan.updates(2) == sum(expected.values())


@pytest.mark.parametrize(
    ("big", "small", "length", "expected"),
    [
        # 133 pictures are 26.6 batches of five, 16 are 3.2: the 27th and the 4th are needed too.
        (133, 16, "longest", {"big": 27, "small": 26}),
        (133, 16, "shortest", {"big": 4, "small": 4}),
        (16, 133, "longest", {"big": 27, "small": 27}),
        (16, 133, "shortest", {"big": 4, "small": 3}),
    ],
)
def test_whoever_is_through_has_seen_every_picture(
    big: int, small: int, length: str, expected: dict[str, int]
) -> None:
    plan = mixing("uniform", big, small, epoch_length=length)
    assert batches(plan) == expected
    drawn = {draw.record for update in plan.epoch(1) for batch in update for draw in batch}
    through = range(big) if (length == "longest") == (big > small) else range(big, big + small)
    assert drawn >= set(through)


@pytest.mark.parametrize(
    ("said", "settings", "found"),
    [
        (
            {"ratios": {"big": 1, "small": 1e-9}},
            {"epoch_length": "longest"},
            "small not through by then",
        ),
        (
            {"temperature": {"T": 0.001}},
            {"epoch_length": "longest"},
            "small not through by then",
        ),
        (
            "uniform",
            {"epoch_length": 501, "accumulate": 2},
            "501 updates of 2",
        ),
        ("joint", {"epoch_length": 1001}, "1,001 updates"),
    ],
)
def test_an_epoch_without_end_is_refused(
    monkeypatch: pytest.MonkeyPatch, said: object, settings: dict[str, Any], found: str
) -> None:
    monkeypatch.setattr("mtcli.core.mixing.length.MOST", 1000)
    with pytest.raises(ConfigError, match=r"^train\.epoch_length: .*1,000 batches") as caught:
        mixing(said, **settings)
    assert caught.value.found == found


def test_each_task_goes_through_its_pictures_across_epochs() -> None:
    plan = mixing("uniform", epoch_length=9)  # 9 updates: 4 or 5 batches of each
    drawn = [
        draw
        for epoch in range(1, 5)
        for update in plan.epoch(epoch)
        for batch in update
        for draw in batch
    ]
    big = Counter(draw.record for draw in drawn if draw.tasks == ("big",))
    small = Counter(draw.record for draw in drawn if draw.tasks == ("small",))

    # 36 batches, 18 of each task: one pass of big, nine of small.
    assert big == dict.fromkeys(range(90), 1)
    assert small == dict.fromkeys(range(90, 100), 9)


def test_little_weight_has_its_turn_in_some_epoch() -> None:
    plan = mixing({"ratios": {"big": 39, "small": 1}}, epoch_length=10)
    assert [batches(plan, epoch).get("small", 0) for epoch in range(1, 9)].count(1) == 2


def test_round_robin_goes_round_and_the_others_are_shuffled() -> None:
    def order(said: str, epoch: int) -> list[str]:
        plan = mixing(said)
        return [(batch[0].tasks or ("",))[0] for update in plan.epoch(epoch) for batch in update]

    assert order("round_robin", 1) == ["big", "small"] * 10
    assert order("uniform", 1) != ["big", "small"] * 10
    assert order("uniform", 1) != order("uniform", 2)


def test_accumulated_round_robin_has_each_task_in_every_update() -> None:
    plan = mixing("round_robin", accumulate=2)
    for update in plan.epoch(1):
        assert [batch[0].tasks for batch in update] == [("big",), ("small",)]


def test_an_epoch_is_the_same_whenever_it_is_asked_for() -> None:
    for said in ("joint", "proportional", {"temperature": {"T": 3}}):
        whole = mixing(said)
        epochs = [whole.epoch(epoch) for epoch in (1, 2, 3)]
        assert mixing(said).epoch(3) == epochs[2]
        rest = list(mixing(said).batches(2, 3, updates_done=4))
        expected = [b for u in epochs[1][4:] + epochs[2] for b in u]
        assert rest == expected


def test_numbers_count_the_draws_of_an_epoch() -> None:
    plan = mixing("uniform")
    drawn = [draw for update in plan.epoch(2) for batch in update for draw in batch]
    assert [draw.number for draw in drawn] == list(range(100))
    assert {draw.epoch for draw in drawn} == {2}


def test_balanced_classes_of_a_task() -> None:
    plan = mixing("proportional", balanced=["small"])
    listed = records()
    drawn = [draw for update in plan.epoch(1) for batch in update for draw in batch]
    small = [listed[draw.record] for draw in drawn if draw.tasks == ("small",)]
    classes = Counter(
        value.words[0] for r in small if isinstance(value := r.labels["small"].load(), WordsLabel)
    )
    # c0 has four pictures, c1 and c2 three; of ten draws each class has three or four.
    assert sorted(classes.values()) == [3, 3, 4]


def test_turns_never_fall_behind_by_more_than_one() -> None:
    weights = [5.0, 3.0, 1.0, 1.0]
    had = [0] * 4
    for made, whose in enumerate(itertools.islice(turns(weights), 500), start=1):
        had[whose] += 1
        assert all(abs(h - made * w / 10) <= 1 for h, w in zip(had, weights, strict=True))


def test_temperature_one_is_proportional_and_a_large_one_uniform() -> None:
    def share(temperature: float, cap: int | None = None) -> float:
        weights = temperature_weights({"a": 9, "b": 4}, temperature, cap)
        return weights["b"] / weights["a"]

    assert share(1) == pytest.approx(4 / 9)
    assert share(2) == pytest.approx(2 / 3)
    assert share(1, cap=5) == pytest.approx(4 / 5)
    assert share(1, cap=3) == 1
    assert share(1e-3) == share(1e-320) == 0
    large = temperature_weights({"a": 9, "b": 4}, 1e9, None)
    assert large["a"] == pytest.approx(large["b"])
