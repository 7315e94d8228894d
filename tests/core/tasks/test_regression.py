"""Regression: values worked by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from sklearn import metrics as oracle
from torch import Tensor

from mtcli.core.data.sample import each_tensor
from mtcli.core.features import FeatureSpec
from mtcli.core.labels import LabelError, WordsLabel
from mtcli.core.task import Prediction, Target
from mtcli.core.tasks.regression import (
    MAX_LOG_DEVIATION,
    Regression,
    RegressionFacts,
    RegressionOptions,
)
from tests.conftest import DEVICE

SIZE = (32, 32)
NAN = math.nan


def _label(*words: str) -> WordsLabel:
    return WordsLabel(words)


def _task(
    means: Sequence[float] = (10.0,),
    deviations: Sequence[float] = (2.0,),
    median_errors: Sequence[float] | None = None,
    **options: object,
) -> Regression:
    facts = RegressionFacts(
        means=tuple(means),
        deviations=tuple(deviations),
        median_errors=tuple(median_errors or [1.0] * len(means)),
    )
    return Regression(RegressionOptions.model_validate(options), facts)


def _target(*numbers: float) -> Target:
    """NaN for one that is not known."""
    read = torch.tensor(numbers, dtype=torch.float32)
    return {"numbers": read.nan_to_num(0.0), "known": ~read.isnan()}


def _said(*numbers: float) -> Prediction:
    return {"numbers": torch.tensor(numbers)}


def _loss(task: Regression, raw: Tensor, *targets: Target) -> float:
    batch = each_tensor(task.collate(targets, SIZE), lambda tensor: tensor.to(DEVICE))
    parts = task.loss(raw.to(DEVICE), batch, task.counts(batch))
    assert list(parts) == [task.options.loss]
    return float(parts[task.options.loss])


# What is learnt beforehand.


def test_prepare_learns_mean_deviation_and_how_far_the_median_is_off() -> None:
    task = Regression.prepare(RegressionOptions(), [_label(w) for w in ("1", "2", "3", "10")])
    assert task.facts.means == (4.0,)
    assert list(task.facts.deviations) == [pytest.approx(math.sqrt((9 + 4 + 1 + 36) / 4))]
    # The median of an even number is the lower one, 2.
    assert list(task.facts.median_errors) == [pytest.approx((1 + 0 + 1 + 8) / 4)]


def test_prepare_passes_over_missing_numbers() -> None:
    task = Regression.prepare(
        RegressionOptions(), [_label("1", ""), _label("", "7"), _label("3", "9")]
    )
    assert task.facts.means == (2.0, 8.0)
    assert task.facts.deviations == (1.0, 1.0)


def test_a_number_that_never_changes_has_deviation_1() -> None:
    task = Regression.prepare(RegressionOptions(), [_label("5"), _label("5")])
    assert task.facts.deviations == (1.0,)
    assert task.facts.median_errors == (0.0,)


def test_prepare_needs_numbers() -> None:
    with pytest.raises(LabelError, match="needs numbers to learn from"):
        Regression.prepare(RegressionOptions(), [])


def test_a_label_without_a_number_is_refused() -> None:
    for values in ([WordsLabel(())], [WordsLabel(()), _label("1")], [_label("1"), WordsLabel(())]):
        with pytest.raises(LabelError, match="a label without a number"):
            Regression.prepare(RegressionOptions(), values)


def test_numbers_far_from_0_keep_their_last_digit() -> None:
    task = Regression.prepare(RegressionOptions(), [_label("1700000000"), _label("1700000060")])
    target = task.read(_label("1700000007"), SIZE)
    assert target is not None
    batch = task.collate([target], SIZE)
    assert batch.numbers.dtype == torch.float32
    [found] = task.decode(batch.numbers, SIZE)
    assert float(found["numbers"]) == pytest.approx(1700000007, abs=1e-3)


def test_a_number_that_is_missing_everywhere_is_refused() -> None:
    with pytest.raises(LabelError, match="missing in every picture"):
        Regression.prepare(RegressionOptions(), [_label("1", ""), _label("2", "")])


@pytest.mark.parametrize("odd", [("1", "2", "3"), ("1",)], ids=str)
def test_labels_of_different_length_are_refused(odd: tuple[str, ...]) -> None:
    values = [_label("1", "2"), WordsLabel(odd)]
    with pytest.raises(LabelError, match=f"a label of {len(odd)} numbers, where others have 2"):
        Regression.prepare(RegressionOptions(), values)
    task = Regression.prepare(RegressionOptions(), values[:1])
    with pytest.raises(LabelError, match=f"a label of {len(odd)} numbers, where others have 2"):
        task.read(values[1], SIZE)


def test_names_say_how_many_numbers_there_are() -> None:
    options = RegressionOptions(names=("width", "height"))
    with pytest.raises(LabelError, match="a label of 1 numbers, where others have 2"):
        Regression.prepare(options, [_label("1")])


@pytest.mark.parametrize("word", ["many", "1,5", "0x10"])
def test_what_is_no_number_is_named(word: str) -> None:
    for act in (
        lambda: Regression.prepare(RegressionOptions(), [_label(word)]),
        lambda: _task().read(_label(word), SIZE),
    ):
        with pytest.raises(LabelError, match="no number") as caught:
            act()
        assert caught.value.found == repr(word)


@pytest.mark.parametrize("word", ["nan", "inf", "-Infinity"])
def test_what_is_not_finite_is_named_and_mended(word: str) -> None:
    with pytest.raises(LabelError, match="no finite number") as caught:
        _task().read(_label(word), SIZE)
    assert caught.value.found == repr(word)
    assert caught.value.mend is not None
    assert "empty" in caught.value.mend


@pytest.mark.parametrize(
    "wrong", [{"names": []}, {"names": ["a", "a"]}, {"loss": "l2"}, {"dropout": 1}], ids=str
)
def test_options_that_make_no_task_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RegressionOptions.model_validate(wrong)


# Targets.


def test_read_tells_numbers_from_gaps() -> None:
    target = _task((0, 0, 0), (1, 1, 1)).read(_label("1.5", "", "-2e3"), SIZE)
    assert target is not None
    assert target["numbers"].tolist() == [1.5, 0, -2000]
    assert target["known"].tolist() == [True, False, True]


def test_a_label_without_a_number_is_none() -> None:
    assert _task((0, 0), (1, 1)).read(_label("", ""), SIZE) is None


def test_a_number_of_the_whole_picture_does_not_hold_for_a_part() -> None:
    assert not _task().crop_safe
    assert _task(crops=True).crop_safe


def test_collate_measures_in_deviations_from_the_mean() -> None:
    task = _task((10.0, 0.0), (2.0, 0.5))
    batch = task.collate([_target(14, 1), _target(7, NAN)], SIZE)
    assert batch.numbers[0].tolist() == [2, 2]
    assert batch.numbers[1, 0] == -1.5
    assert batch.known.tolist() == [[True, True], [True, False]]
    assert float(task.counts(batch)["numbers"]) == 3


# The loss.


def test_l1_by_hand() -> None:
    raw = torch.tensor([[1.0], [-1.0]])
    assert _loss(_task(loss="l1"), raw, _target(14), _target(7)) == pytest.approx((1 + 0.5) / 2)


def test_huber_by_hand() -> None:
    # Half the square below an error of 1, the error less a half above.
    raw = torch.tensor([[2.5], [5.0]])
    assert _loss(_task(), raw, _target(14), _target(14)) == pytest.approx((0.125 + 2.5) / 2)


def test_gaussian_nll_by_hand() -> None:
    raw = torch.tensor([[1.0, math.log(0.5)]])  # one off, sure within a half
    expected = 0.5 * (math.log(0.25) + 1 / 0.25)
    assert _loss(_task(loss="gaussian_nll"), raw, _target(14)) == pytest.approx(expected)


def test_gaussian_nll_is_least_where_the_deviation_is_the_error() -> None:
    task = _task(loss="gaussian_nll")
    losses = [_loss(task, torch.tensor([[1.0, math.log(d)]]), _target(14)) for d in (0.7, 1, 1.4)]
    assert losses[1] == min(losses)


@pytest.mark.parametrize("loss", ["l1", "huber", "gaussian_nll"])
def test_what_is_not_known_is_not_taught(loss: str) -> None:
    task = _task((10.0, 0.0), (2.0, 0.5), loss=loss)
    raw = torch.randn(2, 4 if loss == "gaussian_nll" else 2, requires_grad=True)
    batch = task.collate([_target(14, NAN), _target(7, 1)], SIZE)
    task.loss(raw, batch, task.counts(batch))[loss].backward()  # type: ignore[no-untyped-call]
    assert raw.grad is not None
    assert (raw.grad[0, 1::2] == 0).all()
    assert (raw.grad[1] != 0).all()
    assert (raw.grad[0, ::2] != 0).all()


@pytest.mark.parametrize("wild", [1e4, -1e4])
def test_a_wild_deviation_has_a_finite_loss_and_gradient(wild: float) -> None:
    task = _task(loss="gaussian_nll")
    raw = torch.tensor([[0.0, wild]], requires_grad=True)
    batch = task.collate([_target(14)], SIZE)
    loss = task.loss(raw, batch, task.counts(batch))["gaussian_nll"]
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite()
    assert raw.grad is not None
    assert raw.grad.isfinite().all()


def test_the_loss_is_divided_by_the_count_it_is_given() -> None:
    task, raw = _task(loss="l1"), torch.zeros(1, 1)
    batch = task.collate([_target(14)], SIZE)
    assert float(task.loss(raw, batch, {"numbers": torch.tensor(8.0)})["l1"]) == 2 / 8


def test_the_head_says_two_things_of_a_number_where_it_is_to_know_how_sure_it_is() -> None:
    specs, features = {"c5": FeatureSpec(4, 32)}, {"c5": torch.randn(2, 4, 3, 3)}
    assert _task((0, 0), (1, 1)).head(specs)(features).shape == (2, 2)
    assert _task((0, 0), (1, 1), loss="gaussian_nll").head(specs)(features).shape == (2, 4)


# Predictions.


def test_decode_undoes_collate() -> None:
    task = _task((10.0, -3.0), (2.0, 0.5))
    truth = [_target(14, 1), _target(7, -2.5)]
    found = task.decode(task.collate(truth, SIZE).numbers, SIZE)
    for said, target in zip(found, truth, strict=True):
        assert set(said) == {"numbers"}
        torch.testing.assert_close(said["numbers"], target["numbers"], check_dtype=False)


def test_decode_gives_deviations_in_the_numbers_own_unit() -> None:
    task = _task((10.0, 0.0), (2.0, 0.5), loss="gaussian_nll")
    [found] = task.decode(torch.tensor([[0.0, 1.0, math.log(3.0), 99.0]]), SIZE)
    assert found["numbers"].tolist() == [10, 0.5]
    assert found["deviation"].tolist() == pytest.approx([6, 0.5 * math.exp(MAX_LOG_DEVIATION)])


def test_json_names_the_numbers_where_they_have_names() -> None:
    assert _task().to_json(_said(2.5)) == {"numbers": [2.5]}
    task = _task((0, 0), (1, 1), names=["wide", "high"])
    assert task.to_json({**_said(2.5, 1.0), "deviation": torch.tensor([0.5, 0.25])}) == {
        "numbers": {"wide": 2.5, "high": 1.0},
        "deviation": {"wide": 0.5, "high": 0.25},
    }


def test_export_gives_what_decode_says() -> None:
    task, raw = _task((10.0, 0.0), (2.0, 0.5), loss="gaussian_nll"), torch.randn(3, 4)
    found = task.export(raw, SIZE)
    for name in ("numbers", "deviation"):
        said = torch.stack([row[name] for row in task.decode(raw, SIZE)])
        assert found[name].dtype == torch.float32
        assert torch.equal(found[name], said.float())


def test_agreement_is_measured_by_the_training_split_s_deviation() -> None:
    task = _task((10.0, 0.0), (2.0, 0.5))
    one, other = ({"numbers": torch.tensor(row)} for row in ([10.0, 1.0], [10.019, 1.006]))
    assert task.agreement(one, other) == 0.5


# Metrics.


def test_metrics_by_hand() -> None:
    meter = _task().meter()
    meter.update([_said(11), _said(14)], [_target(10), _target(16)])
    meter.update([_said(13)], [_target(13)])
    spread = 9 + 9 + 0  # about the truth's own mean, 13
    assert meter.compute() == {
        "mae": pytest.approx(1.0),
        "rmse": pytest.approx(math.sqrt(5 / 3)),
        "r2": pytest.approx(1 - 5 / spread),
    }
    assert meter.per_class() == {}


@pytest.mark.parametrize("offset", [0.0, 1e6, -1e9])
def test_the_same_as_scikit_learn_however_far_from_0(offset: float) -> None:
    """Sums of squares lose the digits that matter, if all is not seen from the mean."""
    generator = torch.Generator().manual_seed(1)
    true = torch.randn(50, generator=generator, dtype=torch.float64) * 3 + offset
    found = true + torch.randn(50, generator=generator, dtype=torch.float64)
    meter = _task((offset,), (3.0,)).meter()
    meter.update(
        [{"numbers": row[None]} for row in found],
        [{"numbers": row[None], "known": torch.tensor([True])} for row in true],
    )
    assert meter.compute() == {
        "mae": pytest.approx(oracle.mean_absolute_error(true, found)),
        "rmse": pytest.approx(oracle.root_mean_squared_error(true, found)),
        "r2": pytest.approx(oracle.r2_score(true, found)),
    }


def test_each_number_has_metrics_of_its_own_and_their_mean_speaks() -> None:
    meter = _task((0, 0), (1, 1), names=["wide", "high"]).meter()
    meter.update([_said(1, 5), _said(2, 5)], [_target(0, NAN), _target(0, 8)])
    assert meter.per_class() == {
        "wide": {"mae": 1.5, "rmse": pytest.approx(math.sqrt(2.5)), "r2": None},
        "high": {"mae": 3.0, "rmse": 3.0, "r2": None},
    }
    assert meter.compute()["mae"] == pytest.approx((1.5 + 3) / 2)


def test_a_number_that_nobody_measured_is_undefined_and_does_not_count() -> None:
    meter = _task((0, 0), (1, 1)).meter()
    meter.update([_said(1, 5)], [_target(0, NAN)])
    assert meter.per_class()["number 2"] == {"mae": None, "rmse": None, "r2": None}
    assert meter.compute() == {"mae": 1.0, "rmse": 1.0, "r2": None}


def test_meters_of_different_training_splits_add_up() -> None:
    # 1 and 5 seen from 2, 9 and an unknown seen from 10: 1, 5 and 9 have the mean 5.
    one, other = _task([2.0]).meter(), _task([10.0]).meter()
    one.update([_said(2.0), _said(5.0)], [_target(1.0), _target(5.0)])
    other.update([_said(7.0), _said(7.0)], [_target(9.0), _target(NAN)])
    one.merge([other])
    expected = {"mae": 1.0, "rmse": math.sqrt(5 / 3), "r2": 1 - (1 + 0 + 4) / (16 + 0 + 16)}
    assert one.compute() == pytest.approx(expected)


def test_r2_of_one_picture_or_of_one_number_is_undefined() -> None:
    meter = _task().meter()
    meter.update([_said(1)], [_target(0)])
    assert meter.compute()["r2"] is None
    meter.update([_said(2)], [_target(0)])
    assert meter.compute()["r2"] is None


@pytest.mark.parametrize(
    ("mae", "score"), [(0.0, 1.0), (0.5, 0.75), (2.0, 0.0), (5.0, 0.0), (None, None)]
)
def test_the_score_is_the_skill_over_always_saying_the_median(
    mae: float | None, score: float | None
) -> None:
    assert _task(median_errors=[2.0]).score({"mae": mae, "rmse": mae, "r2": None}) == score


@pytest.mark.parametrize(("mae", "score"), [(0.0, 1.0), (0.1, 0.0)])
def test_where_the_median_is_always_right_only_it_will_do(mae: float, score: float) -> None:
    assert _task(median_errors=[0.0]).score({"mae": mae}) == score


def test_the_loss_of_an_nll_is_torch_s() -> None:
    task = _task((0, 0), (1, 1), loss="gaussian_nll")
    raw, numbers = torch.randn(4, 4), torch.randn(4, 2)
    expected = F.gaussian_nll_loss(raw[:, :2], numbers, raw[:, 2:].exp() ** 2)
    found = _loss(task, raw, *[_target(*row) for row in numbers.tolist()])
    assert found == pytest.approx(float(expected), rel=1e-5)
