"""Detection: values worked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torchvision.tv_tensors import BoundingBoxes, BoundingBoxFormat

from mtcli.core.features import FeatureSpec
from mtcli.core.heads import DETECTORS, LAYOUTS
from mtcli.core.heads.fcos import FcosRaw
from mtcli.core.labels import LabelError, Object, ObjectsLabel
from mtcli.core.ops.drawing import color_of
from mtcli.core.task import Prediction, Target, View
from mtcli.core.tasks.detection import Detection, DetectionFacts, DetectionOptions
from tests.drawn import drawn_on

SIZE = (48, 64)
WHOLE = View(torch.tensor([0.0, 0.0, 64.0, 48.0]))
Box = tuple[float, float, float, float]


def _task(*classes: str, **options: object) -> Detection:
    return Detection(DetectionOptions.model_validate(options), DetectionFacts(classes=classes))


def _label(*boxes: Box, name: str = "a", crowd: bool = False) -> ObjectsLabel:
    return ObjectsLabel(tuple(Object(name, box, crowd) for box in boxes))


def _bounding_boxes(boxes: Sequence[Box], size: tuple[int, int] = SIZE) -> BoundingBoxes:
    return BoundingBoxes(
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        format=BoundingBoxFormat.XYXY,
        canvas_size=size,
        clamping_mode=None,
    )


def _target(
    *boxes: Box,
    labels: Sequence[int] = (),
    crowd: Sequence[bool] = (),
    looked_for: Sequence[bool] = (True, True, True),
) -> Target:
    return {
        "boxes": _bounding_boxes(boxes),
        "labels": torch.tensor(list(labels) or [0] * len(boxes), dtype=torch.int64),
        "crowd": torch.tensor(list(crowd) or [False] * len(boxes), dtype=torch.bool),
        "looked_for": torch.tensor(looked_for),
    }


def _found(*boxes: Box, labels: Sequence[int] = (), scores: Sequence[float] = ()) -> Prediction:
    return {
        "boxes": _bounding_boxes(boxes),
        "labels": torch.tensor(list(labels) or [0] * len(boxes), dtype=torch.int64),
        "scores": torch.tensor(list(scores) or [0.9] * len(boxes), dtype=torch.float32),
    }


def _rows(target: Target | None) -> list[list[float]]:
    assert target is not None
    rows: list[list[float]] = target["boxes"].as_subclass(Tensor).tolist()
    return rows


def test_prepare_finds_the_classes_and_sorts_them() -> None:
    values = [_label((0, 0, 1, 1), name="wbc"), ObjectsLabel(()), _label((0, 0, 1, 1), name="rbc")]
    assert Detection.prepare(DetectionOptions(), values).facts.classes == ("rbc", "wbc")


def test_prepare_keeps_the_order_of_the_config() -> None:
    options = DetectionOptions(classes=("wbc", "rbc"))
    assert Detection.prepare(options, [ObjectsLabel(())]).facts.classes == ("wbc", "rbc")


def test_prepare_needs_a_box() -> None:
    with pytest.raises(LabelError, match="needs boxes to learn from"):
        Detection.prepare(DetectionOptions(), [ObjectsLabel(())])


@pytest.mark.parametrize("levels", [["p3", "p2"], ["p2", "p2"], [], ["p8"], ["c5"], ["p7", "p6"]])
def test_levels_stand_once_each_finest_first(levels: list[str]) -> None:
    with pytest.raises(ValidationError):
        DetectionOptions.model_validate({"levels": levels})


def test_the_head_reads_the_levels_of_its_options() -> None:
    assert _task("a").levels == ("p2", "p3", "p4", "p5")
    assert _task("a", levels=["p3", "p4"]).levels == ("p3", "p4")
    assert _task("a", levels=["p5", "p6", "p7"]).levels == ("p5", "p6", "p7")


@pytest.mark.parametrize("name", LAYOUTS.names())
def test_a_layout_is_that_of_the_head(name: str) -> None:
    head, layout = name.split("/")
    assert DetectionOptions.model_validate({"head": head}).detector is DETECTORS.get(head)
    options = DetectionOptions.model_validate({"head": head, "layout": layout})
    assert options.detector is LAYOUTS.get(name)
    assert issubclass(options.detector, DETECTORS.get(head))


def test_a_layout_that_the_head_has_not_is_refused() -> None:
    with pytest.raises(ValidationError, match="the layout mtcli or torchvision of the head fcos"):
        DetectionOptions.model_validate({"head": "fcos", "layout": "torchvision_v2"})


def test_a_published_layout_has_its_own_depth() -> None:
    with pytest.raises(ValidationError, match="no depth beside the layout torchvision"):
        DetectionOptions.model_validate({"layout": "torchvision", "depth": 4})
    assert DetectionOptions.model_validate({"layout": "mtcli", "depth": 4}).depth == 4


def test_a_published_layout_matches_where_its_head_looks() -> None:
    """Cells of stride 8, whose centres the layout says are their corners."""
    box: Box = (12.0, 12, 20, 20)
    own, other = (_task("a", levels=["p3"], layout=name) for name in ("mtcli", "torchvision"))
    cells = [task.collate([_target(box)], (32, 32)).cells.tolist() for task in (own, other)]
    # Its middle is (16, 16): the corner of cell (2, 2), and on the edge of the cells' centres.
    assert cells == [[], [10]]


def test_read_gives_boxes_labels_and_crowds() -> None:
    label = ObjectsLabel((Object("b", (1, 2, 30, 40)), Object("a", (5, 6, 7, 8), crowd=True)))
    target = _task("a", "b").read(label, SIZE)
    assert target is not None
    assert isinstance(target["boxes"], BoundingBoxes)
    assert target["boxes"].canvas_size == SIZE
    assert _rows(target) == [[1, 2, 30, 40], [5, 6, 7, 8]]
    assert target["labels"].tolist() == [1, 0]
    assert target["crowd"].tolist() == [False, True]


def test_nothing_there_is_an_empty_target_and_not_none() -> None:
    target = _task("a").read(ObjectsLabel(()), SIZE)
    assert target is not None
    assert target["boxes"].shape == (0, 4)
    assert target["labels"].dtype == torch.int64
    assert target["crowd"].dtype == torch.bool


def test_read_clips_at_the_border_and_drops_what_has_no_area() -> None:
    label = _label((-5, -5, 10, 10), (60, 40, 70, 50), (3, 3, 3, 9), (9, 9, 4, 4), (70, 0, 80, 9))
    assert _rows(_task("a").read(label, SIZE)) == [[0, 0, 10, 10], [60, 40, 64, 48]]


def test_what_read_mends_is_told() -> None:
    task = _task("a")
    assert task.remarks(_label((1, 1, 5, 5)), SIZE) == ()
    assert task.remarks(_label((3, 3, 3, 9)), SIZE) == ("box without area dropped",)
    assert task.remarks(_label((70, 0, 80, 9)), SIZE) == ("box outside the picture dropped",)
    assert task.remarks(_label((-5, 0, 8, 9), (0, 0, 64.5, 9)), SIZE) == (
        "box across the border clipped",
    )


def test_a_class_that_is_not_known_is_an_error_with_a_near_miss() -> None:
    with pytest.raises(LabelError) as caught:
        _task("circle", "square").read(_label((1, 1, 5, 5), name="sqare"), SIZE)
    assert caught.value.what == 'class "sqare" is not among the classes of the task'
    assert caught.value.mend == "did you mean square?"


@pytest.mark.parametrize(
    ("box", "left"),
    [
        pytest.param((10, 10, 20, 20), [10, 10, 20, 20], id="inside"),
        pytest.param((-10, 10, 10, 30), [0, 10, 10, 30], id="half"),
        pytest.param((-18, 10, 2, 30), [0, 10, 2, 30], id="a tenth"),
        pytest.param((-18.2, 10, 1.8, 30), None, id="under a tenth"),
        pytest.param((-1, 10, 0.9, 30), None, id="half of it, under a pixel wide"),
        pytest.param((-1, 10, 1, 30), [0, 10, 1, 30], id="half of it, a pixel wide"),
        pytest.param((-30, 10, -10, 30), None, id="outside"),
        pytest.param((54, 38, 74, 58), [54, 38, 64, 48], id="lower right corner"),
    ],
)
def test_clean_keeps_what_is_still_seen(box: Box, left: list[float] | None) -> None:
    target = _target(box, (30, 30, 40, 40), labels=(1, 2), crowd=(True, False))
    cleaned = _task("a", "b", "c").clean(target, WHOLE)
    assert cleaned is not None
    assert _rows(cleaned) == ([] if left is None else [left]) + [[30, 30, 40, 40]]
    assert cleaned["labels"].tolist() == ([] if left is None else [1]) + [2]
    assert cleaned["crowd"].tolist() == ([] if left is None else [True]) + [False]


def test_a_picture_whose_boxes_all_left_is_labelled_and_empty() -> None:
    cleaned = _task("a").clean(_target((-30, 10, -10, 30)), WHOLE)
    assert cleaned is not None
    assert cleaned["boxes"].shape == (0, 4)


def test_a_crowd_is_not_taught() -> None:
    task = _task("a", "b")
    both = _target((0, 0, 8, 8), (16, 16, 32, 32), labels=(0, 1), crowd=(False, True))
    batch = task.collate([both], (64, 64))
    assert set(batch.labels.tolist()) == {0}
    alone = task.collate([_target((0, 0, 8, 8))], (64, 64))
    assert torch.equal(batch.cells, alone.cells)


def test_collate_matches_the_cells_of_the_head() -> None:
    """Where the head has its strides from the maps, the task has them from the levels' names."""
    task = _task("a", levels=["p3", "p5"])
    head = task.head({"p3": FeatureSpec(8, 8), "p5": FeatureSpec(8, 32)})
    raw = head({"p3": torch.randn(1, 8, 8, 8), "p5": torch.randn(1, 8, 2, 2)})
    batch = task.collate([_target((0, 0, 64, 64))], (64, 64))
    assert raw.logits.shape[1] == 64 + 4
    assert batch.cells.tolist() == [27, 28, 35, 36]


