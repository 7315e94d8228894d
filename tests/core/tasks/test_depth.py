"""Depth: values worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from mtcli.core.data.geometry import resize_rule
from mtcli.core.labels import LabelError, NumberMapLabel
from mtcli.core.maps import NumberMap
from mtcli.core.task import Prediction, Target, View
from mtcli.core.tasks.depth import Depth, DepthFacts, DepthOptions
from tests.conftest import DEVICE
from tests.drawn import drawn_on

FACTS = DepthFacts(mean=4.0, mean_log=math.log(2.0))
ALL = View(torch.tensor([0.0, 0.0, 2.0, 2.0]))


def _task(**options: object) -> Depth:
    return Depth(DepthOptions.model_validate(options), FACTS)


def _label(*rows: list[float]) -> NumberMapLabel:
    return NumberMapLabel(torch.tensor(rows))


def _map(*rows: list[float]) -> dict[str, Tensor]:
    return {"depth": NumberMap(torch.tensor(rows))}


def _losses(
    raw: Tensor, *targets: Target, counts: dict[str, Tensor] | None = None, **options: object
) -> dict[str, Tensor]:
    task = _task(**options)
    batch = task.collate(targets, (2, 2)).to(DEVICE)
    return task.loss(raw.to(DEVICE), batch, task.counts(batch) if counts is None else counts)


def _raw(*rows: list[float]) -> Tensor:
    return torch.tensor(rows)[None, None]


def _measured(prediction: Prediction, target: Target) -> dict[str, float | None]:
    meter = _task().meter()
    meter.update([prediction], [target])
    return meter.compute()


def test_prepare_takes_the_means_of_what_was_measured() -> None:
    values = iter([_label([1.0, 0.0]), _label([0.0, 0.0]), _label([2.0, 6.0])])
    task = Depth.prepare(DepthOptions(), values)
    assert task.facts.mean == pytest.approx(3)
    assert task.facts.mean_log == pytest.approx(math.log(12) / 3)


@pytest.mark.parametrize("values", [[], [_label([0.0, 0.0])]], ids=["no label", "nothing measured"])
def test_prepare_needs_a_measured_pixel(values: list[NumberMapLabel]) -> None:
    with pytest.raises(LabelError, match="needs measured pixels"):
        Depth.prepare(DepthOptions(), values)


def test_one_part_of_the_loss_must_be_left() -> None:
    with pytest.raises(ValidationError, match="more than 0"):
        DepthOptions(scale_invariant=0, l1=0)
    with pytest.raises(ValidationError, match="deeplab or fpn"):
        DepthOptions(head="fcos")


@pytest.mark.parametrize("value", [-0.5, math.nan, math.inf])
def test_what_is_no_depth_is_an_error(value: float) -> None:
    label = _label([1.0, value])
    for understand in (
        lambda: _task().read(label, (1, 2)),
        lambda: Depth.prepare(DepthOptions(), [label]),
    ):
        with pytest.raises(LabelError, match="no number of 0 or more") as caught:
            understand()
        assert caught.value.found == f"{value:g}, and 0 others"


def test_a_map_of_another_size_is_an_error() -> None:
    with pytest.raises(LabelError, match="another size") as caught:
        _task().read(_label([1.0, 2.0]), (2, 1))
    assert caught.value.found == "1 × 2, the picture 2 × 1"


def test_nothing_measured_is_no_label() -> None:
    task = _task()
    assert task.read(_label([0.0, 0.0]), (1, 2)) is None
    assert task.clean(_map([0.0, 0.0]), ALL) is None
    target = task.read(_label([0.0, 3.0]), (1, 2))
    assert target is not None
    assert target["depth"].dtype == torch.float32
    assert task.clean(target, ALL) is target


def test_a_resized_map_invents_no_depth() -> None:
    target = _task().read(_label([1.0, 9.0, 0.0], [1.0, 9.0, 0.0]), (2, 3))
    assert target is not None
    resized = resize_rule("letterbox", (2, 3), (64, 64)).apply(target)["depth"]
    assert isinstance(resized, NumberMap)
    assert set(resized.unique().tolist()) == {0, 1, 9}


def test_loss_by_hand() -> None:
    # Mean 4, mean logarithm ln 2. Two measured pixels: ln found - ln true is ln 2 and ln 4.
    parts = _losses(_raw([0.0, math.log(4.0)], [7.0, 7.0]), _map([1.0, 2.0], [0.0, 0.0]))
    one, two = math.log(2), math.log(4)
    expected = (one**2 + two**2) / 2 - 0.5 * ((one + two) / 2) ** 2
    assert float(parts["scale_invariant"]) == pytest.approx(expected)
    assert float(parts["l1"]) == pytest.approx((1 + 6) / 4 / 2)


def test_a_picture_counts_as_one_and_a_pixel_too() -> None:
    raw = torch.zeros(2, 1, 1, 4)
    one, four = _map([4.0, 0.0, 0.0, 0.0]), _map([1.0, 1.0, 1.0, 1.0])
    parts = _losses(raw, one, four)
    assert float(parts["scale_invariant"]) == pytest.approx(0.5 * math.log(2) ** 2)
    assert float(parts["l1"]) == pytest.approx((2 + 4 * 1) / 4 / 5)


def test_weights_of_the_parts() -> None:
    raw, target = _raw([0.0, 1.0]), _map([1.0, 5.0])
    plain, weighted = _losses(raw, target), _losses(raw, target, scale_invariant=2, l1=0.5)
    assert float(weighted["scale_invariant"]) == pytest.approx(2 * float(plain["scale_invariant"]))
    assert float(weighted["l1"]) == pytest.approx(float(plain["l1"]) / 2)
    assert list(_losses(raw, target, l1=0)) == ["scale_invariant"]
    assert list(_losses(raw, target, scale_invariant=0)) == ["l1"]


def test_what_was_not_measured_moves_nothing() -> None:
    raw = torch.randn(2, 1, 2, 2, requires_grad=True)
    parts = _losses(raw, _map([0.0, 2.0], [0.0, 1.0]), _map([3.0, 0.0], [0.0, 0.0]))
    torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert raw.grad is not None
    assert (raw.grad != 0).flatten().tolist() == [False, True, False, True, True, *[False] * 3]


def test_pixels_that_were_lost_on_the_way_are_counted_as_none() -> None:
    task = _task()
    lost, kept = _map([0.0, 0.0]), _map([1.0, 2.0])
    counts = task.counts(task.collate([lost, kept], (1, 2)))
    assert {name: float(count) for name, count in counts.items()} == {"pictures": 1, "pixels": 2}
    raw = torch.randn(1, 1, 1, 2)
    alone, together = _losses(raw, kept), _losses(raw.repeat(2, 1, 1, 1), lost, kept)
    for name, part in alone.items():
        assert float(together[name]) == pytest.approx(float(part))
    for part in _losses(raw, lost).values():
        assert float(part) == 0


def test_the_loss_is_divided_by_the_counts_it_is_given() -> None:
    raw, target = _raw([0.0, 1.0]), _map([1.0, 5.0])
    counts = {"pictures": torch.tensor(4.0), "pixels": torch.tensor(8.0)}
    own, given = _losses(raw, target), _losses(raw, target, counts=counts)
    assert float(given["scale_invariant"]) == pytest.approx(float(own["scale_invariant"]) / 4)
    assert float(given["l1"]) == pytest.approx(float(own["l1"]) / 4)


def test_answers_in_half_precision_far_off_are_finite() -> None:
    raw = torch.tensor([[[[6e4, -6e4]]]], dtype=torch.float16, requires_grad=True)
    parts = _losses(raw, _map([1.0, 5.0]))
    assert all(part.dtype == torch.float32 and part.isfinite() for part in parts.values())
    (depth,) = _task().decode(raw.detach(), (1, 2))
    assert depth["depth"].isfinite().all()
    assert (depth["depth"] > 0).all()


def test_a_perfect_answer_costs_nothing_at_any_stride() -> None:
    target = _map(*[[3.0] * 8] * 8)
    for cells in (2, 8):
        raw = torch.full((1, 1, cells, cells), math.log(3.0 / 2.0))
        for part in _losses(raw, target).values():
            assert float(part) == pytest.approx(0, abs=1e-6)


def test_decode_gives_depths_of_the_input_s_size() -> None:
    (found,) = _task().decode(torch.full((1, 1, 2, 2), math.log(5.0)), (8, 4))
    assert isinstance(found["depth"], NumberMap)
    assert found["depth"].shape == (8, 4)
    assert found["depth"].flatten().tolist() == pytest.approx([10.0] * 32)


def test_metrics_by_hand() -> None:
    meter = _task().meter()
    meter.update([_map([1.2, 9.0], [3.0, 9.0])], [_map([1.0, 0.0], [4.0, 0.0])])
    meter.update([_map([8.0, 0.1])], [_map([10.0, 0.0])])
    # Ratios 1.2, 1.333 and 1.25; the last is not close, since 1.25 itself is too much.
    assert meter.compute() == {
        "abs_rel": pytest.approx((0.2 + 0.25 + 0.2) / 3, rel=1e-6),
        "rmse": pytest.approx(math.sqrt((0.04 + 1 + 4) / 3), rel=1e-6),
        "delta1": pytest.approx(1 / 3),
    }
    assert meter.per_class() == {}


def test_merged_meters_are_one_meter() -> None:
    found = [_map(row) for row in torch.rand(7, 5).add(0.1).tolist()]
    true = [_map(row) for row in torch.rand(7, 5).add(0.1).tolist()]
    whole, first, second = _task().meter(), _task().meter(), _task().meter()
    whole.update(found, true)
    first.update(found[:3], true[:3])
    second.update(found[3:], true[3:])
    first.merge([second])
    assert first.compute() == whole.compute()


def test_a_perfect_prediction_has_the_best_metrics() -> None:
    metrics = _measured(_map([1.0, 7.0]), _map([1.0, 0.0]))
    assert metrics == {"abs_rel": 0, "rmse": 0, "delta1": 1}
    assert _task().score(metrics) == 1


def test_without_a_measured_pixel_all_is_undefined() -> None:
    metrics = _measured(_map([1.0, 7.0]), _map([0.0, 0.0]))
    assert set(metrics.values()) == {None}
    assert _task().score(metrics) is None


def test_json_sums_the_map_up() -> None:
    found = _task().to_json(_map([1.0, 2.0, 6.0]))
    assert found == {"depth": {"min": 1.0, "mean": 3.0, "max": 6.0, "shape": [1, 3]}}


def test_export_gives_the_head_s_cells() -> None:
    raw = torch.randn(2, 1, 3, 4)
    depth = _task().export(raw, (3, 4))["depth"]
    torch.testing.assert_close(depth, 2 * raw[:, 0].exp())
    assert _task().export(raw, (12, 16))["depth"].shape == (2, 12, 16)


def test_agreement_is_the_share_of_pixels_within_a_hundredth() -> None:
    def said(*row: float) -> Prediction:
        return {"depth": NumberMap(torch.tensor([row]))}

    one, other = said(1.0, 2.0, 3.0, 100.0), said(1.009, 2.03, 3.0, 99.1)
    assert _task().agreement(one, other) == _task().agreement(other, one) == 0.75


def test_drawing_covers_the_picture_and_shows_the_truth() -> None:
    image = torch.full((3, 90, 120), 128, dtype=torch.uint8)
    near_far = torch.linspace(1, 10, 120).repeat(90, 1)
    said: Prediction = {"depth": NumberMap(near_far)}
    without = drawn_on(_task(), image, said, None)
    truth: Target = {"depth": NumberMap(near_far * (near_far > 5))}
    inset = drawn_on(_task(), image, said, truth)
    assert (without != image).any(dim=0).all()
    changed = (without != inset).any(dim=0)
    assert changed[60:, 80:].float().mean() > 0.9
    assert not changed[:40].any()
    # One depth everywhere is no division by nothing.
    assert drawn_on(_task(), image, _map(*[[2.0] * 120] * 90), None).shape == image.shape
