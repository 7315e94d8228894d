"""What a config takes over of an origin's network, and what it keeps of its own."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from mtcli.core.blueprint import Architecture, SideTrunk
from mtcli.core.description import Model
from mtcli.core.transfer.inheriting import (
    Inheritance,
    inherited,
    is_adopted,
    model_section,
    same_trunk,
    task_entries,
)
from tests.core.transfer.networks import cls

DETECTOR = {"head": "faster_rcnn", "layout": "torchvision", "levels": ["p2", "p3", "p4", "p5"]}
ALONE = Inheritance({"trunk": "tiny", "pyramid": 16})
TWO = Inheritance(
    {"trunk": "tiny", "pyramid": 16},
    {"side": {"trunk": "resnet18", "drop_path": 0.1}},
    {"cls": "side"},
)


def test_an_architecture_in_the_words_of_a_config() -> None:
    sides = {"side": SideTrunk("resnet18", 0.1)}
    built = Architecture("tiny", 16, 0.0, trunks=sides, uses={"cls": "side"})
    model = Model(built, {"cls": cls("ab"), "det": cls("ab")}, (64, 64), "stretch")
    found = inherited(model, {"cls": "shape"})
    assert found.model == {
        "trunk": "tiny",
        "pyramid": 16,
        "drop_path": 0.0,
        "pyramid_norm": None,
        "pyramid_top": "p5",
        "sharing": "hard",
        "branch_at": None,
        "fusion": None,
    }
    assert found.trunks == {"side": {"trunk": "resnet18", "drop_path": 0.1}}
    assert found.uses == {"shape": "side"}
    assert found.main
    apart = Model(built, {"cls": cls("ab")}, (64, 64), "stretch")
    assert not inherited(apart, {}).main


@pytest.mark.parametrize(
    ("said", "named", "adopted"),
    [
        ({}, True, True),
        ({"trunk": "tiny"}, True, True),
        ({"trunk": "tiny.a_tag"}, True, True),
        ({"trunk": "resnet18"}, True, False),
        ({"trunk": "resnet18"}, False, True),
    ],
)
def test_a_trunk_that_is_named_counts(said: dict[str, Any], named: bool, adopted: bool) -> None:
    assert is_adopted(said, ALONE, named) == adopted


def test_a_module_of_one_s_own_has_no_tag() -> None:
    assert not same_trunk("mine.trunks:A", "mine.trunks:B")
    assert same_trunk("resnet18.a1_in1k", "resnet18")


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        (["all"], False),
        (["conv"], False),
        (["trunk"], False),
        (["heads"], True),
        (["heads.cls", "pyramid"], True),
        (["trunk.stem"], True),
        (["trunks"], True),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_trunk_that_is_not_copied_whole_keeps_its_weights(
    named: bool, parts: list[str], kept: bool
) -> None:
    said = {"trunk": "tiny", "weights": "mine.pth", "lr": 0.3}
    found = model_section(said, ALONE, named, parts)
    assert found["weights"] == ("mine.pth" if kept else None)
    assert (found["lr"], found["pyramid"]) == (0.3, 16)


def test_an_origin_without_a_main_trunk_fills_none() -> None:
    said = {"trunk": "tiny", "weights": "mine.pth"}
    apart = Inheritance({"trunk": "tiny"}, main=False)
    assert model_section(said, apart, True, ["all"])["weights"] == "mine.pth"


def test_weights_of_another_trunk_are_no_start_for_the_origin_s() -> None:
    said = {"trunk": "resnet18", "weights": "mine.pth", "pyramid": 8}
    found = model_section(said, ALONE, False, ["heads"])
    assert found == {"trunk": "tiny", "weights": None, "pyramid": 16}


def test_a_named_config_has_the_last_word_but_the_origin_fills_its_gaps() -> None:
    found = model_section({"pyramid": 8}, ALONE, True, ["heads"])
    assert found == {"trunk": "tiny", "pyramid": 8}


@pytest.mark.parametrize("named", [True, False])
def test_trunks_beside_keep_what_only_the_config_knows(named: bool) -> None:
    own = {"trunk": "resnet18", "lr": 0.5, "weights": "side.pth"}
    said = {"trunk": "tiny", "trunks": {"side": own, "other": {"trunk": "tiny"}}}
    before = deepcopy(said)
    sides = model_section(said, TWO, named, ["trunk"])["trunks"]
    assert sides["side"] == {**own, "drop_path": 0.1}
    assert sides["other"] == {"trunk": "tiny"}
    assert model_section(said, TWO, named, ["trunks"])["trunks"]["side"]["weights"] is None
    assert model_section(said, TWO, named, ["conv"])["trunks"]["side"]["weights"] is None
    assert said == before


def test_a_key_that_a_named_config_has_for_another_trunk_stays() -> None:
    said = {"trunks": {"side": {"trunk": "tiny", "weights": "a.pth"}}}
    assert model_section(said, TWO, True, ["all"])["trunks"] == said["trunks"]
    assert model_section({}, TWO, True, ["all"])["trunks"]["side"]["trunk"] == "resnet18"


def test_what_is_no_mapping_is_left_for_the_check_to_refuse() -> None:
    assert model_section({"trunks": 5}, TWO, True, ["all"])["trunks"] == 5
    assert model_section({"trunks": {"side": 5}}, TWO, True, ["all"])["trunks"] == {"side": 5}
    assert task_entries({"cls": None}, TWO) == {"cls": None}


def test_tasks_take_their_trunks_unless_they_name_one() -> None:
    tasks = {"cls": {"kind": "x"}, "det": {"kind": "y"}}
    before = deepcopy(tasks)
    assert task_entries(tasks, TWO) == {"cls": {"kind": "x", "trunk": "side"}, "det": {"kind": "y"}}
    assert task_entries({"cls": {"trunk": "tiny"}}, TWO) == {"cls": {"trunk": "tiny"}}
    assert tasks == before


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, DETECTOR),
        ({"levels": ["p4", "p5"]}, {**DETECTOR, "levels": ["p4", "p5"]}),
        ({"head": "faster_rcnn"}, DETECTOR),
        ({"head": "fcos"}, {"head": "fcos"}),
        ({"layout": "mtcli"}, {"layout": "mtcli"}),
        ({"depth": 2}, {"depth": 2}),
    ],
)
def test_a_detection_is_the_origin_s_where_it_says_nothing_else(
    said: dict[str, Any], found: dict[str, Any]
) -> None:
    origin = Inheritance({"trunk": "resnet50"}, detection=DETECTOR)
    shared = {"kind": "detection", **said}
    entries = task_entries({"one": shared, "two": shared, "cls": {"kind": "other"}}, origin)
    assert entries["one"] == entries["two"] == {"kind": "detection", **found}
    assert entries["cls"] == {"kind": "other"}
    assert shared == {"kind": "detection", **said}


def tied(*ties: tuple[str, ...], names: dict[str, str] | None = None) -> Inheritance:
    """Of a network whose tasks a and b have hidden layers, and c has none."""
    tasks = {"a": cls("xy", hidden=8), "b": cls("pq", hidden=8), "c": cls("mn")}
    built = Architecture("tiny", 16, 0.0, inputs={"rgb": 3}, ties=ties)
    return inherited(Model(built, tasks, (64, 64), "stretch"), names or {})


HIDDEN = ("heads.a.hidden", "heads.b.hidden")
CLS = {"kind": "classification"}


def section(origin: Inheritance, said: dict[str, Any], named: bool = True, **tasks: Any) -> Any:
    return model_section(said, origin, named, ["all"], {"tasks": tasks})


def test_hidden_layers_and_their_ties_come_along() -> None:
    origin = tied(HIDDEN)
    found = section(origin, {}, a=CLS, b=CLS)
    assert found["tie"] == [[*HIDDEN]]
    assert "inputs" not in found
    entries = task_entries({"a": CLS, "b": CLS, "c": CLS, "new": CLS}, origin)
    assert [entry.get("hidden") for entry in entries.values()] == [8, 8, None, None]


def test_ties_follow_tasks_to_their_new_names() -> None:
    stem = ("trunks.a.stem", "trunks.b.stem", "trunk.x")
    origin = tied(HIDDEN, stem, names={"a": "shape"})
    assert origin.ties == (
        ("heads.shape.hidden", "heads.b.hidden"),
        ("trunks.shape.stem", "trunks.b.stem", "trunk.x"),
    )
    assert task_entries({"shape": CLS}, origin)["shape"]["hidden"] == 8


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "multilabel"},
        {**CLS, "head": "native"},
        {**CLS, "hidden": 4},
        {**CLS, "shared_fc": {"group": "fc", "width": 8}},
    ],
)
def test_a_head_that_is_built_otherwise_is_not_tied(entry: dict[str, Any]) -> None:
    origin = tied(HIDDEN, ("heads.a.classifier", "heads.b.classifier"))
    kept = section(origin, {}, a=CLS, b=entry).get("tie", [])
    # A group of the config's own ties the hidden layers; what else was tied stays.
    assert kept == ([["heads.a.classifier", "heads.b.classifier"]] if "shared_fc" in entry else [])
    assert task_entries({"b": entry}, origin) == {"b": entry}


def test_ties_of_tasks_that_are_not_here_stay_behind() -> None:
    assert "tie" not in section(tied(HIDDEN), {}, a=CLS)
    three = ("trunks.a.stem", "trunks.b.stem", "trunks.c.stem")
    assert section(tied(three), {}, a=CLS, c=CLS)["tie"] == [["trunks.a.stem", "trunks.c.stem"]]
    assert "tie" not in section(tied(three), {"sharing": "mtan"}, a=CLS, c=CLS)


def test_what_a_config_ties_itself() -> None:
    own = ["heads.a.classifier", "heads.new.classifier"]
    tasks: dict[str, Any] = dict.fromkeys(("a", "b", "new"), CLS)
    assert section(tied(HIDDEN), {"tie": own}, **tasks)["tie"] == own
    # One that was not named is built as the origin's, and ties its own tasks beside.
    assert section(tied(HIDDEN), {"tie": own}, False, **tasks)["tie"] == [own, [*HIDDEN]]
    assert section(tied(HIDDEN), {"tie": 5}, False, **tasks)["tie"] == 5


@pytest.mark.parametrize(
    ("sections", "fusion"),
    [
        ({}, None),
        ({"data": {"images": "i"}, "tasks": {"a": CLS}}, None),
        ({"data": {"inputs": {"rgb": "i", "depth": "d"}}}, "stack"),
        ({"data": None, "tasks": {"a": {**CLS, "inputs": {"rgb": "i", "depth": "d"}}}}, "stack"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_fusion_is_taken_over_where_there_are_inputs(
    sections: dict[str, Any], fusion: str | None, named: bool
) -> None:
    origin = Inheritance({"trunk": "tiny", "fusion": "stack"})
    assert model_section({}, origin, named, ["all"], sections).get("fusion") == fusion
    # An origin of one input does not undo what the config says.
    plain = Inheritance({"trunk": "tiny", "fusion": None})
    assert model_section({"fusion": "gated"}, plain, named, [], sections)["fusion"] == "gated"