def _raw(boxes: Sequence[Box], logits: Sequence[Sequence[float]]) -> FcosRaw:
    return FcosRaw(torch.tensor([logits]), torch.tensor([boxes]), torch.full((1, len(boxes)), 30.0))


def test_decode_gives_boxes_in_input_pixels() -> None:
    boxes: list[Box] = [(0.0, 0, 10, 10), (20, 20, 70, 40)]
    [found] = _task("a", "b").decode(_raw(boxes, [[0.0, -30.0], [-30.0, 2.0]]), (32, 64))
    assert isinstance(found["boxes"], BoundingBoxes)
    assert found["boxes"].canvas_size == (32, 64)
    assert _rows(found) == [[20, 20, 64, 32], [0, 0, 10, 10]]
    assert found["labels"].tolist() == [1, 0]


def test_decode_heeds_threshold_overlap_and_limit_of_the_options() -> None:
    boxes: list[Box] = [(0.0, 0, 10, 10), (0, 0, 10, 9), (20, 20, 30, 30)]
    raw = _raw(boxes, [[3.0], [2.0], [0.0]])
    size = (32, 32)
    assert len(_task("a").decode(raw, size)[0]["scores"]) == 2
    assert len(_task("a", nms=0.95).decode(raw, size)[0]["scores"]) == 3
    assert len(_task("a", threshold=0.8).decode(raw, size)[0]["scores"]) == 1
    assert len(_task("a", limit=1).decode(raw, size)[0]["scores"]) == 1


