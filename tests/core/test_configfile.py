"""From YAML and `--set` to a config, and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from mtcli.core.config import Config
from mtcli.core.configaugment import Crop, Flip, Zoom
from mtcli.core.configcheck import check_config
from mtcli.core.configfile import dump_config, find_config, load_config
from mtcli.core.configsplits import DrawnSplits, SplitColumn
from mtcli.core.data.readers.csv import CsvOptions
from mtcli.core.errors import ConfigError
from mtcli.core.tasks.classification import ClassificationOptions
from mtcli.core.tasks.detection import DetectionOptions
from mtcli.core.yamlfile import read_yaml

TEXT = """\
data:
  images: images
  splits: {train: train.txt, val: lists/val.txt}
  size: [64, 96]
  augment: [hflip, {zoom: {scale: [0.9, 1.2]}}, {hflip: {p: 0.1}}]
tasks:
  cls: {kind: classification, labels: {csv: labels.csv, column: shape}, classes: ["no", "1e5", é]}
  det: {kind: detection, labels: {coco: "boxes_{split}.json"}, weight: 2, levels: [p3, p4]}
model: {trunk: tiny, weights: weights.pth, pyramid: 16}
train: {epochs: 3, lr: 1.0e-5, ema: null, clip: null}
"""


@pytest.fixture
def file() -> Path:
    """A config in a folder beside the working folder."""
    folder = Path("../project").resolve()
    folder.mkdir()
    path = folder / "mtcli.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def load(file: Path, *sets: str, only: Sequence[str] | None = None) -> Config:
    return load_config(file, sets, only)


# Reading.


def test_values_are_read(file: Path) -> None:
    config = load(file)

    assert config.data.size == (64, 96)
    assert config.model.pyramid == 16
    assert config.train.epochs == 3
    assert config.train.lr == 1e-5
    assert config.train.ema is None


def test_defaults_fill_the_rest(file: Path) -> None:
    config = load(file)

    assert config.data.resize == "stretch"
    assert config.train.batch_size == 16
    assert config.train.best == "score"
    assert config.tasks["cls"].weight == 1.0


def test_section_train_may_be_left_out(file: Path) -> None:
    file.write_text(TEXT.partition("train: {epochs")[0])

    assert load(file).train.epochs == 20


@pytest.mark.parametrize("text", ["train:\n", "train: {}\n", "train:\n  # epochs: 3\n"])
def test_empty_section_train_is_its_defaults(file: Path, text: str) -> None:
    file.write_text(TEXT.partition("train: {epochs")[0] + text)

    assert load(file).train.epochs == 20


def test_paths_are_relative_to_the_config(file: Path) -> None:
    config = load(file)

    assert config.data.images == file.parent / "images"
    assert config.data.splits == {
        "train": file.parent / "train.txt",
        "val": file.parent / "lists" / "val.txt",
    }
    assert config.model.weights == str(file.parent / "weights.pth")
    (labels,) = config.tasks["cls"].labels
    assert isinstance(labels.options, CsvOptions)
    assert labels.options.csv == file.parent / "labels.csv"


def test_paths_are_absolute_where_the_config_is_named_relatively(file: Path) -> None:
    assert load(Path("../project/mtcli.yaml")) == load(file)


def test_absolute_and_home_paths_stay(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere/me")

    assert load(file, "data.images=/data/a").data.images == Path("/data/a")
    assert load(file, "data.images=~/a").data.images == Path("/somewhere/me/a")
    assert load(file, "model.weights=~/w.pth").model.weights == "/somewhere/me/w.pth"


def test_package_of_weights_is_no_path(file: Path) -> None:
    config = load(file, "model.weights=package:efficientnet-lite0")

    assert config.model.weights == "package:efficientnet-lite0"


def test_tasks_bring_their_kinds_options(file: Path) -> None:
    config = load(file)

    cls, det = config.tasks["cls"], config.tasks["det"]
    assert isinstance(cls.options, ClassificationOptions)
    assert cls.options.classes == ("no", "1e5", "é")
    assert [source.reader for source in cls.labels] == ["csv"]
    assert isinstance(det.options, DetectionOptions)
    assert det.options.levels == ("p3", "p4")
    assert [source.reader for source in det.labels] == ["coco"]
    assert (det.kind, det.weight) == ("detection", 2.0)


def test_steps_of_an_augmentation_keep_their_order(file: Path) -> None:
    steps = load(file).data.augment

    assert [step.name for step in steps] == ["hflip", "zoom", "hflip"]
    assert [step.step for step in steps] == [Flip(), Zoom(scale=(0.9, 1.2)), Flip(p=0.1)]


def test_set_below_an_empty_section_fills_it(file: Path) -> None:
    file.write_text(TEXT.partition("train: {epochs")[0] + "train:\n")
    assert load(file, "train.epochs=7").train.epochs == 7


@pytest.mark.parametrize("step", ["crop", "{crop: {}}", "{crop: null}", "{crop: }"])
def test_step_without_options_is_its_defaults(file: Path, step: str) -> None:
    (augmentation,) = load(file, f"data.augment=[{step}]").data.augment

    assert augmentation.name == "crop"
    assert augmentation.step == Crop()


def test_splits_may_be_a_column(file: Path) -> None:
    config = load(file, "data.splits={csv: splits.csv, key: image, column: split}")

    expected = SplitColumn.model_validate(
        {"csv": file.parent / "splits.csv", "key": "image", "column": "split"}
    )
    assert config.data.splits == expected


def test_drawn_splits_come_back_from_the_text(file: Path) -> None:
    config = load(
        file,
        "data.splits={fractions: {train: 0.8, val: 0.2}, stratify: x, made: a.csv}",
        "tasks.cls.labels.names_from=../elsewhere",
        "tasks.det.labels={coco: boxes.json}",
    )
    again = file.with_name("again.yaml")
    again.write_text(dump_config(config, again.parent))

    assert load_config(again) == config
    assert isinstance(config.data.splits, DrawnSplits)
    assert config.data.splits.made == file.parent / "a.csv"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("data.splits={fractions: {train: 0.8, val: 0.1}}", "that make 1 together, found 0.9"),
        ("data.splits={fractions: {train: 1.2, val: -0.2}}", "data.splits"),
        ("data.splits={fractions: {train: 0.8, val: 0.2}, stratify: cl}", "no such task: cl"),
        ("tasks.cls.splits={fractions: {train: 0.8, val: 0.2}}", "only data.splits"),
    ],
)
def test_wrong_fractions_are_said(file: Path, change: str, what: str) -> None:
    sets = ["data.splits={fractions: {train: 0.8, val: 0.2}}", change]
    with pytest.raises(ConfigError) as error:
        load(file, *sets)
    assert what in str(error.value) or what in str(error.value.expected), error.value


def test_a_task_is_never_drawn_alone(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"tasks\.cls\.splits: only data\.splits can be drawn"):
        load(file, "tasks.cls.splits={fractions: {train: 0.8, val: 0.2}}")


@pytest.mark.parametrize("name", ["all", "distill"])
def test_words_that_mean_something_else_are_no_tasks(file: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"tasks.{name}: {name} means") as error:
        load(file, f"tasks.{name}={{kind: classification, labels: {{csv: a.csv, column: b}}}}")
    assert error.value.mend == "call the task otherwise"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (["model.trunks={deep net: {trunk: tiny}}"], "model.trunks.deep net: a trunk's key is"),
        (["model.trunks={a.b: {trunk: tiny}}"], r"model.trunks.a\.b: a trunk's key is"),
        (["model.trunks={'': {trunk: tiny}}"], "model.trunks.: a trunk's key is"),
        (
            ["tasks.cls.trunk=resnet18.a_b", "tasks.det.trunk=resnet18.a-b"],
            None,
        ),
        (
            ["tasks.cls.trunk=resnet18.a_b", "tasks.det.trunk=resnet18_a.b"],
            r"tasks.det.trunk: resnet18_a\.b and another trunk would both be called resnet18_a_b",
        ),
        (
            ["model.trunks={resnet18_a: {trunk: tiny}}", "tasks.det.trunk=resnet18.a"],
            "tasks.det.trunk: .* both be called resnet18_a",
        ),
        (["model.trunks={resnet18_a: {trunk: resnet18.a}}", "tasks.det.trunk=resnet18.a"], None),
        (["tasks.cls.trunk=resnet18.a", "tasks.det.trunk=resnet18.a"], None),
    ],
)
def test_trunks_have_keys_of_their_own(file: Path, changes: list[str], what: str | None) -> None:
    if what is None:
        assert load(file, *changes).tasks["det"].trunk is not None
        return
    with pytest.raises(ConfigError, match=what):
        load(file, *changes)


def test_what_is_frozen_of_tasks_that_are_left_out_is_no_matter(file: Path) -> None:
    sets = [
        "train.freeze=[trunk, heads.cls, heads.det, heads.*]",
        "train.unfreeze={trunk: 2, heads.cls: 3, heads.det: 2}",
    ]
    train = load(file, *sets, only=["det"]).train
    assert train.freeze == ("trunk", "heads.det", "heads.*")
    assert train.unfreeze == {"trunk": 2, "heads.det": 2}
    assert load(file, *sets).train.freeze == ("trunk", "heads.cls", "heads.det", "heads.*")


def test_label_file_for_each_split_cannot_be_drawn_from(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"tasks\.cls\.labels\.csv: a file for each split"):
        load(
            file,
            "data.splits={fractions: {train: 0.8, val: 0.2}}",
            "tasks.cls.labels={csv: 'labels_{split}.csv', column: a}",
        )


def test_only_keeps_some_tasks_in_its_own_order(file: Path) -> None:
    assert list(load(file).tasks) == ["cls", "det"]
    assert list(load(file, only=["det"]).tasks) == ["det"]
    assert list(load(file, only=["det", "cls", "det"]).tasks) == ["det", "cls"]


def test_task_that_is_left_out_is_not_checked(file: Path) -> None:
    assert list(load(file, "tasks.cls.kind=nosuch", only=["det"]).tasks) == ["det"]


def test_anchors_and_merges_are_plain_yaml(file: Path) -> None:
    labels = "{csv: labels.csv, key: image, column: shape}"
    task = f"kind: classification, labels: {labels}"
    file.write_text(
        TEXT.partition("tasks:")[0]
        + f"tasks:\n  a: &a {{{task}, dropout: 0.1}}\n  b: {{<<: *a, dropout: 0.3}}\n"
        + "model: {trunk: tiny}\n"
    )

    options = [task.options for task in load(file).tasks.values()]

    assert options == [ClassificationOptions(dropout=0.1), ClassificationOptions(dropout=0.3)]


# --set.


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("train.epochs=5", 5),
        ("train.epochs = 5", 5),
        ("train.epochs='5'", 5),
    ],
)
def test_set_changes_a_value(file: Path, change: str, value: int) -> None:
    assert load(file, change).train.epochs == value


def test_set_takes_yaml(file: Path) -> None:
    config = load(file, "data.size=[32, 64]", "train.clip=null", "train.lr=1e-2")

    assert config.data.size == (32, 64)
    assert config.train.clip is None
    assert config.train.lr == 0.01


def test_last_set_of_a_key_wins(file: Path) -> None:
    assert load(file, "train.epochs=5", "train.epochs=6").train.epochs == 6


def test_set_keeps_what_stands_beside_it(file: Path) -> None:
    assert load(file, "tasks.det.nms=0.5").tasks["det"].weight == 2.0


def test_set_changes_one_of_the_sections_that_an_anchor_makes_alike(file: Path) -> None:
    file.write_text(TEXT.replace("det: {", "two: *one\n  det: {").replace("cls: {", "cls: &one {"))
    found = load_config(file, ["tasks.two.weight=3"]).tasks
    assert (found["cls"].weight, found["two"].weight) == (1, 3)


def test_set_may_hold_equal_signs(file: Path) -> None:
    assert load(file, "data.images=a=b").data.images == file.parent / "a=b"


def test_set_adds_a_task(file: Path) -> None:
    task = "{kind: detection, labels: {coco: other.json}}"

    assert list(load(file, f"tasks.more={task}").tasks) == ["cls", "det", "more"]


def test_set_makes_a_missing_section(file: Path) -> None:
    file.write_text(TEXT.partition("train: {epochs")[0])

    assert load(file, "train.epochs=7").train.epochs == 7


# Messages.


def problem(file: Path, *sets: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(file, *sets)
    return caught.value


def test_error_names_the_set_that_caused_it(file: Path) -> None:
    error = problem(file, "train.lr=1", "train.epochs=-1", "data.size=[32, 32]")

    assert error.what == "train.epochs: wrong value"
    assert error.where == "--set train.epochs=-1"
    assert error.expected == "greater than 0"
    assert error.found == "-1"


def test_error_names_the_set_of_a_part_above_it(file: Path) -> None:
    error = problem(file, "train={epochs: -1}")

    assert error.what == "train.epochs: wrong value"
    assert error.where == "--set train={epochs: -1}"


def test_error_names_the_last_set_of_a_key(file: Path) -> None:
    assert problem(file, "train.lr=-1", "train.lr=-2").where == "--set train.lr=-2"


def test_error_names_the_file_where_no_set_caused_it(file: Path) -> None:
    file.write_text(TEXT.replace("epochs: 3", "epochs: -3"))

    error = problem(file, "train.lr=1", "train.seed=1")

    assert error.what == "train.epochs: wrong value"
    assert error.where == str(file)


def test_several_mistakes_are_counted(file: Path) -> None:
    error = problem(file, "train.epochs=-1", "train.lr=-1", "train.seed=-1")

    assert "(and 2 more)" in error.what


def test_unknown_key_is_said_before_the_missing_one(file: Path) -> None:
    file.write_text(TEXT.replace("images: images", "image: images"))

    error = problem(file)

    assert error.what.startswith("data.image: no such key")
    assert error.mend == "did you mean data.images?"


def test_unknown_key_without_a_near_one_gets_no_guess(file: Path) -> None:
    assert problem(file, "train.zzzzzz=1").mend is None


def test_few_choices_are_listed(file: Path) -> None:
    mend = problem(file, "zzzzzz=1").mend
    assert mend == "there is: data, model, plugins, tasks, train, transfer"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", 3),
        ("a:\n  b: 1\n  c: {d: 1,\n      d: 2}\n", 4),
        ("1: a\n1: b\n", 2),
        ("a:\n- {b: 1, b: 1}\n", 2),
    ],
)
def test_key_that_stands_twice_is_refused(text: str, line: int) -> None:
    Path("a.yaml").write_text(text)

    with pytest.raises(ConfigError, match="stands twice") as caught:
        read_yaml(Path("a.yaml"))

    assert caught.value.where == f"a.yaml, line {line}"


def test_missing_file_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(Path("nosuch.yaml"))

    assert caught.value.where == "nosuch.yaml"


# Which file.


def test_given_file_is_taken(file: Path) -> None:
    Path("mtcli.yaml").write_text(TEXT)

    assert find_config(file) == file


def test_default_files_are_taken_in_their_order() -> None:
    sample = Path("sample_data/mtcli.yaml")
    sample.parent.mkdir()
    sample.write_text(TEXT)
    assert find_config(None) == sample

    Path("mtcli.yaml").write_text(TEXT)
    assert find_config(None) == Path("mtcli.yaml")


def test_without_any_the_sample_is_named() -> None:
    with pytest.raises(ConfigError, match="none found") as caught:
        find_config(None)

    assert caught.value.mend is not None
    assert "mtcli sample DIR" in caught.value.mend
    assert "mtcli init FOLDER" in caught.value.mend


# And back.


@pytest.mark.parametrize(
    "sets",
    [
        [],
        ["data.splits={csv: splits.csv, key: image, column: split}"],
        ["model.weights=null", "data.augment=[]"],
        ["model.weights=package:efficientnet-lite0", "data.workers=2", "train.patience=4"],
        ["data.augment=[vflip, {crop: {p: 0.3}}, {color_jitter: {hue: 0.1}}, hflip]"],
        ["train.lr=3.3e-7", "train.ema=0.12345678901234567", "train.weight_decay=1e-30"],
        ["data.images='  a: [b] #c '", "tasks.cls.classes=['a\nb', '~', 'null', '0x1']"],
    ],
)
def test_dumped_config_is_read_back_the_same(file: Path, sets: list[str]) -> None:
    config = load(file, *sets)
    elsewhere = Path("dumped.yaml")

    elsewhere.write_text(dump_config(config, elsewhere.parent), encoding="utf-8")

    assert load(elsewhere) == config
    assert dump_config(load(elsewhere), file.parent) == dump_config(config, file.parent)


def test_dumped_config_holds_only_the_chosen_tasks(file: Path) -> None:
    document = yaml.safe_load(dump_config(load(file, only=["det"]), file.parent))

    assert list(document) == ["data", "tasks", "model", "train"]
    assert list(document["tasks"]) == ["det"]


def test_checked_document_is_not_changed(file: Path) -> None:
    document = read_yaml(file)
    before = yaml.safe_dump(document)

    check_config(document, base=file.parent, source=file)

    assert yaml.safe_dump(document) == before


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("tasks.cls.labels.names_from=crops/{split}", "tasks.cls.labels.names_from"),
        ("tasks.cls.images={arrays: a.npz, key: 'x_{split}'}", "tasks.cls.images"),
        ("data.images={arrays: a.npz, key: 'x_{split}'}", "data.images"),
    ],
)
def test_nothing_that_is_drawn_from_lies_by_split(file: Path, change: str, key: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}: an? .* for each split"):
        load(
            file,
            "data.splits={fractions: {train: 0.8, val: 0.2}}",
            "tasks.det.labels={coco: boxes.json}",
            change,
        )
