"""A pipeline in a real shell: exit codes stop it, and the one in docs runs as it is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mtcli
from tests.cli.conftest import Shell

SCRIPT = Path(mtcli.__file__).parent.parent / "docs" / "examples" / "pipeline.sh"

STEPS = """
set -euo pipefail
mtcli eval "$1" --tasks cls --fail-under "$2" --markdown summary.md --json > result.json
echo "went on"
"""

needs_script = pytest.mark.skipif(not SCRIPT.is_file(), reason="docs are not installed")


def test_a_missed_gate_stops_a_script_with_3(shell: Shell, trained: Path) -> None:
    done = shell("-c", STEPS, "script", trained, "cls.accuracy=1.5")
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert "gate  cls.accuracy  ≥ 1.50   missed: " in done.stderr
    assert json.loads(Path("result.json").read_text())["gates"][0]["met"] is False
    assert Path("summary.md").read_text().startswith("### ❌ gate missed: ")


def test_a_gate_written_wrongly_stops_it_with_2(shell: Shell, trained: Path) -> None:
    done = shell("-c", STEPS, "script", trained, "cls.accuracy=0,9")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--fail-under 9: wrong value" in done.stderr
    assert not Path("summary.md").exists()


@pytest.mark.slow
def test_a_gate_that_is_met_lets_it_go_on(shell: Shell, trained: Path) -> None:
    done = shell("-c", STEPS, "script", trained, "cls.accuracy=-1")
    assert (done.returncode, done.stdout) == (0, "went on\n"), done.stderr


@pytest.mark.slow
@needs_script
def test_the_pipeline_of_the_docs_goes_through(shell: Shell) -> None:
    for extra in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(extra, reason="the extra [export] is not installed")
    done = shell(SCRIPT, "here", EPOCHS="2", ACCURACY="0", MAP50="0")
    assert done.returncode == 0, done.stderr
    here = Path("here")
    assert json.loads((here / "run.json").read_text())["ci"]["level"] == 95
    for name in ("run.md", "export.md"):
        assert "gates met: " in (here / name).read_text()
    lines = (here / "predictions" / "predictions.jsonl").read_text().splitlines()
    assert len(lines) == len(list((here / "images").iterdir()))
    assert all("cls" in line and "det" in line for line in lines)


@pytest.mark.slow
@needs_script
def test_the_pipeline_of_the_docs_stops_at_its_gate(shell: Shell) -> None:
    done = shell(SCRIPT, "here", EPOCHS="1", ACCURACY="1.5")
    assert done.returncode == 3, done.stderr
    assert "gate  cls.accuracy  ≥ 1.50   missed: " in done.stderr
    assert Path("here/run.md").is_file()
    assert not Path("here/model.onnx").exists()
