"""Every example of the sample data trains and evaluates, and every component has one."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from mtcli.core.config import Config, TaskConfig
from mtcli.core.configfile import load_config
from mtcli.core.data.gather import load_records
from mtcli.core.data.readers import READERS
from mtcli.core.heads import DENSE_HEADS, DETECTORS
from mtcli.core.labels import ObjectsLabel
from mtcli.core.tasks import KINDS
from tests.conftest import Cli

SAMPLE = Path(__file__).parent.parent / "sample_data"
NAMES = sorted(path.stem for path in (SAMPLE / "examples").glob("*.yaml"))
SHRUNK = ("train.epochs=1", "data.workers=0", "train.device=cpu")
KEPT = {"train": 16, "val": 8}
"""Pictures of each split that are left, so that the tests are quick."""

every_example = pytest.mark.parametrize("name", NAMES)

# Each format is read, trained with and measured in tests of its own; these are one training each.
each_to_train = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name.startswith("labels-") else ())
        for name in NAMES
    ],
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample data with fewer pictures in its splits."""
    folder = tmp_path_factory.mktemp("examples") / "sample_data"
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for split, kept in KEPT.items():
        listed = folder / f"{split}.txt"
        listed.write_text("\n".join(listed.read_text().splitlines()[:kept]))
        for kind in (folder / "crops" / split).iterdir():
            for path in sorted(kind.iterdir())[kept // 2 :]:
                path.unlink()
    return folder


def config(name: str) -> Config:
    return load_config(SAMPLE / "examples" / f"{name}.yaml")


def tasks(name: str) -> list[TaskConfig]:
    return list(config(name).tasks.values())


@each_to_train
def test_an_example_trains_and_evaluates(cli: Cli, sample: Path, name: str) -> None:
    changes = [word for text in SHRUNK for word in ("--set", text)]
    trained = cli("train", sample / "examples" / f"{name}.yaml", "--name", "it", *changes)
    assert trained.code == 0, trained.err
    answer = cli("eval", "runs/it", "--json")
    assert answer.code == 0, answer.err
    measured: Any = answer.json["tasks"]
    assert set(measured) == set(config(name).tasks)
    for found in measured.values():
        assert found["labelled"] > 0
        assert found["metrics"][found["primary"]] is not None
        numbers = [number for number in found["metrics"].values() if number is not None]
        assert all(map(math.isfinite, numbers))


@every_example
def test_an_example_begins_with_what_it_shows(name: str) -> None:
    first, second = (SAMPLE / "examples" / f"{name}.yaml").read_text().splitlines()[:2]
    assert first.startswith("# ")
    assert first.endswith(".")
    assert not second.startswith("#")


@every_example
def test_an_example_is_small(name: str) -> None:
    settings = config(name)
    # A trunk's own classifier is timm's affair.
    assert settings.model.trunk == ("mobilenetv4_conv_small" if "native" in name else "tiny")
    assert settings.train.epochs <= 10
    assert settings.data.size <= (96, 128)


@pytest.mark.parametrize("kind", KINDS.names())
def test_every_kind_has_an_example(kind: str) -> None:
    assert kind in NAMES
    assert [task.kind for task in tasks(kind)] == [kind]


@pytest.mark.parametrize("reader", READERS.names())
def test_every_label_format_has_an_example(reader: str) -> None:
    name = f"labels-{reader}"
    assert name in NAMES
    assert {source.reader for task in tasks(name) for source in task.labels} == {reader}


@pytest.mark.parametrize("head", sorted({*DETECTORS.names(), *DENSE_HEADS.names()}))
def test_every_head_has_an_example(head: str) -> None:
    chosen = {(name, task.kind) for name in NAMES for task in tasks(name) if head_of(task) == head}
    assert any(name in (kind, f"{kind}-{head}") for name, kind in chosen)


def head_of(task: TaskConfig) -> str | None:
    return getattr(task.options, "head", None)


def test_one_example_gives_each_task_pictures_of_its_own() -> None:
    settings = config("different-pictures")
    assert len({task.images or settings.data.images for task in settings.tasks.values()}) == 2


def test_examples_of_one_kind_teach_the_same_boxes() -> None:
    taught = {name: boxes(name) for name in NAMES if [t.kind for t in tasks(name)] == ["detection"]}
    assert len(taught) > 3
    first = taught.pop("detection")
    for found in taught.values():
        assert found.keys() == first.keys()
        for name, own in found.items():
            assert own == first[name]


def boxes(name: str) -> dict[str, list[tuple[str, list[int]]]]:
    """Class and corners of each box of the training split, by picture."""
    settings = config(name)
    found = {}
    for record in load_records(settings.data, settings.tasks, "train"):
        for label in record.labels.values():
            value = label.load()
            assert isinstance(value, ObjectsLabel)
            objects = value.in_pixels((96, 128)).objects
            # Six digits of a share are a thousandth of a pixel.
            found[record.key] = [
                (item.name, [round(side) for side in item.box]) for item in objects
            ]
    return found
