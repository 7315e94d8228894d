"""Segmentation: values worked by hand, and metrics against torchmetrics and scikit-learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pycocotools import mask as coco
from pydantic import ValidationError
from sklearn.metrics import jaccard_score
from torch import Tensor
from torchmetrics.classification import MulticlassJaccardIndex
from torchvision.tv_tensors import Mask

from mtcli.core.data.sample import each_tensor
from mtcli.core.labels import ClassMapLabel, LabelError
from mtcli.core.maps import IGNORED
from mtcli.core.ops.drawing import color_of
from mtcli.core.task import Prediction, Target
from mtcli.core.tasks.segmentation import Segmentation, SegmentationFacts, SegmentationOptions
from tests.conftest import DEVICE
from tests.drawn import drawn_on

NAMES = ("background", "cell", "nucleus")
Rows = list[list[int]]


def _task(
    classes: tuple[str, ...] = NAMES, counts: tuple[int, ...] = (), **options: Any
) -> Segmentation:
    facts = SegmentationFacts(classes=classes, counts=counts)
    return Segmentation(SegmentationOptions.model_validate(options), facts)


def _map(rows: Rows | Tensor) -> dict[str, Tensor]:
    """As target and as prediction alike."""
    return {"classes": Mask(torch.as_tensor(rows, dtype=torch.uint8))}


def _label(rows: Rows, names: tuple[str, ...] | None = None) -> ClassMapLabel:
    return ClassMapLabel(torch.tensor(rows), names)


def _read(task: Segmentation, label: ClassMapLabel) -> Rows:
    height, width = label.numbers.shape
    target = task.read(label, (height, width))
    assert target is not None
    assert isinstance(target["classes"], Mask)
    assert target["classes"].dtype == torch.uint8
    rows: Rows = target["classes"].tolist()
    return rows


def _losses(task: Segmentation, logits: Tensor, *targets: Target) -> dict[str, float]:
    size = (targets[0]["classes"].shape[0], targets[0]["classes"].shape[1])
    batch = each_tensor(task.collate(targets, size), lambda tensor: tensor.to(DEVICE))
    parts = task.loss(logits.to(DEVICE), batch, task.counts(batch))
    return {name: float(part) for name, part in parts.items()}


# What is learnt beforehand.


def test_classes_are_those_that_the_masks_name() -> None:
    task = Segmentation.prepare(SegmentationOptions(), [_label([[0]], NAMES)])
    assert task.facts.classes == NAMES


def test_classes_of_the_config_come_first() -> None:
    options = SegmentationOptions(classes=("b", "a"))
    task = Segmentation.prepare(options, [_label([[0]], ("a", "b"))])
    assert task.facts.classes == ("b", "a")


@pytest.mark.parametrize("values", [[], [_label([[0]])]], ids=["no mask", "no names"])
def test_without_names_from_anywhere_it_is_refused(values: list[ClassMapLabel]) -> None:
    with pytest.raises(LabelError, match="do not name their classes") as caught:
        Segmentation.prepare(SegmentationOptions(), values)
    assert caught.value.mend is not None
    assert "classes:" in caught.value.mend


def test_pixels_are_counted_where_classes_are_balanced_by_them() -> None:
    options = SegmentationOptions(class_weights="balanced", classes=NAMES)
    values = [_label([[0, 0, 1], [0, 255, 2]]), _label([[0, 0, 0]])]
    assert Segmentation.prepare(options, values).facts.counts == (6, 1, 1)
    # Named masks in another order; the first must not be lost on the way.
    options = SegmentationOptions(class_weights="balanced")
    named = [_label([[1, 0, 0]], NAMES), _label([[1, 1]], ("cell", "background", "nucleus"))]
    assert Segmentation.prepare(options, named).facts.counts == (4, 1, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"classes": ["a"]},
        {"classes": ["a", "a"]},
        {"classes": [str(n) for n in range(256)]},
        {"head": "fcos"},
        {"ignore": -1},
        {"dice": -1},
    ],
    ids=str,
)
def test_options_that_make_no_task_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SegmentationOptions.model_validate(wrong)


@pytest.mark.parametrize(("head", "levels"), [("fpn", 4), ("deeplab", 2)])
def test_the_head_says_which_levels_it_reads(head: str, levels: int) -> None:
    assert len(_task(head=head).levels) == levels


# Reading.


def test_numbers_count_the_task_s_own_classes() -> None:
    assert _read(_task(), _label([[0, 1], [2, 255]])) == [[0, 1], [2, 255]]


def test_names_say_what_numbers_mean() -> None:
    label = _label([[0, 1], [2, 255]], ("nucleus", "background", "cell"))
    assert _read(_task(), label) == [[2, 0], [1, 255]]


def test_another_number_may_be_the_ignored_one() -> None:
    assert _read(_task(ignore=0), _label([[0, 1], [2, 2]])) == [[255, 1], [2, 2]]
    assert _read(_task(ignore=17), _label([[17, 1]])) == [[255, 1]]


def test_a_number_beyond_the_classes_is_refused() -> None:
    for task, rows, found in (
        (_task(), [[0, 3]], "3"),
        (_task(ignore=None), [[0, 255]], "255"),
        (_task(ignore=7), [[7, 200]], "200"),
        (_task(), [[0, -1]], "-1"),
    ):
        with pytest.raises(LabelError, match="beyond the 3 classes") as caught:
            _read(task, _label(rows))
        assert caught.value.found == found


def test_a_class_that_is_not_known_is_an_error_with_a_near_miss() -> None:
    with pytest.raises(LabelError, match='class "nuclues" is not among') as caught:
        _read(_task(), _label([[1]], ("background", "nuclues")))
    assert caught.value.mend == "did you mean nucleus?"
    # One that no pixel shows is nobody's concern.
    assert _read(_task(), _label([[0]], ("background", "nuclues"))) == [[0]]


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(LabelError, match="another size") as caught:
        _task().read(_label([[0, 1]]), (2, 2))
    assert caught.value.found == "1 × 2, the picture 2 × 2"


def test_a_read_mask_is_a_copy() -> None:
    label = _label([[0, 1]])
    target = _task().read(label, (1, 2))
    assert target is not None
    target["classes"][0, 0] = 2
    assert label.numbers.tolist() == [[0, 1]]


def test_collate_notes_which_classes_each_picture_shows() -> None:
    batch = _task().collate([_map([[0, 2]]), _map([[255, 255]]), _map([[1, 1]])], (1, 2))
    assert batch.numbers.tolist() == [[[0, 2]], [[255, 255]], [[1, 1]]]
    assert batch.present.tolist() == [
        [True, False, True],
        [False, False, False],
        [False, True, False],
    ]


# The loss.


def test_even_logits_by_hand() -> None:
    found = _losses(_task(("a", "b")), torch.zeros(1, 2, 2, 2), _map([[0, 0], [0, 1]]))
    # Halves everywhere. Class 0: 2 · 1.5 / (2 + 3), class 1: 2 · 0.5 / (2 + 1).
    missed = [1 - 3 / 5, 1 - 1 / 3]
    assert found == pytest.approx({"cross_entropy": math.log(2), "dice": sum(missed) / 2})


def test_a_perfect_answer_has_no_loss() -> None:
    rows = torch.randint(0, 3, (8, 8))
    logits = 40.0 * F.one_hot(rows, 3).permute(2, 0, 1)[None].float()
    found = _losses(_task(), logits, _map(rows))
    assert found == pytest.approx({"cross_entropy": 0, "dice": 0}, abs=1e-5)


@pytest.mark.parametrize("weights", [None, (0.5, 3.0, 1.0)], ids=str)
def test_cross_entropy_is_torch_s(weights: tuple[float, ...] | None) -> None:
    rows = torch.randint(0, 3, (2, 6, 5))
    rows[0, :2] = IGNORED
    logits = torch.randn(2, 3, 6, 5)
    said = dict(zip(NAMES, weights, strict=True)) if weights else None
    found = _losses(_task(class_weights=said, dice=0), logits, *[_map(row) for row in rows])
    given = None if weights is None else torch.tensor(weights)
    expected = F.cross_entropy(logits, rows, given, ignore_index=IGNORED)
    assert found == {"cross_entropy": pytest.approx(float(expected), rel=1e-5)}


def test_balanced_classes_count_as_much_in_all() -> None:
    task = _task(("a", "b"), counts=(9, 1), class_weights="balanced")
    rows = torch.zeros(2, 5, dtype=torch.int64)
    rows[0, 0] = 1
    batch = task.collate([_map(rows)], (2, 5))
    assert float(task.counts(batch)["pixels"]) == pytest.approx(10)
    logits = torch.zeros(1, 2, 2, 5)
    logits[:, 1] = 2.0  # says b, which is wrong nine times of ten
    wrong, right = math.log(1 + math.exp(2)), math.log(1 + math.exp(-2))
    assert _losses(task, logits, _map(rows))["cross_entropy"] == pytest.approx((wrong + right) / 2)


def test_focal_plays_down_what_is_easy() -> None:
    logits = torch.tensor([math.log(3.0), 0.0]).reshape(1, 2, 1, 1)
    found = _losses(_task(("a", "b"), focal=2.0, dice=0), logits, _map([[0]]))
    assert found["cross_entropy"] == pytest.approx(-(1 / 16) * math.log(3 / 4))


def test_dice_weighs_what_the_config_says() -> None:
    logits, truth = torch.randn(1, 3, 4, 4), _map(torch.randint(0, 3, (4, 4)))
    once, twice = (_losses(_task(dice=dice), logits, truth)["dice"] for dice in (1.0, 2.0))
    assert twice == pytest.approx(2 * once)
    assert "dice" not in _losses(_task(dice=0), logits, truth)


def test_dice_is_a_plain_recomputation() -> None:
    rows = torch.randint(0, 3, (3, 5, 4))
    rows[1] = 0
    rows[2, :3] = IGNORED
    logits = torch.randn(3, 3, 5, 4)
    missed, shown = 0.0, 0
    for picture, true in zip(logits.softmax(dim=1), rows, strict=True):
        taught = true != IGNORED
        for number in range(3):
            of_class = (true == number)[taught].float()
            said = picture[number][taught]
            if of_class.any():
                missed += float(1 - 2 * (said * of_class).sum() / (said.sum() + of_class.sum()))
                shown += 1
    found = _losses(_task(), logits, *[_map(row) for row in rows])
    assert found["dice"] == pytest.approx(missed / shown, rel=1e-5)


def test_what_is_ignored_is_not_taught() -> None:
    task = _task()
    truth = _map([[0, 1, 2, 255], [255, 1, 0, 255]])
    logits = torch.randn(1, 3, 2, 4, requires_grad=True)
    batch = task.collate([truth], (2, 4))
    torch.stack(list(task.loss(logits, batch, task.counts(batch)).values())).sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    touched = (logits.grad[0] != 0).any(dim=0)
    assert touched.tolist() == (truth["classes"].as_subclass(Tensor) != IGNORED).tolist()


def test_a_picture_that_is_ignored_wholly_has_a_loss_of_0() -> None:
    truth = _map(torch.full((4, 4), IGNORED))
    assert _losses(_task(), torch.randn(1, 3, 4, 4), truth) == {"cross_entropy": 0, "dice": 0}


def test_coarse_logits_are_brought_to_the_map_s_size() -> None:
    logits = torch.randn(1, 3, 4, 6)
    truth = _map(torch.randint(0, 3, (16, 24)))
    fine = F.interpolate(logits, (16, 24), mode="bilinear", align_corners=False)
    assert _losses(_task(), logits, truth) == pytest.approx(_losses(_task(), fine, truth))


# Predictions and metrics.


def test_decode_says_the_most_probable_class_at_the_input_s_size() -> None:
    logits = torch.full((2, 3, 4, 6), -5.0)
    logits[0, 1] = 5
    logits[1, 2, :, :3] = 5
    logits[1, 0, :, 3:] = 5
    first, second = _task().decode(logits, (16, 24))
    assert isinstance(first["classes"], Mask)
    assert first["classes"].dtype == torch.uint8
    assert first["classes"].shape == (16, 24)
    assert (first["classes"] == 1).all()
    assert (second["classes"][:, :12] == 2).all()
    assert (second["classes"][:, 12:] == 0).all()


def test_metrics_by_hand() -> None:
    meter = _task().meter()
    meter.update([_map([[0, 1], [1, 1]])], [_map([[0, 0], [1, 255]])])
    assert meter.compute() == {
        "miou": pytest.approx((1 / 2 + 1 / 2) / 2),
        "dice": pytest.approx((2 / 3 + 2 / 3) / 2),
        "pixel_accuracy": pytest.approx(2 / 3),
    }
    assert meter.per_class()["nucleus"] == {"iou": None, "dice": None, "pixels": 0}
    assert meter.per_class()["background"]["pixels"] == 2
    classes, table = meter.confusion()
    assert classes == NAMES
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("seed", range(4))
def test_overlaps_are_those_of_torchmetrics_and_scikit_learn(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    true = torch.randint(0, 3, (3, 9, 7), generator=generator)
    found = torch.where(
        torch.rand(true.shape, generator=generator) < 0.6,
        true,
        torch.randint(0, 3, true.shape, generator=generator),
    )
    true[torch.rand(true.shape, generator=generator) < 0.1] = IGNORED
    meter = _task().meter()
    meter.update([_map(row) for row in found], [_map(row) for row in true])
    index = MulticlassJaccardIndex(3, ignore_index=IGNORED, validate_args=False)
    assert meter.compute()["miou"] == pytest.approx(float(index(found, true)), rel=1e-5)
    taught = true != IGNORED
    each = jaccard_score(true[taught].numpy(), found[taught].numpy(), average=None)
    overlaps = [values["iou"] for values in meter.per_class().values()]
    assert overlaps == pytest.approx(each.tolist())


def test_a_class_that_is_only_said_counts_against() -> None:
    meter = _task().meter()
    meter.update([_map([[0, 2]])], [_map([[0, 0]])])
    assert meter.compute()["miou"] == pytest.approx((1 / 2 + 0) / 2)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_json_holds_shares_and_masks_that_coco_s_tools_read() -> None:
    rows = torch.randint(0, 3, (7, 5))
    said = _task().to_json(_map(rows))["masks"]
    assert set(said) == set(NAMES)
    for number, name in enumerate(NAMES):
        run = said[name]["rle"]
        assert run["size"] == [7, 5]
        mask = coco.decode({**run, "counts": run["counts"].encode()})
        np.testing.assert_array_equal(mask, (rows == number).numpy())
        assert said[name]["share"] == pytest.approx(float((rows == number).float().mean()))


def test_export_gives_a_class_for_every_pixel() -> None:
    raw = torch.randn(2, 3, 4, 6)
    classes = _task().export(raw, (4, 6))["classes"]
    assert classes.dtype == torch.uint8
    assert torch.equal(classes, raw.argmax(dim=1).to(torch.uint8))
    assert _task().export(raw, (16, 24))["classes"].shape == (2, 16, 24)


def test_agreement_is_the_share_of_equal_pixels() -> None:
    one, other = (_map(torch.tensor([row])) for row in ([0, 1, 2, 1], [0, 1, 1, 1]))
    assert _task().agreement(one, other) == 0.75


@pytest.mark.parametrize(
    ("first", "clear"), [("background", True), ("Background", True), ("a", False)]
)
def test_a_background_is_left_clear(first: str, clear: bool) -> None:
    task = _task((first, "b"))
    image = torch.full((3, 64, 64), 100, dtype=torch.uint8)
    prediction: Prediction = _map(torch.zeros(64, 64))
    drawn = drawn_on(task, image, prediction, None)
    assert torch.equal(drawn, image) == clear


def test_classes_are_drawn_in_their_colours() -> None:
    image = torch.zeros(3, 96, 96, dtype=torch.uint8)
    rows = torch.zeros(96, 96, dtype=torch.uint8)
    rows[:48] = 2
    drawn = drawn_on(_task(), image, _map(rows), None)
    expected = (0.35 * torch.tensor(color_of(1))).round()
    assert drawn[:, 20, 80].tolist() == expected.tolist()
    assert drawn[:, 60, 80].tolist() == [0, 0, 0]
