"""Weights by class, and the focal loss: by hand and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pydantic import TypeAdapter, ValidationError
from sklearn.utils.class_weight import compute_class_weight

from mtcli.core.imbalance import (
    ClassWeights,
    Gamma,
    class_weights,
    focal_cross_entropy,
    weights_of,
)
from mtcli.core.labels import LabelError
from tests.conftest import DEVICE

NAMES = ("a", "b", "c")


def test_nothing_said_is_no_weight() -> None:
    assert class_weights(None, NAMES, (5, 1, 3)) is None


@pytest.mark.parametrize("counts", [(5, 1, 3), (1, 1, 1), (1000, 1, 0), (0, 0, 7)], ids=str)
def test_balanced_is_scikit_learn_s(counts: tuple[int, ...]) -> None:
    labels = np.repeat(np.arange(3), counts)
    seen = np.unique(labels)
    expected = compute_class_weight("balanced", classes=seen, y=labels)
    found = class_weights("balanced", NAMES, counts)
    assert found is not None
    assert [found[number] for number in seen] == pytest.approx(expected.tolist())
    assert all(found[number] == 1 for number in range(3) if number not in seen)


def test_balanced_classes_weigh_as_much_in_all_and_a_label_1_on_average() -> None:
    counts = (90, 9, 1)
    found = class_weights("balanced", NAMES, counts)
    assert found is not None
    shares = [weight * count for weight, count in zip(found, counts, strict=True)]
    assert shares == pytest.approx([100 / 3] * 3)


def test_weights_by_name_leave_the_others_at_1() -> None:
    assert class_weights({"c": 4, "a": 0}, NAMES, (1, 1, 1)) == (0, 1, 4)


def test_a_class_that_is_not_known_is_an_error_with_a_near_miss() -> None:
    with pytest.raises(LabelError, match='class "sqare" is not among') as caught:
        class_weights({"sqare": 2.0}, ("circle", "square"), (1, 1))
    assert caught.value.mend == "did you mean square?"


def test_weights_that_are_all_0_are_refused() -> None:
    with pytest.raises(LabelError, match="weighs nothing"):
        class_weights(dict.fromkeys(NAMES, 0.0), NAMES, (1, 1, 1))


@pytest.mark.parametrize("said", [{"a": -1}, {"a": math.nan}, "even", 2, ["a"]], ids=str)
def test_what_is_no_weight_is_refused(said: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ClassWeights).validate_python(said)


@pytest.mark.parametrize("said", [0, -1, "much"])
def test_what_is_no_exponent_is_refused(said: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Gamma).validate_python(said)


def test_weights_are_looked_up_whatever_the_shape() -> None:
    numbers = torch.tensor([[0, 2], [1, 2]], device=DEVICE)
    assert weights_of(numbers, (1.0, 0.5, 4.0)).tolist() == [[1, 4], [0.5, 4]]
    assert weights_of(numbers, None).tolist() == [[1, 1], [1, 1]]


def test_without_gamma_it_is_the_cross_entropy() -> None:
    logits, numbers = torch.randn(5, 4), torch.tensor([0, 3, 1, 1, 2])
    for smoothing in (0.0, 0.2):
        expected = F.cross_entropy(logits, numbers, reduction="none", label_smoothing=smoothing)
        torch.testing.assert_close(focal_cross_entropy(logits, numbers, None, smoothing), expected)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_focal_by_hand(gamma: float) -> None:
    # Probabilities 3/4 and 1/4; the true class is the likely one, then the other.
    logits = torch.tensor([[math.log(3.0), 0.0], [math.log(3.0), 0.0]])
    found = focal_cross_entropy(logits, torch.tensor([0, 1]), gamma)
    assert found.tolist() == pytest.approx(
        [-((1 / 4) ** gamma) * math.log(3 / 4), -((3 / 4) ** gamma) * math.log(1 / 4)]
    )


def test_focal_over_maps_is_focal_pixel_by_pixel() -> None:
    logits, numbers = torch.randn(2, 3, 4, 5), torch.randint(0, 3, (2, 4, 5))
    found = focal_cross_entropy(logits, numbers, 2.0)
    rows = focal_cross_entropy(logits.permute(0, 2, 3, 1).reshape(-1, 3), numbers.flatten(), 2.0)
    assert found.shape == (2, 4, 5)
    torch.testing.assert_close(found.flatten(), rows)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_a_sure_answer_has_a_finite_gradient(gamma: float) -> None:
    """Also below an exponent of 1, whose slope at 0 is infinite."""
    logits = torch.tensor([[100.0, 0.0], [0.0, 100.0]], requires_grad=True)
    focal_cross_entropy(logits, torch.tensor([0, 0]), gamma).sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
