"""Average precision of a ranking: values worked by hand, and scikit-learn as the oracle."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import average_precision_score

from mtcli.core.metrics.ranking import average_precision


def _of(scores: list[float], positive: list[int]) -> float | None:
    return average_precision(torch.tensor(scores), torch.tensor(positive, dtype=torch.bool))


def test_by_hand() -> None:
    # Right at places 1, 3 and 4 of 5: recall rises by a third at precisions 1/1, 2/3 and 3/4.
    found = _of([0.5, 0.9, 0.8, 0.6, 0.1], [1, 1, 0, 1, 0])
    assert found == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_equal_scores_stand_and_fall_together() -> None:
    # One threshold takes all four: precision 1/2 at once, whatever the order.
    assert _of([0.5] * 4, [1, 1, 0, 0]) == 0.5
    assert _of([0.5] * 4, [0, 1, 0, 1]) == 0.5


def test_the_best_and_the_worst_order() -> None:
    assert _of([4, 3, 2, 1], [1, 1, 0, 0]) == 1
    assert _of([4, 3, 2, 1], [0, 0, 0, 1]) == 0.25
    assert _of([1, 2], [1, 1]) == 1


@pytest.mark.parametrize("positive", [[], [0, 0]])
def test_undefined_without_a_positive(positive: list[int]) -> None:
    assert _of([0.5] * len(positive), positive) is None


@pytest.mark.parametrize("levels", [3, 1000], ids=["many equal", "few equal"])
def test_as_scikit_learn_has_it(levels: int) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        count = int(torch.randint(1, 60, (), generator=generator))
        scores = torch.randint(levels, (count,), generator=generator) / levels
        positive = torch.rand(count, generator=generator) < 0.3
        positive[0] = True
        expected = average_precision_score(positive.numpy(), scores.numpy())
        assert average_precision(scores, positive) == pytest.approx(expected, abs=1e-12)


def test_the_order_of_pictures_means_nothing() -> None:
    scores, positive = torch.randint(5, (40,)) / 5, torch.rand(40) < 0.4
    order = torch.randperm(40)
    assert average_precision(scores[order], positive[order]) == average_precision(scores, positive)
