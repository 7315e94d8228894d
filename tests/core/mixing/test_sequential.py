"""Stages one after another."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtcli.core.config import TaskConfig, TrainConfig
from mtcli.core.data.records import Record
from mtcli.core.labels import Label, WordsLabel
from mtcli.core.mixing import Mixing
from mtcli.core.mixing.build import build_mixing
from mtcli.core.options import Options

LABELLED = {"a": "cls", "b": "cls", "c": "cls det", "d": "det", "e": "det", "f": "count"}


@pytest.fixture
def mixing() -> Mixing:
    records = [
        Record(key, Path(key), {name: Label(WordsLabel(("1",)), "x") for name in names.split()})
        for key, names in LABELLED.items()
    ]
    stages = [
        {"tasks": ["det"], "epochs": 2, "freeze": ["heads.cls"]},
        {"tasks": ["cls", "count"], "epochs": 1, "freeze": ["trunk"]},
        {"tasks": ["cls", "det"], "epochs": 2, "mixing": "round_robin"},
    ]
    settings = TrainConfig.model_validate({"batch_size": 2, "mixing": {"sequential": stages}})
    assert settings.epochs == 5
    assert settings.last_stage == 4
    config = TaskConfig(kind="classification", labels=(), options=Options())
    return build_mixing(settings, dict.fromkeys(("cls", "det", "count"), config), records)


def test_parts_of_epochs_are_as_long_as_these_are(mixing: Mixing) -> None:
    # Epochs of 2, 2, 2, 3 and 3 updates.
    within = {0.0: 0, 0.5: 1, 1.0: 2, 3.0: 6, 3.5: 7.5, 5.0: 12, 6.0: 15}
    assert {epochs: mixing.updates_within(epochs, 5) for epochs in within} == within


def test_a_stage_draws_the_pictures_of_its_tasks(mixing: Mixing) -> None:
    def records(epoch: int) -> str:
        drawn = [draw for update in mixing.epoch(epoch) for batch in update for draw in batch]
        assert {draw.epoch for draw in drawn} == {epoch}
        return "".join(sorted("abcdef"[draw.record] for draw in drawn))

    assert records(1) == records(2) == "cde"
    assert records(3) == "abcf"
    # Three labels each, six in all: three batches of two.
    assert len(records(4)) == 6
    assert [mixing.updates(epoch) for epoch in range(1, 6)] == [2, 2, 2, 3, 3]
    assert mixing.updates_before(4) == 6
    assert mixing.updates_before(6) == 12


def test_a_stage_teaches_its_tasks_alone(mixing: Mixing) -> None:
    assert mixing.learning(2) == ("det",)
    assert mixing.learning(3) == ("cls", "count")
    assert {draw.tasks for u in mixing.epoch(1) for b in u for draw in b} == {("det",)}
    assert {draw.tasks for u in mixing.epoch(3) for b in u for draw in b} == {("cls", "count")}
    turns = [batch[0].tasks for epoch in (4, 5) for u in mixing.epoch(epoch) for batch in u]
    assert turns == [("cls",), ("det",)] * 3


def test_frozen_parts_are_those_of_the_stage(mixing: Mixing) -> None:
    frozen = [mixing.frozen(epoch) for epoch in range(1, 6)]
    assert frozen == [("heads.cls",), ("heads.cls",), ("trunk",), (), ()]