def test_only_what_is_rather_sure_is_drawn() -> None:
    task, image = _task("a"), torch.zeros(3, *SIZE, dtype=torch.uint8)
    unsure = drawn_on(task, image, _found((5, 20, 40, 40), scores=(0.49,)), None)
    assert torch.equal(unsure, image)
    sure = drawn_on(task, image, _found((5, 20, 40, 40), scores=(0.5,)), None)
    assert tuple(sure[:, 39, 20].tolist()) == color_of(0)


def test_the_truth_is_drawn_in_white() -> None:
    image = torch.zeros(3, *SIZE, dtype=torch.uint8)
    drawn = drawn_on(_task("a"), image, _found(), _target((5, 20, 40, 40)))
    for x, y in ((5, 20), (39, 39), (5, 39), (39, 20)):
        assert drawn[:, y, x].tolist() == [255, 255, 255]
    assert drawn[:, 30, 20].tolist() == [0, 0, 0]


def test_json_names_the_classes() -> None:
    said: dict[str, Any] = _task("a", "b").to_json(
        _found((1, 2, 3, 4), (5, 6, 7, 8), labels=(1, 0), scores=(0.75, 0.5))
    )
    assert said == {
        "objects": [
            {"class": "b", "score": 0.75, "box": [1, 2, 3, 4]},
            {"class": "a", "score": 0.5, "box": [5, 6, 7, 8]},
        ]
    }


def test_what_is_exported_undecoded_are_scores_and_boxes_of_every_place() -> None:
    boxes: list[Box] = [(0.0, 0, 10, 10), (20, 20, 40, 40)]
    raw = _raw(boxes, [[0.0], [2.0]])
    tensors = _task("a").export_raw(raw)
    assert tensors["scores"].shape == (1, 2, 1)
    assert tensors["boxes"].tolist() == [[list(box) for box in boxes]]
    [found] = _task("a").decode_raw(tensors, SIZE)
    assert found["scores"].tolist() == tensors["scores"].flatten().flip(0).tolist()


def test_agreement_is_the_share_of_boxes_that_both_have() -> None:
    def said(*found: tuple[Box, float, int]) -> Prediction:
        boxes, scores, labels = zip(*found, strict=True) if found else ((), (), ())
        return {
            "boxes": _bounding_boxes(boxes),
            "scores": torch.tensor(scores),
            "labels": torch.tensor(labels, dtype=torch.int64),
        }

    task, box, far = _task("a", "b"), (0.0, 0.0, 10.0, 10.0), (20.0, 20.0, 30.0, 30.0)
    one = said((box, 0.9, 0), (far, 0.8, 1), (far, 0.1, 0))
    assert task.agreement(one, one) == 1.0
    # One box is a little smaller, the other of another class: 2 of 4.
    other = said(((0.0, 0.0, 10.0, 9.1), 0.7, 0), (far, 0.8, 0))
    assert task.agreement(one, other) == task.agreement(other, one) == 0.5
    assert task.agreement(one, said(((0.0, 0.0, 10.0, 8.9), 0.7, 0))) == 0.0
    assert task.agreement(one, said()) == 0.0
    # What no person is shown does not count.
    assert task.agreement(said(), said((box, 0.4, 0))) == 1.0
