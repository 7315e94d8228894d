"""A trained network as a file, in every format and manner: it measures what the network does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mtcli.core.fusion import FUSIONS
from tests.conftest import Cli

pytest.importorskip("onnx", reason="the extra [export] is not installed")
pytest.importorskip("onnxscript", reason="the extra [export] is not installed")
pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")

FORMATS = ("onnx", "pt2")


def metrics(cli: Cli, model: Path, run: Path) -> dict[str, dict[str, float]]:
    """The numbers of each task on the validation split."""
    answer = cli("eval", model, "--config", run / "config.yaml", "--json")
    assert answer.code == 0, answer.err
    tasks: Any = answer.json["tasks"]
    return {name: said["metrics"] for name, said in tasks.items()}


def assert_measures_alike(cli: Cli, file: Path, run: Path) -> None:
    wanted = metrics(cli, run, run)
    for task, found in metrics(cli, file, run).items():
        for name, value in found.items():
            assert value == pytest.approx(wanted[task][name], abs=1e-3), f"{task}: {name}"


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("dynamic", ["none", "batch", "size"])
@pytest.mark.parametrize("answers", ["decoded", "raw"])
def test_every_manner_measures_what_the_run_does(
    cli: Cli, trained: Path, form: str, dynamic: str, answers: str
) -> None:
    file = Path(f"model.{form}")
    done = cli("export", trained, "--out", file, "--dynamic", dynamic, f"--{answers}")
    assert done.code == 0, done.err
    assert [path.name for path in Path().iterdir()] == [file.name]
    assert_measures_alike(cli, file, trained)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("fusion", FUSIONS.names())
def test_fused_inputs(cli: Cli, fused: Path, form: str, fusion: str) -> None:
    """Of pictures that all have both inputs, since a file takes nothing less."""
    for listed in ("train", "val"):
        names = (fused / f"{listed}.txt").read_text().split()
        kept = [name for name in names if (fused / "depth" / name).is_file()]
        (fused / f"{listed}.txt").write_text("\n".join(kept) + "\n")
    words = ["--set", f"model.fusion={fusion}", "--name", "it", "--quiet"]
    assert cli("train", fused / "mtcli.yaml", *words).code == 0
    file = Path(f"model.{form}")
    done = cli("export", "runs/it", "--out", file)
    assert done.code == 0, done.err
    assert_measures_alike(cli, file, Path("runs/it"))


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("sharing", ["none", "branch", "mtan"])
def test_one_task_alone_measures_the_same_and_is_smaller(
    cli: Cli, shapes: Path, form: str, sharing: str
) -> None:
    words = ["--set", f"model.sharing={sharing}", "--name", "it", "--quiet"]
    words += ["--set", "model.branch_at=c3"] if sharing == "branch" else []
    trained = cli("train", shapes / "mtcli.yaml", *words)
    assert trained.code == 0, trained.err
    whole, one = Path(f"whole.{form}"), Path(f"one.{form}")
    for file, more in ((whole, ()), (one, ("--tasks", "cls"))):
        done = cli("export", "runs/it", "--out", file, *more)
        assert done.code == 0, done.err
    assert one.stat().st_size < whole.stat().st_size * (0.6 if sharing == "none" else 0.9)
    assert [*metrics(cli, one, Path("runs/it"))] == ["cls"]
    assert_measures_alike(cli, one, Path("runs/it"))
