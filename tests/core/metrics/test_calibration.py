"""The expected calibration error, by hand and against torchmetrics."""

from __future__ import annotations

import pytest
import torch
from torchmetrics.classification import MulticlassCalibrationError

from mtcli.core.metrics.calibration import BINS, Calibration


def _error(confidence: list[float], right: list[bool]) -> float | None:
    calibration = Calibration()
    calibration.update(torch.tensor(confidence), torch.tensor(right))
    return calibration.error()


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("sharp", [0.3, 1.0, 5.0])
def test_the_same_as_torchmetrics(classes: int, sharp: float) -> None:
    generator = torch.Generator().manual_seed(classes)
    logits = torch.randn(500, classes, generator=generator) * sharp
    true = torch.randint(0, classes, (500,), generator=generator)
    probabilities = logits.double().softmax(dim=1)
    oracle = MulticlassCalibrationError(classes, n_bins=BINS, norm="l1")
    confidence, predicted = probabilities.max(dim=1)
    calibration = Calibration()
    calibration.update(confidence, predicted == true)
    assert calibration.error() == pytest.approx(float(oracle(probabilities, true)), rel=1e-5)


def test_within_a_bin_what_is_right_makes_up_for_what_is_wrong() -> None:
    # All in ]0.733, 0.8]: three of four right at 0.75.
    assert _error([0.75] * 4, [True, True, True, False]) == pytest.approx(0)
    assert _error([0.75] * 4, [True] * 4) == pytest.approx(0.25)


def test_bins_weigh_by_their_pictures() -> None:
    # Three off by 0.1, one off by 0.5.
    found = _error([0.9, 0.9, 0.9, 0.5], [True, True, True, False])
    assert found == pytest.approx((3 * 0.1 + 0.5) / 4)


@pytest.mark.parametrize(("confidence", "right"), [(1.0, True), (0.0, False)])
def test_the_ends_are_inside(confidence: float, right: bool) -> None:
    assert _error([confidence], [right]) == 0


def test_the_worst_is_1() -> None:
    assert _error([1.0, 1.0], [False, False]) == 1


def test_nothing_seen_is_undefined() -> None:
    assert Calibration().error() is None
    assert _error([], []) is None


def test_parts_are_the_whole() -> None:
    confidence, right = torch.rand(100), torch.rand(100) < 0.5
    whole, first, second = Calibration(), Calibration(), Calibration()
    whole.update(confidence, right)
    first.update(confidence[:30], right[:30])
    second.update(confidence[30:], right[30:])
    first.merge(second)
    assert first.error() == pytest.approx(whole.error())
