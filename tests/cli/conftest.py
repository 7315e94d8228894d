"""What tests of the command line share."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

import mtcli

Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A real bash that knows the command: takes a script and its words, and more environment."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    command = tmp_path / "bin" / "mtcli"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mtcli "$@"\n')
    command.chmod(0o755)
    path = {"PATH": f"{command.parent}:{os.environ['PATH']}"}
    here = {"PYTHONPATH": str(Path(mtcli.__file__).parent.parent)}

    def run(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", *map(str, words)],
            env={**os.environ, **path, **here, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def sizes(shapes: Path) -> Path:
    """The shapes' config with a task beside: is the picture's number high or low?"""
    with (shapes / "halves.csv").open("w", newline="") as file:
        rows = [[f"{n:02d}.png", "high" if n in (0, 3, 5, 6, 9, 11) else "low"] for n in range(12)]
        csv.writer(file).writerows([["image", "half"], *rows])
    labels = {"csv": "halves.csv", "key": "image", "column": "half"}
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    document["tasks"]["half"] = {"kind": "classification", "labels": labels}
    path = shapes / "more.yaml"
    path.write_text(yaml.safe_dump(document))
    return path
