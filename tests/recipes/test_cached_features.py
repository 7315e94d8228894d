"""A training on cached features is the training that runs the frozen trunk each time."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from mtcli.core.data.features import FeatureStore
from mtcli.core.network import Network
from tests.conftest import Cli
from tests.recipes.test_resume import assert_equal, final_state, terminate_at, without_times

FROZEN = ["train.freeze=[trunk]", "train.epochs=2", "tasks.cls.dropout=0.3"]
CACHED = "train.cache_features=true"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Divided among threads, a convolution rounds otherwise for three pictures than for four."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def words(shapes: Path, name: str, *changes: str) -> list[str]:
    options = [word for word in changes if "=" not in word]
    sets = [change for change in [*FROZEN, *changes] if "=" in change]
    given = [word for change in sets for word in ("--set", change)]
    return ["train", str(shapes / "mtcli.yaml"), "--name", name, *options, *given]


def results(name: str) -> object:
    return json.loads(Path("runs", name, "metrics.json").read_text())["tasks"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(["--tasks", "cls"], id="cls"),
        pytest.param([], id="cls and det"),
        pytest.param(["train.mixing=round_robin", "train.accumulate=2"], id="by task"),
        pytest.param(
            ["model.trunk=resnet18", "tasks.det.head=faster_rcnn"],
            id="BatchNorm, Faster R-CNN",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_it_ends_bit_for_bit_where_the_uncached_one_does(
    cli: Cli, shapes: Path, changes: list[str]
) -> None:
    assert cli(*words(shapes, "run", *changes)).code == 0
    assert cli(*words(shapes, "cached", CACHED, *changes)).code == 0
    assert_equal(final_state(Path("runs/run")), final_state(Path("runs/cached")))
    assert without_times(Path("runs/run")) == without_times(Path("runs/cached"))
    assert results("run") == results("cached")
    assert not Path("runs/cached/features").exists()


def test_random_changes_are_passed_over_and_that_is_said(cli: Cli, shapes: Path) -> None:
    assert cli(*words(shapes, "plain")).code == 0
    cached = cli(*words(shapes, "cached", CACHED, "data.augment=[hflip, {zoom: {}}]"))
    assert cached.code == 0
    said = "data.augment is passed over: cached features are of unchanged pictures"
    assert cached.err.count(said) == 1
    assert "cached features: c2, c3, c4, c5 of 12 pictures, 688.1 kB" in cached.err
    assert_equal(final_state(Path("runs/plain")), final_state(Path("runs/cached")))


def test_the_trunk_runs_once_a_picture(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps, seen = Network.maps, []

    def counted(self: Network, inputs: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
        seen.append(len(inputs["image"]))
        return maps(self, inputs)

    monkeypatch.setattr(Network, "maps", counted)
    assert cli(*words(shapes, "cached", CACHED, "train.epochs=5")).code == 0
    # Beside checks by one blank picture: 8 and 4 pictures for the cache, and at the end, of the
    # best epoch and the pictures themselves, 4 measured and 4 drawn.
    assert [count for count in seen if count > 1] == [4, 4, 4, 4, 4]


def test_a_stopped_training_goes_on_with_the_cache_that_is_there(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        terminate_at(patched, 3, training=False)
        stopped = cli(*words(shapes, "stopped", CACHED, "train.epochs=4"))
    assert stopped.code == 143
    assert Path("runs/stopped/features/features.json").is_file()
    resumed = cli("train", "--resume", "runs/stopped")
    assert resumed.code == 0, resumed.err
    assert "cached features are there" in resumed.err
    assert not Path("runs/stopped/features").exists()
    assert cli(*words(shapes, "whole", "train.epochs=4")).code == 0
    assert_equal(final_state(Path("runs/stopped")), final_state(Path("runs/whole")))
    assert without_times(Path("runs/stopped")) == without_times(Path("runs/whole"))
    assert results("stopped") == results("whole")


def test_a_damaged_cache_is_made_anew(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        terminate_at(patched, 1, training=False)
        assert cli(*words(shapes, "stopped", CACHED)).code == 143
    path = Path("runs/stopped/features/train-0.maps")
    path.write_bytes(path.read_bytes()[:-4])
    resumed = cli("train", "--resume", "runs/stopped")
    assert resumed.code == 0
    assert "cached features are there" not in resumed.err
    assert cli(*words(shapes, "whole")).code == 0
    assert_equal(final_state(Path("runs/stopped")), final_state(Path("runs/whole")))


def test_a_finished_run_is_summed_up_without_a_cache(cli: Cli, shapes: Path) -> None:
    assert cli(*words(shapes, "done", CACHED)).code == 0
    again = cli("train", "--resume", "runs/done")
    assert again.code == 0
    assert "cached features" not in again.err


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            ["train.freeze=[]"],
            ("trunk.stem.0.weight learns", "freeze all of trunk (train.freeze)"),
        ),
        (
            ["train.freeze=[trunk.stem.*]"],
            ("trunk.stages.c2.0.0.weight learns", "freeze all of trunk"),
        ),
        (
            ["train.freeze=[trunk]", "train.unfreeze={trunk.stages.c5.*: 2}"],
            ("trunk.stages.c5.0.0.weight learns from a later epoch on", "let it rest to the end"),
        ),
    ],
)
def test_a_trunk_that_moves_is_refused(
    cli: Cli, shapes: Path, changes: list[str], parts: tuple[str, ...]
) -> None:
    answer = cli(*words(shapes, "new", *changes, CACHED))
    assert answer.code == 2
    assert "train.cache_features: the trunk moves" in answer.err
    for part in parts:
        assert part in answer.err
    assert not Path("runs").exists()


def test_thawing_beside_the_trunk_is_no_move(cli: Cli, shapes: Path) -> None:
    later = ["train.freeze=[trunk, pyramid]", "train.unfreeze={pyramid: 2}"]
    assert cli(*words(shapes, "new", *later, CACHED)).code == 0


def test_too_little_disk_is_told_before_there_is_a_run(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=300_000))
    answer = cli(*words(shapes, "new", CACHED))
    assert answer.code == 2
    assert "train.cache_features: needs 688.1 kB, 300.0 kB are free" in answer.err
    assert not Path("runs").exists()


def test_a_disk_that_fills_up_ends_the_work_and_leaves_no_maps(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    def full(self: Path, mode: str = "r", *more: object, **named: object) -> object:
        if self.name == "val-0.maps":
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(self, mode, *more, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    answer = cli(*words(shapes, "new", CACHED))
    assert answer.code == 1
    assert "cannot keep the features: No space left on device" in answer.err
    assert not Path("runs/new/features").exists()


def test_a_store_is_not_read_before_it_is_whole(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = FeatureStore.inputs

    def watched(self: FeatureStore, split: str) -> object:
        assert self.is_whole()
        return inputs(self, split)

    monkeypatch.setattr(FeatureStore, "inputs", watched)
    assert cli(*words(shapes, "new", CACHED, "train.epochs=1")).code == 0
