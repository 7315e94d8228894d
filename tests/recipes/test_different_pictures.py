"""Tasks that each bring pictures of their own, and labels that are missing."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mtcli.core import events
from mtcli.core.assembly import assemble
from mtcli.core.config import Config
from mtcli.core.configfile import load_config
from mtcli.core.data import dataset as datasets
from mtcli.core.data.dataset import Collate, Item, RecordDataset
from mtcli.core.data.decode import decode
from mtcli.core.data.gather import load_records
from mtcli.core.data.prepare import check_pictures_and_labels
from mtcli.core.data.records import Record
from mtcli.core.data.sample import Batch
from mtcli.core.losses import add_gradients
from mtcli.core.mixing import Draw
from mtcli.core.runtime import Runtime
from mtcli.core.training_state import TrainingState
from mtcli.recipes.train import NewRun, train
from tests.conftest import DEVICE, Cli, make_shapes

TEXT = """\
data: {size: [64, 64], workers: 0}
tasks:
  cls:
    kind: classification
    labels: {csv: one/labels.csv, key: image, column: shape}
    images: one/images
    splits: {train: one/train.txt, val: one/val.txt}
  det:
    kind: detection
    labels: {coco: two/boxes.json}
    images: two/images
    splits: {train: two/train.txt, val: two/val.txt}
model: {trunk: tiny, pyramid: 16}
train: {epochs: 1, batch_size: 4, lr: 1.0e-3, device: cpu}
"""
SHARED = """\
data:
  size: [64, 64]
  workers: 0
  images: one/images
  splits: {train: one/train.txt, val: one/val.txt}
tasks:
  cls: {kind: classification, labels: {csv: one/labels.csv, key: image, column: shape}}
  det:
    kind: detection
    labels: {coco: two/boxes.json}
    images: two/images
    splits: {train: two/train.txt, val: two/val.txt}
model: {trunk: tiny, pyramid: 16}
train: {epochs: 1, batch_size: 4, lr: 1.0e-3, device: cpu}
"""


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A config of two tasks, each on twelve pictures of its own.

    The pictures of both have the same names (`00.png` …) in two folders, but not the same sizes.
    """
    folder = tmp_path / "apart"
    make_shapes(folder / "one")
    make_shapes(folder / "two", size=(48, 96))
    (folder / "mtcli.yaml").write_text(TEXT)
    return folder / "mtcli.yaml"


@pytest.fixture(params=[TEXT, SHARED], ids=["each its own", "one brings its own"])
def either(two: Path, request: pytest.FixtureRequest) -> Path:
    two.write_text(request.param)
    return two


def seen(config: Config) -> list[events.Event]:
    return list(train(config, NewRun(Path("runs"), "run", "apart")))


def records_of(config: Config, split: str) -> list[Record]:
    return load_records(config.data, config.tasks, split)


def test_tasks_on_different_pictures_train_together(either: Path) -> None:
    events_seen = seen(load_config(either))

    started = next(e for e in events_seen if isinstance(e, events.TrainingStarted))
    # Of twice eight, one has no class and one has no boxes.
    assert started.pictures == {"train": 14, "val": 8}
    assert {name: task.labelled for name, task in started.tasks.items()} == {"cls": 7, "det": 7}
    ended = events_seen[-1]
    assert isinstance(ended, events.TrainingEnded)
    assert {name: result.labelled for name, result in ended.results.items()} == {"cls": 4, "det": 4}
    for result in ended.results.values():
        assert result.metrics[result.primary] is not None
    boxes = ended.results["det"].per_class
    assert sum(values["boxes"] or 0 for values in boxes.values()) == 4
    # Predictions name each picture apart, and tell of every task.
    said = json.loads(Path("runs/run/predictions/predictions.json").read_text())
    assert len({entry["image"] for entry in said}) == len(said) == 8
    assert all({"cls", "det"} <= set(entry) for entry in said)
    assert len(list(Path("runs/run/predictions").glob("*.png"))) == 8


def test_evaluated_again_the_numbers_are_the_same(cli: Cli, two: Path) -> None:
    assert cli("train", two, "--name", "run", "--quiet").code == 0

    said: Any = cli("eval", "runs/run", "--json").json
    assert said["images"] == 8
    kept = json.loads(Path("runs/run/metrics.json").read_text())
    assert said["tasks"] == kept["tasks"]


def test_one_name_in_two_folders_is_two_pictures(either: Path) -> None:
    records = records_of(load_config(either), "val")

    assert len(records) == 8
    assert len({record.key for record in records}) == 8
    assert len({record.image for record in records}) == 8
    for record in records:
        [task] = record.labels
        assert isinstance(record.image, Path)
        assert record.image.parent.parent.name == {"cls": "one", "det": "two"}[task]


def test_one_folder_by_two_names_is_one_picture(two: Path) -> None:
    """The second task writes the folder of the first in another way."""
    text = SHARED.replace("two/", "one/")
    text = text.replace("    images: one/images\n", "    images: two/../one/images\n")
    two.write_text(text)

    records = records_of(load_config(two), "train")

    assert len(records) == 8
    assert [sorted(record.labels) for record in records].count(["cls", "det"]) == 6


