"""A training that was stopped ends, once resumed, bit for bit where an undisturbed one ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from mtcli.core.modules import Heads
from mtcli.core.run import Run
from tests.conftest import Cli

# A real process that sends itself a real signal in the forward pass of a given number: mid-epoch,
# and mid-accumulation, at the same place each time.
STOPPED = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup has its children ignore
from mtcli.core.modules import Heads
forward, calls = Heads.forward, 0
def counted(self, *args, **kwargs):
    global calls
    calls += self.training
    if self.training and calls == {call}:
        os.kill(os.getpid(), signal.{name})
    return forward(self, *args, **kwargs)
Heads.forward = counted
from mtcli.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
CHANGES = [
    "train.epochs=3",
    "train.batch_size=2",
    "train.ema=0.9",
    "tasks.cls.dropout=0.3",
    "data.augment=[hflip, {color_jitter: {brightness: 0.3}}, {zoom: {scale: [0.8, 1.2]}}]",
]


def words_for(shapes: Path, name: str, *changes: str) -> list[str]:
    sets = [word for change in [*CHANGES, *changes] for word in ("--set", change)]
    return ["train", str(shapes / "mtcli.yaml"), "--name", name, "--quiet", *sets]


def stop(words: list[str], call: int, name: str) -> int:
    """Run the command in a process of its own until the signal ends it; gives its exit code."""
    script = STOPPED.format(call=call, name=name)
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (129, 130, 143, -9), done.stderr
    return done.returncode


def terminate_at(
    monkeypatch: pytest.MonkeyPatch,
    call: int,
    training: bool = True,
    number: signal.Signals = signal.SIGTERM,
) -> None:
    """Have this process get a signal in a forward pass, which a training catches."""
    forward, calls = Heads.forward, 0

    def counted(self: Heads, *args: Any, **kwargs: Any) -> dict[str, Any]:
        nonlocal calls
        calls += self.training == training
        if self.training == training and calls == call:
            os.kill(os.getpid(), number)
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(Heads, "forward", counted)


def final_state(run: Path) -> dict[str, Any]:
    last = Run.open(run).checkpoint("last")
    training = torch.load(last / "training.pt", weights_only=True)
    training["progress"].pop("seconds")
    return {"weights": load_file(last / "model.safetensors"), "training": training}


def assert_equal(a: Any, b: Any, where: str = "") -> None:
    assert type(a) is type(b), where
    if isinstance(a, Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_equal(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for number, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_equal(x, y, f"{where}[{number}]")
    else:
        assert a == b, where


def without_times(run: Path) -> list[dict[str, Any]]:
    events = Run.open(run).history()
    return [{k: v for k, v in event.items() if k != "seconds"} for event in events]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_terminated_process_s_run_ends_where_an_undisturbed_one_does(
    cli: Cli, shapes: Path, accumulate: int
) -> None:
    # 8 pictures in batches of 2: 4 forward passes an epoch. The sixth is in the second epoch;
    # with two batches to an update it is the second of its update, the fifth the first.
    call = 6 if accumulate == 1 else 5
    spread = f"train.accumulate={accumulate}"
    stopped = words_for(shapes, "stopped", spread, "data.workers=2")
    assert stop(stopped, call, "SIGTERM") == 143
    progress = torch.load("runs/stopped/checkpoints/last/training.pt", weights_only=True)[
        "progress"
    ]
    assert (progress["epoch"], progress["updates"]) == (2, 2 if accumulate == 1 else 1)

    resumed = cli("train", "--resume", "runs/stopped", "--quiet")
    assert resumed.code == 0, resumed.err
    assert cli(*words_for(shapes, "whole", spread)).code == 0

    assert_equal(final_state(Path("runs/stopped")), final_state(Path("runs/whole")))
    assert without_times(Path("runs/stopped")) == without_times(Path("runs/whole"))


def test_a_run_terminated_while_it_validates_ends_there_too(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 4 pictures in batches of 2: the third forward pass is in the second epoch's validation.
    with monkeypatch.context() as patched:
        terminate_at(patched, 3, training=False)
        assert cli(*words_for(shapes, "stopped")).code == 143
    progress = torch.load("runs/stopped/checkpoints/last/training.pt", weights_only=True)[
        "progress"
    ]
    assert (progress["epoch"], progress["updates"]) == (2, 4)
    assert cli("train", "--resume", "runs/stopped", "--quiet").code == 0
    assert cli(*words_for(shapes, "whole")).code == 0
    assert_equal(final_state(Path("runs/stopped")), final_state(Path("runs/whole")))
    assert without_times(Path("runs/stopped")) == without_times(Path("runs/whole"))


def test_a_killed_run_goes_on_from_its_last_epoch(cli: Cli, shapes: Path) -> None:
    assert stop(words_for(shapes, "killed"), 7, "SIGKILL") == -9
    assert cli("train", "--resume", "runs/killed", "--quiet").code == 0
    assert cli(*words_for(shapes, "whole")).code == 0
    assert_equal(final_state(Path("runs/killed")), final_state(Path("runs/whole")))


def test_a_run_killed_before_its_first_checkpoint_starts_anew(cli: Cli, shapes: Path) -> None:
    assert stop(words_for(shapes, "killed"), 2, "SIGKILL") == -9
    assert Run.open(Path("runs/killed")).index() == {}
    assert cli("train", "--resume", "runs/killed", "--quiet").code == 0
    assert cli(*words_for(shapes, "whole")).code == 0
    assert_equal(final_state(Path("runs/killed")), final_state(Path("runs/whole")))


def test_hanging_up_saves_and_is_the_exit_code(shapes: Path) -> None:
    assert stop(words_for(shapes, "stopped"), 1, "SIGHUP") == 129
    index = json.loads(Path("runs/stopped/checkpoints/index.json").read_text())
    assert index == {"last": "step-000001"}


def test_ctrl_c_saves_and_is_the_exit_code(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        terminate_at(patched, 1, number=signal.SIGINT)
        assert cli(*words_for(shapes, "stopped")).code == 130
    index = json.loads(Path("runs/stopped/checkpoints/index.json").read_text())
    assert index == {"last": "step-000001"}


def test_a_run_does_not_go_on_with_other_pictures(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        terminate_at(patched, 6)
        assert cli(*words_for(shapes, "stopped")).code == 143
    names = (shapes / "train.txt").read_text().splitlines()
    (shapes / "train.txt").write_text("\n".join(names[:6]))
    answer = cli("train", "--resume", "runs/stopped")
    assert answer.code == 2
    assert "no longer those that the run was trained on" in answer.err


def test_a_finished_run_is_only_summed_up_again(cli: Cli, shapes: Path) -> None:
    assert cli(*words_for(shapes, "done")).code == 0
    before = final_state(Path("runs/done"))
    answer = cli("train", "--resume", "runs/done")
    assert answer.code == 0
    assert "best epoch" in answer.out
    assert_equal(final_state(Path("runs/done")), before)


def test_the_resolved_config_trains_the_same_again(cli: Cli, shapes: Path) -> None:
    assert cli(*words_for(shapes, "first")).code == 0
    assert cli("train", "runs/first/config.yaml", "--name", "second", "--quiet").code == 0
    assert_equal(final_state(Path("runs/first")), final_state(Path("runs/second")))
