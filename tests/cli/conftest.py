"""What tests of the command line share."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml


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