def test_pictures_of_one_size_are_not_taken_for_those_of_the_other(either: Path) -> None:
    config = load_config(either)
    listed = records_of(config, "val")
    tasks = assemble(config).model.tasks
    looking = check_pictures_and_labels(config.data, listed, tasks, "val")
    try:
        while True:
            next(looking)
    except StopIteration as end:
        sizes = {(*record.labels,): record.size for record in end.value}
    assert sizes == {("cls",): (64, 64), ("det",): (48, 96)}


def test_rows_of_one_number_in_two_arrays_are_two_pictures(two: Path) -> None:
    """Also where the arrays' files have the same name, as those of two folders have."""
    folder = two.parent
    for name, value in (("one", 1), ("two", 2)):
        np.save(folder / name / "pictures.npy", np.full((4, 32, 32), value, dtype=np.uint8))
        (folder / name / "rows.csv").write_text("row,shape\n0,circle\n1,square\n2,circle\n")
        (folder / name / "rows.txt").write_text("0\n1\n3\n")
    task = "{{kind: classification, labels: {{csv: {0}/rows.csv, key: row, column: shape}}, "
    task += "images: {{arrays: {0}/pictures.npy}}, splits: {{train: {0}/rows.txt}}}}"
    two.write_text(
        f"data: {{size: [32, 32]}}\ntasks:\n  a: {task.format('one')}\n"
        f"  b: {task.format('two')}\nmodel: {{trunk: tiny}}\n"
    )

    records = records_of(load_config(two), "train")

    assert len({record.key for record in records}) == len(records) == 6
    assert [sorted(record.labels) for record in records] == [["a"], ["a"], [], ["b"], ["b"], []]
    assert [int(decode(record.image).float().mean()) for record in records] == [1, 1, 1, 2, 2, 2]


def test_splits_may_differ_where_pictures_do_not(two: Path) -> None:
    """One task learns from what the other is measured on: each is what its own lists say."""
    folder = two.parent
    shutil.copy(folder / "one" / "train.txt", folder / "turned-val.txt")
    shutil.copy(folder / "one" / "val.txt", folder / "turned-train.txt")
    text = SHARED.replace("two/boxes", "one/boxes").replace("    images: two/images\n", "")
    text = text.replace("two/train", "turned-train").replace("two/val", "turned-val")
    two.write_text(text)
    config = load_config(two)

    for split, of_cls, of_det in (("train", 7, 4), ("val", 4, 7)):
        records = records_of(config, split)
        assert len(records) == 12
        assert sum("cls" in record.labels for record in records) == of_cls
        assert sum("det" in record.labels for record in records) == of_det
        assert all(len(record.labels) <= 1 for record in records)


def _batch(config: Config, records: list[Record], tasks: Any) -> Batch:
    dataset = RecordDataset(records, tasks, config.data.size, config.data.resize)
    items = [dataset[Draw(1, number, number)] for number in range(len(records))]
    assert all(isinstance(item, Item) for item in items)
    batch = Collate(tasks, config.data.size, with_targets=True)(items)
    assert isinstance(batch, Batch)
    return batch.to(DEVICE)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_batch_without_a_label_of_a_task_leaves_its_head_as_it_was(
    two: Path, optimizer: str
) -> None:
    """Also where momentum and weight decay of earlier updates would move it."""
    config = load_config(two, [f"train.optimizer={optimizer}", "train.ema=null", "train.lr=0.1"])
    assembly = assemble(config)
    tasks, runtime = assembly.model.tasks, Runtime(DEVICE, "fp32")
    network = runtime.place(assembly.network)
    state = TrainingState(network, assembly.model, config.train, {}, (), runtime, "")
    records = assembly.records["train"]
    of_cls = [record for record in records if "cls" in record.labels][:3]
    of_det = [record for record in records if "det" in record.labels][:3]

    def update(own: list[Record]) -> dict[str, Tensor]:
        batch = _batch(config, own, tasks)
        losses = add_gradients(
            network, tasks, {"cls": 1.0, "det": 1.0}, [batch], runtime, state.scaler
        )
        absent = {"cls", "det"} - losses.keys()
        for name, parameter in network.named_parameters():
            if name.startswith(tuple(f"heads.{task}." for task in absent)):
                assert parameter.grad is None, name
        state.update()
        return {name: value.detach().clone() for name, value in network.state_dict().items()}

    both = update([*of_cls, *of_det])
    without = update(of_det)
    for name, value in without.items():
        assert torch.equal(value, both[name]) == name.startswith("heads.cls."), name
    # And it learns on when its labels are back.
    again = update(of_cls)
    assert not torch.equal(
        again["heads.cls.classifier.weight"], both["heads.cls.classifier.weight"]
    )
    assert torch.equal(again["heads.det.scales"], without["heads.det.scales"])


