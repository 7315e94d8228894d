"""Inputs in a config: how they are written, and what does not go together."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from mtcli.core.config import Config
from mtcli.core.configfile import dump_config, load_config
from mtcli.core.configfusion import input_names, inputs_of, shares_left_out
from mtcli.core.configinputs import InputArrays, InputMaps
from mtcli.core.errors import ConfigError

ONE = ("data.inputs=null", "data.images=images")
SETS = ("data.images=null", "data.inputs={rgb: images, depth: depth}", "model.fusion=stack")


def load(folder: Path, *sets: str, only: list[str] | None = None) -> Config:
    return load_config(folder / "mtcli.yaml", [*SETS, *sets], only)


def refusal(folder: Path, *sets: str, only: list[str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(folder, *sets, only=only)
    return caught.value


def test_inputs_keep_their_order_and_each_form(shapes: Path) -> None:
    maps = "{maps: d, range: [0, 10000], suffix: _d, unmeasured: nan}"
    inputs = load(shapes, f"data.inputs={{b: images, a: {maps}}}").data.inputs
    assert inputs is not None
    assert list(inputs) == ["b", "a"]
    assert inputs["b"] == shapes / "images"
    wanted = InputMaps(maps=shapes / "d", range=(0, 10000), suffix="_d", unmeasured="nan")
    assert inputs["a"] == wanted
    arrays = "{a: {arrays: x.npz, key: k}, b: {arrays: x.npz, key: d, range: [0, 1]}}"
    config = load(shapes, f"data.inputs={arrays}", "data.splits=[train, val]")
    assert config.data.inputs == {
        "a": InputArrays(arrays=shapes / "x.npz", key="k"),
        "b": InputArrays(arrays=shapes / "x.npz", key="d", range=(0, 1)),
    }
    assert config.data.pictures == InputArrays(arrays=shapes / "x.npz", key="k")


def test_a_config_that_was_written_is_read_back(shapes: Path, tmp_path: Path) -> None:
    config = load(
        shapes,
        "data.inputs={rgb: images, depth: {maps: depth, range: [0, 5]}}",
        "tasks.cls.inputs={heat: images, rgb: images}",
        "train.input_dropout={depth: 0.25}",
    )
    path = tmp_path / "again.yaml"
    path.write_text(dump_config(config, tmp_path))
    assert load_config(path) == config


def test_a_config_of_some_tasks_is_read_back(shapes: Path, tmp_path: Path) -> None:
    sets = ("tasks.cls.inputs={heat: images, other: images}", "train.input_dropout={depth: 0.25}")
    for only in (["cls"], ["det"]):
        config = load(shapes, *sets, only=only)
        path = tmp_path / f"{only[0]}.yaml"
        path.write_text(dump_config(config, tmp_path))
        assert load_config(path) == config
    overlapping = ("tasks.cls.inputs={heat: images, rgb: images}", sets[1])
    config = load(shapes, *overlapping, only=["cls"])
    path = tmp_path / "overlapping.yaml"
    path.write_text(dump_config(config, tmp_path))
    assert load_config(path) == config


def test_names_are_those_that_tasks_have_those_of_data_first(shapes: Path) -> None:
    config = load(shapes, "tasks.cls.inputs={heat: images, rgb: images}")
    assert input_names(config.data, config.tasks) == ["rgb", "depth", "heat"]
    assert list(inputs_of(config.data, config.tasks["cls"])) == ["heat", "rgb"]
    alone = load(shapes, "tasks.cls.inputs={heat: images, rgb: images}", only=["cls"])
    assert input_names(alone.data, alone.tasks) == ["heat", "rgb"], "its own, and nothing else"


def test_what_is_left_out_is_said_for_all_or_for_some(shapes: Path) -> None:
    names = ["rgb", "depth"]
    assert shares_left_out(load(shapes).train, names) == {"rgb": 0, "depth": 0}
    all_ = load(shapes, "train.input_dropout=0.2").train
    assert shares_left_out(all_, names) == {"rgb": 0.2, "depth": 0.2}
    some = load(shapes, "train.input_dropout={depth: 0.3}").train
    assert shares_left_out(some, names) == {"rgb": 0, "depth": 0.3}


@pytest.mark.parametrize(
    ("sets", "what", "more"),
    [
        (["data.images=images"], "data.inputs: beside data.images", "leave one"),
        (["tasks.cls.images=images"], "tasks.cls.inputs: is required", "inputs: {rgb: FOLDER}"),
        (["model.fusion=null"], "model.fusion: is required for several", "channels or gated or st"),
        (["model.fusion=stak"], "model.fusion: no such way of fusion: stak", "did you mean stack"),
        (["data.inputs={rgb: images}"], "model.fusion: there is one input", "rgb"),
        (
            ["data.inputs={rgb: images}", "model.fusion=null"],
            "data.inputs: there is one input",
            "data.images",
        ),
        (
            [*ONE],
            "model.fusion: there is one input",
            "data.inputs: {rgb",
        ),
        (
            [*ONE, "model.fusion=null", "train.input_dropout=0.1"],
            "train.input_dropout: there is one input",
            "leave it out",
        ),
        (
            ["tasks.cls.inputs={a: images, b: depth}", "tasks.det.inputs={a: images, b: depth}"],
            "data.inputs.rgb: an input that no task has",
            "leave it out",
        ),
        (
            ["train.input_dropout={dept: 0.1}"],
            "train.input_dropout.dept: no such input",
            "did you mean depth?",
        ),
        (["train.input_dropout=1"], "train.input_dropout: wrong value", "less than 1"),
        (["train.cache_features=true"], "train.cache_features: features cannot", "leave it out"),
        (["data.inputs={a/b: images, c: d}"], "data.inputs.a/b: an input's name is", ""),
        (
            ["data.inputs={a: images, b: {arrays: x.npy}}"],
            "data.inputs: arrays beside folders",
            "a files, b an array",
        ),
        (
            ["data.inputs={a: {maps: images, suffix: _d}, b: images}"],
            "data.inputs.a.suffix: the first input names",
            "",
        ),
        (
            ["data.inputs={a: images, b: {maps: d, range: [2, 1]}}"],
            "data.inputs.b.range: wrong value",
            "the lower one first",
        ),
        (
            ["data.inputs={a: images, b: {maps: d, rnge: [1, 2]}}"],
            "data.inputs.b.rnge: no such key",
            "",
        ),
    ],
)
def test_what_does_not_go_together(shapes: Path, sets: list[str], what: str, more: str) -> None:
    error = refusal(shapes, *sets)
    assert error.what.startswith(what)
    assert more in " ".join(filter(None, error.parts().values()))


@pytest.mark.parametrize(
    ("sets", "key"),
    [
        (["tasks.det.inputs={rgb: images}"], "model.fusion"),
        (["tasks.det.inputs={rgb: images}", "train.input_dropout=0.1"], "model.fusion"),
        (["tasks.det.inputs={rgb: images}", "model.fusion=null"], "data.inputs"),
        (
            ["data.inputs={rgb: images}", "tasks.cls.inputs={rgb: images, depth: d}"],
            "model.fusion",
        ),
    ],
)
def test_chosen_tasks_with_one_input_are_told_how_to_train(
    shapes: Path, sets: list[str], key: str
) -> None:
    error = refusal(shapes, *sets, only=["det"])
    assert error.what.startswith(f"{key}: --tasks det leaves one input")
    assert error.mend is not None
    mends = shlex.split(error.mend.partition(": ")[2])
    assert mends[::2] == ["--set"] * (len(mends) // 2)
    config = load(shapes, *sets, *mends[1::2], only=["det"])
    assert inputs_of(config.data, config.tasks["det"]) == {}
    assert config.tasks["det"].images == shapes / "images"


def test_what_is_left_out_may_be_of_a_task_that_is_not_chosen(shapes: Path) -> None:
    sets = ("tasks.det.inputs={rgb: images, heat: h}", "train.input_dropout={depth: 0.3}")
    config = load(shapes, *sets, only=["det"])
    assert shares_left_out(config.train, ["rgb", "heat"]) == {"rgb": 0, "heat": 0}
