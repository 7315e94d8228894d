"""Metrics of a confusion matrix, by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics as oracle
from torch import Tensor

from mtcli.core.metrics import confusion as tables

CLASSES = 5
# Which classes occur among labels and among predictions: all; some in one only; one in neither.
OCCURRING = [
    ((0, 1, 2, 3, 4), (0, 1, 2, 3, 4)),
    ((0, 1, 2), (0, 1, 2)),
    ((0, 1), (1, 3)),
    ((2,), (0, 4)),
    ((0, 4), (2,)),
    ((3,), (3,)),
]


def _draw(of_true: tuple[int, ...], of_predicted: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    generator = np.random.default_rng(1)
    true = torch.from_numpy(generator.choice(of_true, 60))
    return true, torch.from_numpy(generator.choice(of_predicted, 60))


def test_confusion_matrix_counts_true_by_predicted() -> None:
    matrix = tables.confusion_matrix(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 0]), 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_every_metric_by_hand() -> None:
    matrix = torch.tensor([[3, 1, 0], [1, 1, 0], [0, 0, 0]])
    assert tables.accuracy(matrix) == pytest.approx(4 / 6)
    assert tables.recalls(matrix) == [pytest.approx(3 / 4), pytest.approx(1 / 2), None]
    assert tables.precisions(matrix) == [pytest.approx(3 / 4), pytest.approx(1 / 2), None]
    assert tables.f1_scores(matrix) == [pytest.approx(6 / 8), pytest.approx(2 / 4), None]


def test_precision_and_recall_are_not_the_same() -> None:
    matrix = torch.tensor([[2, 2], [0, 1]])
    assert tables.recalls(matrix) == [0.5, 1.0]
    assert tables.precisions(matrix) == [1.0, pytest.approx(1 / 3)]


def test_a_class_that_is_only_predicted_has_f1_0_and_no_recall() -> None:
    matrix = torch.tensor([[1, 1], [0, 0]])
    assert tables.f1_scores(matrix)[1] == 0.0
    assert tables.recalls(matrix)[1] is None


@pytest.mark.parametrize(("of_true", "of_predicted"), OCCURRING)
def test_accuracy_is_scikit_learns(of_true: tuple[int, ...], of_predicted: tuple[int, ...]) -> None:
    true, predicted = _draw(of_true, of_predicted)
    matrix = tables.confusion_matrix(true, predicted, CLASSES)
    assert tables.accuracy(matrix) == pytest.approx(oracle.accuracy_score(true, predicted))


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
@pytest.mark.parametrize(("of_true", "of_predicted"), OCCURRING)
def test_mean_recall_is_scikit_learns_balanced_accuracy(
    of_true: tuple[int, ...], of_predicted: tuple[int, ...]
) -> None:
    true, predicted = _draw(of_true, of_predicted)
    matrix = tables.confusion_matrix(true, predicted, CLASSES)
    expected = oracle.balanced_accuracy_score(true, predicted)
    assert tables.mean_defined(tables.recalls(matrix)) == pytest.approx(expected)


@pytest.mark.parametrize(("of_true", "of_predicted"), OCCURRING)
def test_mean_f1_is_scikit_learns_macro_f1(
    of_true: tuple[int, ...], of_predicted: tuple[int, ...]
) -> None:
    true, predicted = _draw(of_true, of_predicted)
    matrix = tables.confusion_matrix(true, predicted, CLASSES)
    expected = oracle.f1_score(true, predicted, average="macro", zero_division=0)
    assert tables.mean_defined(tables.f1_scores(matrix)) == pytest.approx(expected)


def test_the_matrix_is_scikit_learns() -> None:
    true, predicted = _draw((0, 1, 3), (0, 2, 3))
    expected = oracle.confusion_matrix(true, predicted, labels=range(CLASSES))
    assert tables.confusion_matrix(true, predicted, CLASSES).tolist() == expected.tolist()


def test_without_a_picture_nothing_is_defined() -> None:
    nothing = torch.zeros(0, dtype=torch.int64)
    matrix = tables.confusion_matrix(nothing, nothing, 3)
    assert matrix.tolist() == [[0, 0, 0]] * 3
    assert tables.accuracy(matrix) is None
    for values in (tables.recalls(matrix), tables.precisions(matrix), tables.f1_scores(matrix)):
        assert values == [None, None, None]
        assert tables.mean_defined(values) is None


def test_mean_defined_passes_over_none() -> None:
    assert tables.mean_defined([1.0, None, 0.5]) == 0.75
