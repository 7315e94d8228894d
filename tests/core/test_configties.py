"""What a config may tie: paths that can be one, groups that agree, and tasks that are left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mtcli.core.architecture import architecture_of
from mtcli.core.config import Config
from mtcli.core.configfile import dump_config, load_config
from mtcli.core.configties import joined, loose_ends
from mtcli.core.errors import ConfigError

CLS = {"kind": "classification", "labels": {"csv": "labels.csv", "key": "image", "column": "shape"}}
SHARED = {"shared_fc": {"group": "fc", "width": 8}}
A_B = ["heads.a.hidden", "heads.b.hidden"]


def written(shapes: Path, tasks: dict[str, dict[str, Any]], tie: Any = None) -> Path:
    """A config of classifications a, b, c … and the detection det, with what is said of each."""
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    det = document["tasks"]["det"]
    document["tasks"] = {
        name: {**(det if name.startswith("det") else CLS), **said} for name, said in tasks.items()
    }
    if tie is not None:
        document["model"]["tie"] = tie
    path = shapes / "ties.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def loaded(
    shapes: Path, tasks: dict[str, dict[str, Any]], tie: Any = None, only: Any = None
) -> Config:
    return load_config(written(shapes, tasks, tie), only=only)


def ties(config: Config) -> tuple[tuple[str, ...], ...]:
    return architecture_of(config.model, config.tasks).ties


@pytest.mark.parametrize("tie", [A_B, [A_B]])
def test_one_tie_or_a_list_of_them(shapes: Path, tie: Any) -> None:
    config = loaded(shapes, {"a": {}, "b": {}}, tie)
    assert config.model.tie == (tuple(A_B),)
    assert ties(config) == (tuple(A_B),)


def test_no_tie_is_none(shapes: Path) -> None:
    assert ties(loaded(shapes, {"a": {}, "b": {}})) == ()
    assert ties(loaded(shapes, {"a": {}, "b": {}}, [])) == ()


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ([], []),
        ([["a", "b"], ["c", "d"]], [("a", "b"), ("c", "d")]),
        ([["a", "b"], ["c", "d"], ["b", "c"]], [("a", "b", "c", "d")]),
        ([["a", "b"], ["c", "d"], ["b", "e"]], [("c", "d"), ("a", "b", "e")]),
        ([["a", "b"], ["b", "a"]], [("a", "b")]),
    ],
)
def test_ties_that_meet_are_one(said: list[list[str]], found: list[tuple[str, ...]]) -> None:
    assert joined(said) == tuple(found)


def test_tasks_of_a_group_have_a_layer_of_its_width_and_share_it(shapes: Path) -> None:
    tasks: dict[str, Any] = {"a": SHARED, "b": SHARED, "c": {"hidden": 8}, "d": {}}
    config = loaded(shapes, tasks)
    widths: list[Any] = [task.options for task in config.tasks.values()]
    assert [options.hidden for options in widths] == [8, 8, 8, None]
    assert ties(config) == (tuple(A_B),)
    # A tie of one's own goes on from there.
    more = loaded(shapes, tasks, ["heads.c.hidden", "heads.b.hidden"])
    assert ties(more) == (("heads.c.hidden", "heads.b.hidden", "heads.a.hidden"),)


def test_groups_are_apart(shapes: Path) -> None:
    other = {"shared_fc": {"group": "other", "width": 4}}
    config = loaded(shapes, {"a": SHARED, "b": other, "c": SHARED, "d": other})
    assert ties(config) == (
        ("heads.a.hidden", "heads.c.hidden"),
        ("heads.b.hidden", "heads.d.hidden"),
    )
    assert loose_ends(config.model, config.tasks) == []


def test_what_is_dumped_reads_back_the_same(shapes: Path) -> None:
    config = loaded(
        shapes, {"a": SHARED, "b": SHARED}, ["heads.a.classifier", "heads.b.classifier"]
    )
    text = dump_config(config, shapes)
    # The width stands once, so that it can be changed in one place.
    assert "hidden: " not in text
    path = shapes / "again.yaml"
    path.write_text(text)
    assert load_config(path) == config
    sets = [f"tasks.{name}.shared_fc.width=4" for name in "ab"]
    options: Any = load_config(path, sets).tasks["b"].options
    assert options.hidden == 4


def test_what_is_left_out_is_passed_over_with_a_note(shapes: Path) -> None:
    tie = [
        ["heads.a.classifier", "heads.b.classifier"],
        ["heads.a.hidden", "heads.c.hidden", "heads.det.class_tower"],
        ["trunks.resnet18.conv1", "trunk.x"],
    ]
    tasks = {"a": {}, "b": {"trunk": "resnet18"}, "c": {}, "det": {}}
    config = loaded(shapes, tasks, tie, only=["a", "c"])
    assert config.model.tie == (("heads.a.hidden", "heads.c.hidden"),)
    left = ["heads.b.classifier", "heads.det.class_tower", "trunks.resnet18.conv1"]
    assert loose_ends(config.model, config.tasks) == [
        f"model.tie: {path} is passed over: not of this run" for path in left
    ]
    # What the run keeps of it is whole.
    path = shapes / "kept.yaml"
    path.write_text(dump_config(config, shapes))
    assert loose_ends(load_config(path).model, config.tasks) == []


def test_a_group_of_one_is_noted(shapes: Path) -> None:
    config = loaded(shapes, {"a": SHARED, "b": SHARED}, only=["b"])
    assert ties(config) == ()
    note = "tasks.b.shared_fc: no other task of this run is in the group fc"
    assert loose_ends(config.model, config.tasks) == [note]


@pytest.mark.parametrize(
    ("tie", "what", "mend"),
    [
        (["heads.a.hidden"], "model.tie: a tie is of two parts or more", None),
        ([A_B, []], "model.tie.1: a tie is of two parts or more", None),
        ([A_B, "heads.a"], "model.tie.1: wrong value", None),
        ("heads.a", "model.tie: wrong value", None),
        ([3, 4], "model.tie.0: wrong value (and 1 more)", None),
        (["heads.a.x", "heads.a.x"], "model.tie: heads.a.x stands twice", None),
        (["heads.first.x", "heads.a.x"], "model.tie: no such task: first", "there is: a, b"),
        (
            ["heads.a", "heads.a.hidden"],
            "model.tie: heads.a.hidden is inside heads.a, which is tied as a whole",
            "leave one of the two out",
        ),
        (
            [["heads.a", "heads.b"], ["heads.b.hidden.weight", "trunk.x"]],
            "model.tie: heads.b.hidden.weight is inside heads.b, which is tied as a whole",
            "leave one of the two out",
        ),
    ],
)
def test_what_is_no_tie(shapes: Path, tie: Any, what: str, mend: str | None) -> None:
    with pytest.raises(ConfigError) as error:
        loaded(shapes, {"a": {}, "b": {}}, tie)
    assert error.value.what == what
    assert error.value.where == str(shapes / "ties.yaml")
    if mend is not None:
        assert error.value.mend == mend


def test_a_near_miss_of_a_task_says_which_was_meant(shapes: Path) -> None:
    with pytest.raises(ConfigError) as error:
        loaded(shapes, {"first": {}, "b": {}}, ["heads.fist.hidden", "heads.b.hidden"])
    assert error.value.mend == "did you mean heads.first?"


@pytest.mark.parametrize(
    ("tasks", "what", "expected"),
    [
        (
            {"a": SHARED, "b": {"shared_fc": {"group": "fc", "width": 4}}},
            "tasks.b.shared_fc.width: the layer of the group fc has one width",
            "8, as tasks.a says",
        ),
        (
            {"a": {**SHARED, "hidden": 4}},
            "tasks.a.hidden: another width than shared_fc says",
            "8",
        ),
        (
            {"a": {**SHARED, "head": "native"}},
            "tasks.a.shared_fc: head: native is the trunk's own classifier, "
            "and has no layer to share",
            None,
        ),
        (
            {"a": {"head": "native", "hidden": 4}},
            "tasks.a.hidden: wrong value",
            "null beside head: native, whose layers are the trunk's own",
        ),
        (
            {"det": SHARED},
            "tasks.det.shared_fc: a detection has no fully connected layer behind pooled maps "
            "to share",
            "a task of kind classification",
        ),
        ({"a": {"shared_fc": {"group": "fc"}}}, "tasks.a.shared_fc.width: is required", None),
        ({"a": {"shared_fc": {"group": "", "width": 4}}}, "tasks.a.shared_fc.group", None),
        ({"a": {"shared_fc": {"group": "fc", "width": 0}}}, "tasks.a.shared_fc.width", None),
        ({"a": {"shared_fc": "fc"}}, "tasks.a.shared_fc: wrong value", "a mapping"),
        ({"a": {"shared_fc": {"grup": "fc"}}}, "tasks.a.shared_fc.grup: no such key", None),
    ],
)
def test_what_no_group_can_share(
    shapes: Path, tasks: dict[str, dict[str, Any]], what: str, expected: str | None
) -> None:
    with pytest.raises(ConfigError) as error:
        loaded(shapes, tasks)
    assert error.value.what.startswith(what)
    if expected is not None:
        assert (error.value.expected or "").startswith(expected)