def test_a_picture_without_any_label_is_not_drawn(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Path] = []

    def noting(path: Path) -> Tensor:
        drawn.append(path)
        return decode(path)

    monkeypatch.setattr(datasets, "decode", noting)
    seen(load_config(two))

    folder = two.parent
    names = {path.relative_to(folder).as_posix() for path in drawn}
    assert "one/images/02.png" in names
    assert "two/images/02.png" in names
    assert "one/images/03.png" not in names  # has no class
    assert "two/images/05.png" not in names  # is not in the annotations
    assert "two/images/04.png" in names  # is, without a box


@pytest.mark.parametrize(
    "splits", ["{train: two/train.txt}", "{csv: two/splits.csv, key: image, column: split}"]
)
def test_a_task_s_own_splits_may_lack_val(cli: Cli, two: Path, splits: str) -> None:
    rows = "".join(f"{number:02d}.png,train\n" for number in range(8))
    (two.parent / "two" / "splits.csv").write_text(f"image,split\n{rows}")
    two.write_text(TEXT.replace("{train: two/train.txt, val: two/val.txt}", splits))

    answer = cli("train", two, "--name", "run")

    assert answer.code == 0, answer.err
    assert "det has no label in the validation split: its metrics are undefined" in answer.err
    metrics = json.loads(Path("runs/run/metrics.json").read_text())["tasks"]
    assert metrics["cls"]["metrics"]["accuracy"] is not None
    assert set(metrics["det"]["metrics"].values()) == {None}
    assert cli("eval", "runs/run").code == 0


def test_a_task_s_own_splits_need_train(cli: Cli, two: Path) -> None:
    two.write_text(TEXT.replace("{train: two/train.txt, val: two/val.txt}", "{val: two/val.txt}"))

    answer = cli("train", two)

    assert answer.code == 2
    assert "tasks.det" in answer.err
    assert "train" in answer.err
    assert not Path("runs").exists()


def test_a_split_that_no_task_has_is_named(cli: Cli, two: Path) -> None:
    assert cli("train", two, "--name", "run", "--quiet").code == 0

    answer = cli("eval", "runs/run", "--split", "test")

    assert answer.code == 2
    assert "test" in answer.err
    assert "Traceback" not in answer.err


def test_a_split_that_one_task_has_measures_that_one(cli: Cli, two: Path) -> None:
    two.write_text(TEXT.replace("val: two/val.txt}", "val: two/val.txt, test: two/val.txt}"))
    assert cli("train", two, "--name", "run", "--quiet").code == 0

    said: Any = cli("eval", "runs/run", "--split", "test", "--json").json

    assert said["images"] == 4
    assert said["tasks"]["det"]["labelled"] == 4
    assert said["tasks"]["cls"]["labelled"] == 0
    assert set(said["tasks"]["cls"]["metrics"].values()) == {None}


@pytest.mark.parametrize(("part", "name"), [("images", "folder"), ("splits", "file")])
def test_what_a_task_brings_along_is_named_where_it_is_missing(
    cli: Cli, two: Path, part: str, name: str
) -> None:
    change = {"images": "tasks.det.images=nowhere", "splits": "tasks.det.splits.val=nowhere.txt"}

    answer = cli("train", two, "--set", change[part])

    assert answer.code == 2
    assert f"tasks.det.{part}" in answer.err
    assert f"no such {name}" in answer.err


def test_pictures_are_needed_from_somewhere(cli: Cli, two: Path) -> None:
    text = TEXT.replace("    images: two/images\n", "")
    two.write_text(text)

    answer = cli("train", two)

    assert answer.code == 2
    assert "data.images: is required and missing" in answer.err
    assert "tasks.det.images" in answer.err


def test_a_run_on_different_pictures_goes_on_after_a_stop(cli: Cli, two: Path) -> None:
    config = load_config(two, ["train.epochs=2"])
    assert list(train(config, NewRun(Path("runs"), "whole", "apart")))
    stopped = train(config, NewRun(Path("runs"), "half", "apart"))
    assert any(isinstance(event, events.EpochEnded) for event in stopped)
    stopped.close()  # type: ignore[attr-defined]

    assert cli("train", "--resume", "runs/half", "--quiet").code == 0

    whole, half = (Path("runs") / name / "checkpoints/last" for name in ("whole", "half"))
    assert (whole / "model.safetensors").read_bytes() == (half / "model.safetensors").read_bytes()


def test_labels_of_a_task_may_miss_in_most_batches(two: Path) -> None:
    """With two labelled pictures of fourteen the loss is that of these two, whatever the batch."""
    folder = two.parent
    with (folder / "one" / "labels.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    few = [row if n in (0, 1, 2) or n > 8 else [row[0], ""] for n, row in enumerate(rows)]
    with (folder / "one" / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(few)

    events_seen = seen(load_config(two, ["train.batch_size=2"]))

    started = next(e for e in events_seen if isinstance(e, events.TrainingStarted))
    assert started.tasks["cls"].labelled == 2
    assert started.pictures["train"] == 9
    last = [e for e in events_seen if isinstance(e, events.EpochEnded)][-1]
    assert set(last.losses) == {"cls", "det"}
    assert all(loss > 0 for loss in last.losses.values())
