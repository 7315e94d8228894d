"""Keypoints: values worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torchvision.transforms import v2
from torchvision.tv_tensors import BoundingBoxes

from mtcli.core.data.geometry import resize_rule
from mtcli.core.labels import LabelError, Point, PointsLabel
from mtcli.core.ops.boxes import as_boxes
from mtcli.core.ops.heatmaps import peaks
from mtcli.core.task import Prediction, Target, View
from mtcli.core.tasks.keypoints import Keypoints, KeypointsFacts, KeypointsOptions
from tests.conftest import DEVICE
from tests.drawn import drawn_on

SIZE = (60, 80)
NAMES = ("left eye", "right eye", "nose")


def _task(*names: str, **options: object) -> Keypoints:
    facts = KeypointsFacts(points=names or NAMES)
    return Keypoints(KeypointsOptions.model_validate(options), facts)


def _label(*places: tuple[float, float] | None, names: tuple[str, ...] = NAMES) -> PointsLabel:
    return PointsLabel(names, tuple(place and Point(*place) for place in places))


def _target(*places: tuple[float, float] | None, size: tuple[int, int] = SIZE) -> Target:
    target = _task(*(str(n) for n in range(len(places)))).read(
        _label(*places, names=tuple(str(n) for n in range(len(places)))), size
    )
    assert target is not None
    return target


def _said(*places: tuple[float, float]) -> Prediction:
    points = torch.tensor(places).repeat(1, 2)
    return {"points": as_boxes(points, SIZE), "scores": torch.ones(len(places))}


def _view(x1: float, y1: float, x2: float, y2: float, mirrored: bool = False) -> View:
    return View(torch.tensor([x1, y1, x2, y2]), mirrored)


def _heat(places: Tensor, size: tuple[int, int], sigma: float = 2.0) -> Tensor:
    """Logarithms `[1, K, h, w]` of Gaussians around places `[K, 2]` in cells."""
    y, x = torch.meshgrid(*(torch.arange(side) + 0.5 for side in size), indexing="ij")
    squares = (x - places[:, 0, None, None]) ** 2 + (y - places[:, 1, None, None]) ** 2
    return (-squares / (2 * sigma**2))[None]


def _losses(task: Keypoints, raw: Tensor, *targets: Target) -> Tensor:
    batch = task.collate(targets, SIZE)
    batch = type(batch)(batch.places.to(DEVICE), batch.known.to(DEVICE))
    return task.loss(raw.to(DEVICE), batch, task.counts(batch))["heatmap"]


def test_prepare_takes_the_names_in_the_labels_order() -> None:
    labels = [_label(None, (1, 2), names=("b", "a")), _label((1, 2), (1, 2), names=("c", "a"))]
    assert Keypoints.prepare(KeypointsOptions(), labels).facts.points == ("b", "a", "c")


def test_prepare_keeps_those_of_the_config() -> None:
    task = Keypoints.prepare(KeypointsOptions(points=("nose", "left eye")), [_label(*[None] * 3)])
    assert task.facts.points == ("nose", "left eye")
    target = task.read(_label((1, 2), (3, 4), (5, 6)), SIZE)
    assert target is not None
    assert target["points"].tolist() == [[5, 6, 5, 6], [1, 2, 1, 2]]


def test_prepare_knows_a_name_that_no_label_has() -> None:
    with pytest.raises(LabelError) as caught:
        Keypoints.prepare(KeypointsOptions(points=("nsoe",)), [_label(*[None] * 3)])
    assert caught.value.what == 'the point "nsoe" is not among the points'
    assert caught.value.mend == "did you mean nose?"
    with pytest.raises(LabelError, match="need points"):
        Keypoints.prepare(KeypointsOptions(), [])


def test_an_unknown_point_of_a_label_is_an_error() -> None:
    with pytest.raises(LabelError) as caught:
        _task("nose").read(_label((1, 2), names=("nsoe",)), SIZE)
    assert caught.value.mend == "did you mean nose?"


def test_missing_hidden_and_visible() -> None:
    label = PointsLabel(NAMES, (None, Point(3, 4.5, visible=False), Point(80, 0)))
    target = _task().read(label, SIZE)
    assert target is not None
    assert target["visibility"].tolist() == [0, 1, 2]
    assert target["points"].tolist() == [[0, 0, 0, 0], [3, 4.5, 3, 4.5], [80, 0, 80, 0]]
    assert _task().read(_label(None, None, None), SIZE) is None


def test_shares_become_pixels() -> None:
    target = _task("a").read(PointsLabel(("a",), (Point(0.5, 0.25),), relative=True), SIZE)
    assert target is not None
    assert target["points"].tolist() == [[40, 15, 40, 15]]


def test_slightly_outside_is_missing_and_said() -> None:
    label = _label((-1, 5), (5, 61), (5, 5))
    target = _task().read(label, SIZE)
    assert target is not None
    assert target["visibility"].tolist() == [0, 0, 2]
    assert _task().remarks(label, SIZE) == ("point outside the picture left out",) * 2


@pytest.mark.parametrize(
    "place", [(161, 5), (-81, 5), (5, 121), (5, -61), (math.nan, 5), (5, math.inf)], ids=str
)
def test_far_outside_is_an_error(place: tuple[float, float]) -> None:
    with pytest.raises(LabelError, match='point "nose" is far outside'):
        _task().read(_label(None, None, place), SIZE)


def test_swaps_must_be_pairs_of_the_task_s_points() -> None:
    with pytest.raises(LabelError, match='"mouth" is not among'):
        _task(swaps=[["nose", "mouth"]])
    with pytest.raises(ValidationError, match="stands twice"):
        KeypointsOptions(swaps=(("a", "b"), ("b", "c")))
    with pytest.raises(ValidationError, match="stands twice"):
        KeypointsOptions(swaps=(("a", "a"),))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1, 0, 2]),
        ({"swaps": []}, [0, 1, 2]),
        ({"swaps": [["nose", "left eye"]]}, [2, 1, 0]),
    ],
    ids=["by name", "none", "said"],
)
def test_a_mirror_swaps_names(options: dict[str, object], expected: list[int]) -> None:
    target = {"points": as_boxes([[n, 1, n, 1] for n in range(3)], SIZE)}
    target["visibility"] = torch.tensor([2, 0, 1])
    whole = (0.0, 0.0, 80.0, 60.0)
    task = _task(**options)
    assert task.clean(target, _view(*whole)) is not None
    cleaned = task.clean(target, _view(*whole, mirrored=True))
    assert cleaned is not None
    assert cleaned["points"][:, 0].tolist() == expected
    assert cleaned["visibility"].tolist() == target["visibility"][expected].tolist()
    again = task.clean(cleaned, _view(*whole, mirrored=True))
    assert again is not None
    assert torch.equal(again["points"], target["points"])


@pytest.mark.parametrize(
    "pair",
    [
        ("left_eye", "right_eye"),
        ("LeftEye", "RightEye"),
        ("L_ear", "R_ear"),
        ("foot.l", "foot.r"),
        ("LEFT", "RIGHT"),
    ],
)
def test_names_tell_their_side(pair: tuple[str, str]) -> None:
    task = Keypoints(KeypointsOptions(), KeypointsFacts(points=("nose", *pair, "tail")))
    points = as_boxes([[n, 1, n, 1] for n in range(4)], SIZE)
    target = {"points": points, "visibility": torch.tensor([2, 2, 2, 2])}
    cleaned = task.clean(target, _view(0, 0, 80, 60, mirrored=True))
    assert cleaned is not None
    assert cleaned["points"][:, 0].tolist() == [0, 2, 1, 3]


def test_labels_may_say_what_changes_places() -> None:
    points = (Point(1, 1), Point(2, 2), Point(3, 3))
    label = PointsLabel(("a", "b", "c"), points, swaps=(("a", "c"),))
    assert Keypoints.prepare(KeypointsOptions(), [label]).facts.swaps == (("a", "c"),)
    assert Keypoints.prepare(KeypointsOptions(points=("a", "b")), [label]).facts.swaps == ()


def test_a_flip_takes_points_to_where_the_picture_goes() -> None:
    target = _target((20.5, 10.5), None, (0, 60))
    flipped = v2.RandomHorizontalFlip(p=1)(target)
    # The centre of pixel 20 becomes that of pixel 59 of 80.
    assert flipped["points"][:, :2].tolist() == [[59.5, 10.5], [80, 0], [80, 60]]


def test_what_left_the_frame_is_missing() -> None:
    target = _target((10, 10), (30, 30), (20, 5))
    cleaned = _task().clean(target, _view(10, 8, 25, 50))
    assert cleaned is not None
    assert cleaned["visibility"].tolist() == [2, 0, 0]
    assert isinstance(cleaned["points"], BoundingBoxes)
    assert _task().clean(target, _view(50, 50, 60, 60)) is None


def test_the_map_it_asks_for_costs_nothing() -> None:
    # Stride 4: pixel 10, 6 is cell 2.5, 1.5.
    target = _target((10, 6))
    assert float(_losses(_task("a"), _heat(torch.tensor([[2.5, 1.5]]), (15, 20)), target)) < 1e-5
    aside = _heat(torch.tensor([[4.5, 1.5]]), (15, 20))
    assert float(_losses(_task("a"), aside, target)) > 0.1


def test_loss_by_hand() -> None:
    # So narrow a Gaussian in the middle of a cell is all in this cell: -log of its share.
    raw = torch.zeros(1, 1, 15, 20)
    raw[0, 0, 1, 2] = math.log(301.0)
    task = _task("a", sigma=0.1)
    assert float(_losses(task, raw, _target((10, 6)))) == pytest.approx(
        -math.log(301 / 600), abs=1e-5
    )
    # Two cells share a point between them: ln 2, less the target's own entropy of ln 2.
    raw[0, 0, 1, 3] = math.log(301.0)
    assert float(_losses(task, raw, _target((12, 6)))) == pytest.approx(
        -math.log(301 / 900) - math.log(2), abs=1e-5
    )


def test_hidden_points_are_taught_and_missing_ones_are_not() -> None:
    task = _task()
    hidden = task.read(PointsLabel(NAMES, (Point(9, 9), Point(9, 9, visible=False), None)), SIZE)
    assert hidden is not None
    raw = torch.randn(1, 3, 15, 20, requires_grad=True)
    _losses(task, raw, hidden).backward()  # type: ignore[no-untyped-call]
    assert raw.grad is not None
    assert [bool(own.any()) for own in raw.grad[0]] == [True, True, False]


def test_points_are_counted() -> None:
    task = _task()
    batch = task.collate([_target((1, 1), None, (2, 2)), _target(None, (3, 3), None)], SIZE)
    assert float(task.counts(batch)["points"]) == 3
    raw = torch.randn(2, 3, 15, 20)
    own = task.loss(raw, batch, task.counts(batch))["heatmap"]
    part = task.loss(raw, batch, {"points": torch.tensor(6.0)})["heatmap"]
    assert float(part) == pytest.approx(float(own) / 2)


def test_half_precision_is_enough_for_the_answers() -> None:
    raw = torch.full((1, 1, 15, 20), -6e4, dtype=torch.float16)
    raw[..., 3, 4] = 6e4
    loss = _losses(_task("a"), raw, _target((70, 50)))
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    (found,) = _task("a").decode(raw, SIZE)
    assert found["points"].tolist() == [[18, 14, 18, 14]]


every_radius = pytest.mark.parametrize("radius", [1, 2, 3])


@every_radius
@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_peaks_are_found_between_cells(sigma: float, radius: int) -> None:
    """Everywhere, at the border too: the logarithm of a Gaussian is a parabola."""
    places = torch.rand(500, 2) * torch.tensor([20.0, 15.0])
    found = peaks(_heat(places, (15, 20), sigma).to(DEVICE), radius)[0].to("cpu")
    torch.testing.assert_close(found, places, rtol=0, atol=2e-3)


@every_radius
def test_a_slanting_hill_has_its_peak_where_it_is(radius: int) -> None:
    y, x = torch.meshgrid(torch.arange(15) + 0.5, torch.arange(20) + 0.5, indexing="ij")
    x, y = x - 9.3, y - 6.7
    found = peaks(-(x**2 + y**2 + 1.2 * x * y)[None, None], radius)
    assert found.flatten().tolist() == pytest.approx([9.3, 6.7], abs=1e-3)


def test_more_cells_bear_more_noise() -> None:
    places = 3 + torch.rand(400, 2) * torch.tensor([14.0, 9.0])
    noisy = _heat(places, (15, 20)) + 0.02 * torch.randn(1, 400, 15, 20)
    errors = [float((peaks(noisy, radius)[0] - places).norm(dim=1).mean()) for radius in (1, 2)]
    assert errors[1] < 0.5 * errors[0]
    assert errors[1] < 0.1


@every_radius
@pytest.mark.parametrize("kind", ["flat", "slope", "one cell", "ridge", "noise"])
def test_a_peak_stays_by_its_cell(kind: str, radius: int) -> None:
    raw = torch.zeros(1, 1, 8, 9)
    if kind == "slope":
        raw += 7 * torch.arange(9) + 1000
    elif kind == "one cell":
        raw[..., 4, 5] = 50
    elif kind == "ridge":
        raw[..., 4, :] = torch.arange(9).float()
    elif kind == "noise":
        raw = torch.randn(200, 3, 8, 9) * 10
    found = peaks(raw, radius)
    highest = raw.flatten(2).argmax(dim=2)
    centre = torch.stack([highest % 9, highest // 9], dim=2) + 0.5
    assert ((found - centre).abs() <= 1).all()
    assert (found >= 0).all()
    assert (found <= torch.tensor([9, 8])).all()
    if kind in ("flat", "slope", "one cell"):
        torch.testing.assert_close(found, centre)


def test_decode_answers_in_input_pixels_with_a_score() -> None:
    task = _task("sure", "torn", "blank")
    raw = _heat(torch.tensor([[5.3, 7.8], [3.0, 3.0], [9.0, 9.0]]), (15, 20))
    raw[:, 1] = raw[:, 1].exp().add(_heat(torch.tensor([[16.0, 11.9]]), (15, 20))[0].exp()).log()
    raw[:, 2] = 0
    (found,) = task.decode(raw.to(DEVICE), SIZE)
    points = found["points"].to("cpu")
    assert isinstance(points, BoundingBoxes)
    assert points.canvas_size == SIZE
    assert torch.equal(points[:, :2], points[:, 2:])
    assert points[0, :2].tolist() == pytest.approx([21.2, 31.2], abs=0.4)
    sure, torn, blank = found["scores"].tolist()
    assert sure > 0.98
    assert torn == pytest.approx(0.5, abs=0.1)
    assert blank < 0.2


def test_predictions_go_back_to_the_picture() -> None:
    resize = resize_rule("letterbox", (30, 80), (64, 64))
    target = resize.apply(_target((8, 4), size=(30, 80)))
    raw = _heat(target["points"].as_subclass(Tensor)[:, :2] / 4, (16, 16))
    (found,) = _task("a").decode(raw, (64, 64))
    assert resize.undo(found)["points"].tolist()[0] == pytest.approx([8, 4, 8, 4], abs=0.1)


def test_metrics_by_hand() -> None:
    # The picture's diagonal is 100: 5 pixels are near enough.
    meter = _task().meter()
    meter.update(
        [_said((13, 14), (50, 0), (40, 40)), _said((0, 0), (0, 0), (10, 16))],
        [_target((10, 10), None, (40, 40)), _target(None, None, (10, 10))],
    )
    assert meter.compute() == {
        "pck": pytest.approx(2 / 3),
        "error": pytest.approx((5 + 0 + 6) / 3),
    }
    assert meter.per_class() == {
        "left eye": {"pck": 1.0, "error": 5.0, "labelled": 1},
        "right eye": {"pck": None, "error": None, "labelled": 0},
        "nose": {"pck": 0.5, "error": 3.0, "labelled": 2},
    }


def test_perfect_predictions_have_the_best_metrics() -> None:
    meter = _task().meter()
    meter.update([_said((1, 2), (9, 9), (5, 6))], [_target((1, 2), None, (5, 6))])
    assert meter.compute() == {"pck": 1, "error": 0}
    assert _task().score(meter.compute()) == 1


def test_an_empty_meter_is_undefined() -> None:
    meter = _task().meter()
    meter.update([], [])
    assert set(meter.compute().values()) == {None}
    assert meter.per_class()["nose"] == {"pck": None, "error": None, "labelled": 0}


def test_sure_points_and_known_ones_are_drawn() -> None:
    image = torch.zeros(3, *SIZE, dtype=torch.uint8)
    said = _said((10, 30), (40, 30), (70, 30))
    said["scores"] = torch.tensor([0.9, 0.1, 0.1])
    drawn = drawn_on(_task("a", "b", "c"), image, said, None)
    assert drawn[:, 28:33, 8:13].any()
    assert not drawn[:, :, 36:].any()
    both = drawn_on(_task("a", "b", "c"), image, said, _target(None, (40, 30), None))
    assert both[:, 22:38, 32:48].any()
    assert not both[:, :, 60:].any()


def test_json_names_the_points() -> None:
    assert _task("a", "b").to_json(_said((1, 2), (3, 4))) == {
        "points": [
            {"name": "a", "x": 1.0, "y": 2.0, "score": 1.0},
            {"name": "b", "x": 3.0, "y": 4.0, "score": 1.0},
        ]
    }


def test_export_gives_what_decode_says() -> None:
    task, raw = _task("a", "b"), torch.randn(3, 2, 15, 20)
    found = task.export(raw, SIZE)
    for row, prediction in enumerate(task.decode(raw, SIZE)):
        assert torch.equal(found["points"][row], prediction["points"].as_subclass(Tensor)[:, :2])
        assert torch.equal(found["scores"][row], prediction["scores"])


def test_agreement_is_of_points_that_either_is_sure_of() -> None:
    def said(*points: tuple[float, float, float]) -> Prediction:
        places = torch.tensor([(x, y, x, y) for x, y, _ in points], dtype=torch.float32)
        return {
            "points": as_boxes(places, (300, 400)),
            "scores": torch.tensor([score for _, _, score in points]),
        }

    task = _task("a", "b", "c")
    one = said((10, 10, 0.9), (50, 50, 0.1), (90, 90, 0.1))
    # A hundredth of the diagonal is 5 pixels.
    other = said((13, 14, 0.2), (50, 56, 0.8), (9, 9, 0.1))
    assert task.agreement(one, other) == task.agreement(other, one) == 0.5
    assert task.agreement(said(*[(1, 1, 0.1)] * 3), said(*[(99, 9, 0.1)] * 3)) == 1.0
