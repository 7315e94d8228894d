"""Detectors as torchvision publishes them: what they share with ours, and that they learn.

That weights fit and answer as in torchvision is held by `tests/core/test_published.py`.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtcli.core.data.sample import each_tensor
from mtcli.core.features import FeatureSpec
from mtcli.core.heads import LAYOUTS, layouts_of
from mtcli.core.heads.detector import Detector, Truth
from mtcli.core.heads.faster_rcnn import FasterRcnnHead
from mtcli.core.heads.retinanet import anchors_of
from mtcli.core.ops.boxes import cell_centers
from tests.conftest import DEVICE

LEVELS, STRIDES, CHANNELS, CLASSES = ("p3", "p4"), (8, 16), 32, 2
SPECS = {level: FeatureSpec(CHANNELS, s) for level, s in zip(LEVELS, STRIDES, strict=True)}
SIZE = (64, 96)
BOXES = torch.tensor([[8.0, 8, 40, 40], [50, 10, 90, 30]])
LABELS = torch.tensor([1, 0])


def _detector(name: str, dropout: float = 0.0) -> Detector:
    sort = LAYOUTS.get(name)
    return sort(CLASSES, LEVELS, sort.depth, dropout)


def _features(pictures: int = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(5)
    return {
        level: torch.randn(
            pictures, CHANNELS, *(side // spec.stride for side in SIZE), generator=generator
        ).to(DEVICE)
        for level, spec in SPECS.items()
    }


def _batch(detector: Detector) -> Any:
    everything = torch.ones(CLASSES, dtype=torch.bool)
    nothing = Truth(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), everything)
    batch = detector.collate([Truth(BOXES, LABELS, everything), nothing], SIZE)
    return each_tensor(batch, lambda tensor: tensor.to(DEVICE))


def test_our_own_layout_comes_first_and_a_head_without_others_has_it_alone() -> None:
    assert list(layouts_of("fcos")) == ["mtcli", "torchvision"]
    assert list(layouts_of("retinanet")) == ["mtcli", "torchvision", "torchvision_v2"]
    assert list(layouts_of("faster_rcnn")) == ["mtcli", "torchvision", "torchvision_v2"]


@pytest.mark.parametrize("name", LAYOUTS.names())
def test_a_published_head_learns_the_boxes_of_a_picture(name: str) -> None:
    torch.manual_seed(3)
    detector = _detector(name)
    head = detector.layers(SPECS).to(DEVICE).train()
    features, batch = _features(), _batch(detector)
    counts = detector.counts(batch)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
    losses = []
    for _ in range(12):
        parts = detector.loss(head(features, batch), batch, counts)
        total = torch.stack(list(parts.values())).sum()
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(total.detach()))
    assert all(parameter.grad is not None for parameter in head.parameters())
    assert losses[-1] < 0.8 * losses[0]
    with torch.no_grad():
        scores, boxes = detector.scored(head.eval()(features))
    assert scores.isfinite().all()
    assert boxes.isfinite().all()
    assert scores.shape[2] == CLASSES


def test_fcos_looks_from_the_corners_of_cells() -> None:
    head = _detector("fcos/torchvision").layers(SPECS).to(DEVICE)
    last = head.regression_head.bbox_reg  # type: ignore[union-attr]
    nn.init.zeros_(last.weight)  # type: ignore[union-attr, arg-type]
    with torch.no_grad():
        last.bias.copy_(torch.tensor([1.0, 2, 3, -4]))  # type: ignore[union-attr, operator]
    boxes = head(_features(1)).boxes[0].detach().cpu()
    points = torch.cat([cell_centers(8, 12, 8, None, 0.0), cell_centers(4, 6, 16, None, 0.0)])
    assert points[:3].tolist() == [[0, 0], [8, 0], [16, 0]]
    steps = torch.tensor([8.0] * 96 + [16.0] * 24)[:, None]
    # Distances in strides; none is below 0.
    expected = torch.cat([points - steps * torch.tensor([1.0, 2]), points], dim=1)
    expected[:, 2] += 3 * steps[:, 0]
    torch.testing.assert_close(boxes, expected)


def test_retinanet_s_anchors_lie_about_the_corners_of_cells() -> None:
    detector = _detector("retinanet/torchvision")
    raw = detector.layers(SPECS).to(DEVICE)(_features(1))
    anchors = raw.anchors.cpu()
    assert torch.equal(anchors, anchors_of(STRIDES, SIZE, 0.0))
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2
    assert centers[[0, 9, 9 * 12]].tolist() == [[0, 0], [8, 0], [0, 8]]
    # An anchor itself is a box that it is taught without a move.
    own = anchors[9 * 12 * 4 + 9 * 5][None]
    truth = Truth(own, torch.tensor([0]), torch.ones(CLASSES, dtype=torch.bool))
    batch = detector.collate([truth], SIZE)
    place = batch.places.tolist().index(9 * 12 * 4 + 9 * 5)
    assert batch.deltas[place].tolist() == [0, 0, 0, 0]


def test_faster_rcnn_keeps_as_many_proposals_as_torchvision() -> None:
    head = _detector("faster_rcnn/torchvision").layers(SPECS)
    assert isinstance(head, FasterRcnnHead)
    numbers = []
    for taught in (True, False):
        head.rpn.training = taught
        numbers.append((head.rpn.pre_nms_top_n(), head.rpn.post_nms_top_n()))
    assert numbers == [(2000, 2000), (1000, 1000)]
    assert head.roi_heads.fg_bg_sampler.batch_size_per_image == 512


@pytest.mark.parametrize("name", ["fcos/torchvision", "retinanet/torchvision_v2"])
def test_dropout_works_in_training_alone_and_has_no_tensor(name: str) -> None:
    head = _detector(name, dropout=0.5).layers(SPECS).to(DEVICE).train()
    without = _detector(name).layers(SPECS).state_dict()
    assert list(head.state_dict()) == list(without)
    features = _features()
    with torch.no_grad():
        assert not torch.equal(head(features).logits, head(features).logits)
        head.eval()
        assert torch.equal(head(features).logits, head(features).logits)


@pytest.mark.parametrize("name", LAYOUTS.names())
def test_a_pyramid_too_narrow_for_32_groups_is_answered(name: str) -> None:
    narrow = {level: FeatureSpec(12, spec.stride) for level, spec in SPECS.items()}
    head = _detector(name).layers(narrow).to(DEVICE).eval()
    with torch.no_grad():
        raw = head({level: feature[:, :12] for level, feature in _features().items()})
    scores, _ = _detector(name).scored(raw)
    assert scores.isfinite().all()


@pytest.mark.parametrize("name", ["fcos/torchvision", "retinanet/torchvision"])
def test_boxes_are_exact_in_half_precision(name: str) -> None:
    detector = _detector(name)
    head = detector.layers(SPECS).to(DEVICE)
    with torch.autocast(DEVICE.type, torch.bfloat16), torch.no_grad():
        _, boxes = detector.scored(head(_features()))
    assert boxes.dtype == torch.float32
