"""The check of inputs: what is wrong with those beside the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mtcli.core.inspection.finding import Finding
from tests.core.inspection.test_planted import report_of


def found(folder: Path) -> dict[str, Finding]:
    report = report_of(folder / "mtcli.yaml")
    return {finding.name: finding for finding in report.findings if "inputs" in finding.name}


def test_what_is_missing_is_told_and_breaks_nothing(fused: Path) -> None:
    (name, finding), *others = found(fused).items()
    assert others == []
    assert name == "lacking-inputs"
    assert not finding.breaks
    assert finding.pictures == ("02.png", "09.png")
    assert finding.what == "picture without depth"


def test_broken_and_unlike_inputs_break_a_training(fused: Path) -> None:
    (fused / "depth/00.png").write_bytes(b"no map")
    Image.fromarray(np.ones((32, 64), np.uint16)).save(fused / "depth/10.png")
    findings = found(fused)
    assert findings["unreadable-inputs"].breaks
    assert findings["unreadable-inputs"].pictures == (str(fused / "depth/00.png"),)
    assert findings["unlike-inputs"].breaks
    assert findings["unlike-inputs"].pictures == ("10.png: 32 × 64, not 64 × 64",)
    config = fused / "mtcli.yaml"
    config.write_text(config.read_text().replace("workers: 0", "workers: 0\n  on_bad_image: skip"))
    assert not found(fused)["unreadable-inputs"].breaks
