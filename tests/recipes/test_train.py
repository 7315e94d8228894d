"""The training recipe, through the command line and through its events."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mtcli.core import events
from mtcli.core.configfile import load_config
from mtcli.core.run import Run
from mtcli.core.tasks.classification import Classification
from mtcli.core.tasks.detection import Detection
from mtcli.recipes.train import NewRun, train
from tests.conftest import Cli


def run_events(shapes: Path, *sets: str, only: list[str] | None = None) -> list[events.Event]:
    config = load_config(shapes / "mtcli.yaml", sets, only)
    return list(train(config, NewRun(Path("runs"), "run", "shapes")))


def test_events_come_in_order_and_count_what_there_is(shapes: Path) -> None:
    seen = run_events(shapes, "train.epochs=2")

    started = next(e for e in seen if isinstance(e, events.TrainingStarted))
    assert started.pictures == {"train": 8, "val": 4}
    assert {name: task.labelled for name, task in started.tasks.items()} == {"cls": 7, "det": 7}
    assert started.shared_parameters > 100_000
    assert [e.epoch for e in seen if isinstance(e, events.EpochEnded)] == [1, 2]
    steps = [(e.epoch, e.update) for e in seen if isinstance(e, events.Stepped)]
    assert steps[-1] == (2, 2)
    ended = seen[-1]
    assert isinstance(ended, events.TrainingEnded)
    assert set(ended.results) == {"cls", "det"}


def test_the_log_holds_every_epoch(shapes: Path) -> None:
    seen = run_events(shapes, "train.epochs=2")
    ends = [e for e in seen if isinstance(e, events.EpochEnded)]
    logged = Run.open(Path("runs/run")).history()
    assert [line["epoch"] for line in logged] == [1, 2]
    assert logged[1]["metrics"]["cls"] == ends[1].metrics["cls"]


def test_a_task_alone_trains_without_the_pyramid(shapes: Path) -> None:
    run_events(shapes, only=["cls"])
    tensors = load_file("runs/run/checkpoints/last/model.safetensors")
    assert {name.split(".")[0] for name in tensors} == {"trunk", "heads"}


def test_it_learns_a_handful_of_pictures_by_heart(shapes: Path) -> None:
    (shapes / "val.txt").write_text((shapes / "train.txt").read_text())
    seen = run_events(
        shapes, "train.epochs=40", "train.lr=2e-3", "train.ema=0.8", "tasks.cls.dropout=0"
    )
    first, *_, last = [e for e in seen if isinstance(e, events.EpochEnded)]
    assert last.losses["cls"] < 0.3 * first.losses["cls"]
    assert last.losses["det"] < 0.7 * first.losses["det"]
    assert last.metrics["cls"]["accuracy"] == 1.0
    map50 = last.metrics["det"]["map50"]
    assert map50 is not None
    assert map50 > 0.6


@pytest.mark.parametrize(("name", "kind"), [("cls", Classification), ("det", Detection)])
def test_a_loss_that_is_not_finite_stops_with_the_task_and_the_pictures(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: Any
) -> None:
    original, calls = kind.loss, 0

    def poisoned(self: object, *args: object, **kwargs: object) -> dict[str, Tensor]:
        nonlocal calls
        calls += 1
        parts = original(self, *args, **kwargs)
        return {k: v * float("nan") for k, v in parts.items()} if calls == 4 else parts

    monkeypatch.setattr(kind, "loss", poisoned)
    answer = cli("train", shapes / "mtcli.yaml", "--name", "r", "--set", "train.epochs=3")

    assert answer.code == 1
    assert f"the loss of {name} is nan" in answer.err
    assert "epoch 2, pictures" in answer.err
    assert ".png" in answer.err
    # What epoch 1 left is in place and whole.
    last = Run.open(Path("runs/r")).checkpoint("last")
    tensors = load_file(last / "model.safetensors")
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    assert cli("eval", "runs/r").code == 0


def test_a_full_disk_leaves_the_checkpoint_before(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def failing(tensors: dict[str, Tensor], path: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save_file(tensors, path)

    monkeypatch.setattr("mtcli.core.checkpoint.save_file", failing)
    answer = cli("train", shapes / "mtcli.yaml", "--name", "r", "--set", "train.epochs=3")

    assert answer.code == 1
    assert "No space left on device" in answer.err
    folder = Path("runs/r/checkpoints")
    assert json.loads((folder / "index.json").read_text())["last"] == "step-000002"
    assert not list(folder.glob(".step*"))
    assert cli("eval", "runs/r").code == 0
    # With room again it goes on from there.
    monkeypatch.setattr("mtcli.core.checkpoint.save_file", save_file)
    assert cli("train", "--resume", "runs/r", "--quiet").code == 0
    assert json.loads((folder / "index.json").read_text())["last"] == "step-000006"


def test_early_stopping_ends_after_epochs_without_a_better_one(shapes: Path) -> None:
    # With a learning rate of nearly nothing no epoch is better than the first.
    seen = run_events(
        shapes, "train.epochs=9", "train.patience=2", "train.lr=1e-12", "train.ema=null"
    )
    epochs = [e for e in seen if isinstance(e, events.EpochEnded)]
    assert len(epochs) == 3
    assert any(isinstance(e, events.Noted) and "stopped after epoch 3" in e.text for e in seen)


def test_the_best_of_each_task_is_kept(shapes: Path) -> None:
    run_events(shapes, "train.epochs=2")
    index = Run.open(Path("runs/run")).index()
    assert set(index) == {"last", "best", "best-cls", "best-det"}
    folders = {p.name for p in Path("runs/run/checkpoints").iterdir() if not p.is_symlink()}
    assert folders == {"index.json", *index.values()}


def test_best_can_be_one_metric(shapes: Path) -> None:
    seen = run_events(shapes, "train.epochs=2", "train.best=cls.f1_macro")
    values = [e.metrics["cls"]["f1_macro"] for e in seen if isinstance(e, events.EpochEnded)]
    ended = seen[-1]
    assert isinstance(ended, events.TrainingEnded)
    assert ended.score == max(value for value in values if value is not None)


@pytest.mark.parametrize("change", ["train.best=score", "train.best=cls.accuracy"])
def test_a_validation_split_that_cannot_judge_is_refused(
    cli: Cli, shapes: Path, change: str
) -> None:
    rows = (shapes / "labels.csv").read_text().splitlines()
    (shapes / "labels.csv").write_text("\n".join(rows[:9]) + "\n")
    answer = cli("train", shapes / "mtcli.yaml", "--tasks", "cls", "--set", change)
    assert answer.code == 2
    assert "no picture of the validation split has a label for cls" in answer.err
    assert not Path("runs").exists()


def test_a_task_that_validation_cannot_judge_is_noted(cli: Cli, shapes: Path) -> None:
    rows = (shapes / "labels.csv").read_text().splitlines()
    (shapes / "labels.csv").write_text("\n".join(rows[:9]) + "\n")
    answer = cli("train", shapes / "mtcli.yaml")
    assert answer.code == 0
    assert "cls has no label in the validation split" in answer.err


def test_names_that_say_the_same_picture_join(cli: Cli, shapes: Path) -> None:
    text = (shapes / "boxes.json").read_text().replace('"0', '"./0').replace('"1', '".\\\\1')
    (shapes / "boxes.json").write_text(text)
    answer = cli("config", "check", shapes / "mtcli.yaml")
    assert "det  detection  7 labelled" in answer.out


def test_a_folder_s_name_is_never_read_as_markup(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--runs", "m[bold]x[/]", "--name", "r")
    assert answer.code == 0, answer.err
    assert "m[bold]x[/]/r" in answer.err
    assert "mtcli eval m[bold]x[/]/r" in answer.out


def test_pictures_of_one_name_in_two_folders_are_both_drawn(cli: Cli, shapes: Path) -> None:
    for name in ("08", "09"):
        folder = shapes / "images" / name
        folder.mkdir()
        (shapes / "images" / f"{name}.png").rename(folder / "same.png")
    for file in ("val.txt", "labels.csv", "boxes.json"):
        text = (shapes / file).read_text()
        text = text.replace("08.png", "08/same.png").replace("09.png", "09/same.png")
        (shapes / file).write_text(text)
    assert cli("train", shapes / "mtcli.yaml", "--name", "r").code == 0
    assert len(list(Path("runs/r/predictions").glob("*-same.png"))) == 2


def test_sgd_without_momentum(shapes: Path) -> None:
    run_events(shapes, "train.optimizer=sgd", "train.momentum=0")


def test_sgd_and_accumulation_and_no_average(shapes: Path) -> None:
    seen = run_events(
        shapes,
        "train.optimizer=sgd",
        "train.ema=null",
        "train.clip=null",
        "train.batch_size=2",
        "train.accumulate=2",
    )
    stepped = next(e for e in seen if isinstance(e, events.Stepped))
    assert stepped.updates == 2


def test_bf16_trains_on_the_cpu(shapes: Path) -> None:
    seen = run_events(shapes, "train.precision=bf16")
    ended = next(e for e in seen if isinstance(e, events.EpochEnded))
    assert all(torch.tensor(list(ended.losses.values())).isfinite())


def test_the_weight_of_a_task_scales_its_gradient_alone(shapes: Path) -> None:
    plain = run_events(shapes, "train.lr=1e-12")
    heavy = load_config(shapes / "mtcli.yaml", ["train.lr=1e-12", "tasks.cls.weight=5"])
    weighted = list(train(heavy, NewRun(Path("runs"), "heavy", "shapes")))
    losses = [
        e.losses for seen in (plain, weighted) for e in seen if isinstance(e, events.EpochEnded)
    ]
    assert losses[0] == losses[1]  # what is told is the loss itself
