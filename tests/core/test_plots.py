"""Plots of a run, also where there is much to plot."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from mtcli.core.plots import plot_confusion, plot_curves


@pytest.mark.parametrize("classes", [2, 12, 400])
def test_a_confusion_matrix_of_any_size_fits_on_a_screen(classes: int) -> None:
    names = [f"class {number}" for number in range(classes)]
    plot_confusion("cls", names, torch.eye(classes, dtype=torch.int64), Path("plots"))
    with Image.open("plots/confusion-cls.png") as picture:
        assert max(picture.size) < 2000


def test_curves_pass_over_what_is_undefined() -> None:
    epoch = {"event": "epoch", "epoch": 1, "losses": {}, "metrics": {"cls": {"accuracy": None}}}
    plot_curves([epoch, {**epoch, "epoch": 2}], Path("plots"))
    assert Path("plots/curves.png").is_file()
    plot_curves([], Path("none"))
    assert not Path("none").exists()
