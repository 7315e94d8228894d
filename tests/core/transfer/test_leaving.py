"""What stays behind in an origin, each with its reason."""

from __future__ import annotations

import pytest

from mtcli.core.transfer.leaving import left_behind
from tests.core.transfer.networks import cls, det, network_of, origin_of
from tests.core.transfer.planned import BOTH


@pytest.mark.parametrize(
    ("words", "chosen", "told"),
    [
        (["all"], (), {"pyramid": ("no task here reads it", False), "heads": ("task not", False)}),
        (["all"], ("cls",), {"pyramid": ("no task here", True), "heads": ("task not", True)}),
        (["trunk"], (), {"pyramid": ("not asked for", True), "heads": ("not asked for", True)}),
    ],
)
def test_what_a_network_of_fewer_tasks_has_no_place_for(
    words: list[str], chosen: tuple[str, ...], told: dict[str, tuple[str, bool]]
) -> None:
    tasks = {"cls": cls("ab")}
    ours = network_of(tasks).state_dict()
    rows = left_behind(origin_of(BOTH), ours, ours, tasks, words, chosen)
    assert {row.tensor.split(".")[0] for row in rows} == {*told}
    for row in rows:
        why, asked = told[row.tensor.split(".")[0]]
        assert row.why.startswith(why), row
        assert (row.fate, row.asked, row.origins) == ("left", asked, ("run-1",))


def test_a_head_that_stands_aside_and_a_tensor_that_ours_lacks() -> None:
    tasks = {"cls": cls("ab"), "det": det("ab", head="retinanet")}
    origin = origin_of({**BOTH, "shape": cls("ab")}).renamed({"shape": "cls"})
    ours = network_of(tasks).state_dict()
    used = [origin.named(name) for name in origin.tensors if name in ours]
    rows = {row.tensor: row.why for row in left_behind(origin, ours, used, tasks, ["all"], ())}
    why = "the origin's own cls: another head was asked for"
    assert rows["heads.cls.classifier.bias"] == why
    assert rows["heads.det.centerness.bias"] == "no such tensor here"
    assert "trunk.stem.0.weight" not in rows
