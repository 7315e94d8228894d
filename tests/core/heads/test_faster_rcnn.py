"""Faster R-CNN: the same as torchvision's own pipeline on the same weights."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from mtcli.core.features import FeatureSpec
from mtcli.core.heads import faster_rcnn
from mtcli.core.heads.detector import Truth
from mtcli.core.heads.faster_rcnn import FasterRcnn, FasterRcnnHead, RcnnBatch
from mtcli.core.ops.suppression import detections
from tests.conftest import DEVICE

LEVELS, STRIDES, CHANNELS, CLASSES = ("p3", "p4"), (8, 16), 8, 3
SIZE, PICTURES = (64, 96), 2
DETECTOR = FasterRcnn(CLASSES, LEVELS, depth=1, dropout=0.0)
BOXES = (torch.tensor([[8.0, 8, 40, 40], [50, 10, 90, 30]]), torch.tensor([[0.0, 20, 60, 60]]))
LABELS = (torch.tensor([2, 0]), torch.tensor([1]))


def _head() -> FasterRcnnHead:
    """A head whose last layers say something: torchvision starts them near nothing."""
    torch.manual_seed(3)
    specs = {
        level: FeatureSpec(CHANNELS, stride) for level, stride in zip(LEVELS, STRIDES, strict=True)
    }
    head = DETECTOR.layers(specs)
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            if name.endswith("weight"):
                parameter.mul_(3 if "rpn" in name else 1.5)
    return head.to(DEVICE)


def _features() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(5)
    return {
        level: torch.randn(
            PICTURES, CHANNELS, SIZE[0] // stride, SIZE[1] // stride, generator=generator
        ).to(DEVICE)
        for level, stride in zip(LEVELS, STRIDES, strict=True)
    }


def _batch() -> RcnnBatch:
    everything = torch.ones(CLASSES, dtype=torch.bool)
    truth = [
        Truth(boxes.to(DEVICE), labels.to(DEVICE), everything)
        for boxes, labels in zip(BOXES, LABELS, strict=True)
    ]
    return DETECTOR.collate(truth, SIZE)


class _Backbone(nn.Module):
    out_channels = CHANNELS


def _oracle(head: FasterRcnnHead) -> FasterRCNN:
    """torchvision's whole model, with the head's weights."""
    sides = tuple((8 * stride,) for stride in (8, 16, 32))
    model = FasterRCNN(
        _Backbone(),
        rpn_anchor_generator=AnchorGenerator(sides, ((0.5, 1.0, 2.0),) * 3),
        rpn_pre_nms_top_n_train=faster_rcnn.FEW.candidates[0],
        rpn_pre_nms_top_n_test=faster_rcnn.FEW.candidates[1],
        rpn_post_nms_top_n_train=faster_rcnn.FEW.kept[0],
        rpn_post_nms_top_n_test=faster_rcnn.FEW.kept[1],
        box_roi_pool=MultiScaleRoIAlign(list(LEVELS), output_size=7, sampling_ratio=2),
        box_head=TwoMLPHead(CHANNELS * 49, 1024),
        box_predictor=FastRCNNPredictor(1024, CLASSES + 1),
        box_score_thresh=0.2,
        box_nms_thresh=0.5,
        box_detections_per_img=20,
        box_batch_size_per_image=faster_rcnn.FEW.sampled,
    ).to(DEVICE)
    model.load_state_dict(head.state_dict())
    return model


def _pictures(features: Mapping[str, Tensor]) -> tuple[ImageList, OrderedDict[str, Tensor]]:
    """What torchvision's stages are given: pictures, and the maps with one coarser."""
    images = ImageList(torch.zeros(PICTURES, 3, *SIZE, device=DEVICE), [SIZE] * PICTURES)
    maps, names = LastLevelMaxPool()(list(features.values()), [], list(LEVELS))
    return images, OrderedDict(zip(names, maps, strict=True))


def test_weights_bear_torchvision_s_names() -> None:
    head = _head()
    model = _oracle(head)  # loads them strictly
    assert list(head.state_dict()) == list(model.state_dict())


def test_raw_answers_are_torchvision_s() -> None:
    head, features = _head().eval(), _features()
    model = _oracle(head).eval()
    images, maps = _pictures(features)
    said: list[tuple[Tensor, Tensor]] = []
    model.roi_heads.box_predictor.register_forward_hook(lambda *args: said.append(args[2]))
    with torch.no_grad():
        raw = head(features)
        proposals, _ = model.rpn(images, maps)
        model.roi_heads(maps, proposals, [SIZE] * PICTURES)
    [(logits, deltas)] = said
    decoded = model.roi_heads.box_coder.decode(deltas, proposals)
    assert raw.losses == {}
    each = [len(own) for own in proposals]
    assert raw.boxes.shape == (*raw.scores.shape, 4)
    assert raw.scores.shape[0] == PICTURES
    assert raw.scores.shape[2] == CLASSES
    assert min(each) < max(each) <= raw.scores.shape[1] <= faster_rcnn.FEW.kept[1]
    columns = zip(torch.split(logits.softmax(1), each), torch.split(decoded, each), strict=True)
    for row, (scores, boxes) in enumerate(columns):
        known = slice(0, each[row])
        torch.testing.assert_close(raw.scores[row, known], scores[:, 1:], rtol=0, atol=1e-5)
        torch.testing.assert_close(raw.boxes[row, known], boxes[:, 1:], rtol=1e-5, atol=1e-3)
        assert (raw.scores[row, each[row] :] == 0).all()


def test_detections_are_torchvision_s() -> None:
    head, features = _head().eval(), _features()
    model = _oracle(head).eval()
    images, maps = _pictures(features)
    with torch.no_grad():
        proposals, _ = model.rpn(images, maps)
        expected, _ = model.roi_heads(maps, proposals, [SIZE] * PICTURES)
        scores, boxes = DETECTOR.scored(head(features))
    assert sum(len(own["scores"]) for own in expected) > 5
    for row, own in enumerate(expected):
        found = detections(
            scores[row, None],
            boxes[row, None],
            SIZE,
            threshold=0.2,
            nms=0.5,
            limit=20,
            candidates=10_000,
        )
        torch.testing.assert_close(found["scores"], own["scores"], rtol=0, atol=1e-5)
        assert (found["labels"] + 1).tolist() == own["labels"].tolist()
        torch.testing.assert_close(found["boxes"], own["boxes"], rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("mode", [True, False], ids=["training", "evaluation"])
def test_losses_are_torchvision_s_under_the_same_seed(mode: bool) -> None:
    """Whichever mode the network is in: targets alone tell the head that it is being taught."""
    head, features, batch = _head().train(mode), _features(), _batch()
    model = _oracle(head).train()
    images, maps = _pictures(features)
    truth = [
        {"boxes": boxes.to(DEVICE), "labels": labels.to(DEVICE) + 1}
        for boxes, labels in zip(BOXES, LABELS, strict=True)
    ]
    torch.manual_seed(11)
    proposals, expected = model.rpn(images, maps, truth)
    _, more = model.roi_heads(maps, proposals, [SIZE] * PICTURES, truth)
    torch.manual_seed(11)
    raw = head(features, batch)
    parts = DETECTOR.loss(raw, batch, DETECTOR.counts(batch))
    named = {name.removeprefix("loss_"): loss for name, loss in {**expected, **more}.items()}
    assert parts.keys() == named.keys() == {"objectness", "rpn_box_reg", "classifier", "box_reg"}
    for name, part in parts.items():
        torch.testing.assert_close(part, named[name])


def test_after_being_taught_it_answers_as_before() -> None:
    head, features = _head().eval(), _features()
    with torch.no_grad():
        before = head(features)
        head(features, _batch())
        after = head(features)
    assert torch.equal(before.scores, after.scores)
    assert torch.equal(before.boxes, after.boxes)


def test_a_picture_weighs_the_same_in_whatever_batch() -> None:
    head, features, batch = _head(), _features(), _batch()
    raw = head(features, batch)
    alone = DETECTOR.loss(raw, batch, DETECTOR.counts(batch))
    among = DETECTOR.loss(raw, batch, {"rows": torch.tensor(8.0, device=DEVICE)})
    assert float(DETECTOR.counts(batch)["rows"]) == 2
    for name, part in alone.items():
        torch.testing.assert_close(among[name], part * 2 / 8)


def test_a_picture_without_a_box_teaches_background() -> None:
    head, features = _head(), _features()
    none = RcnnBatch(
        (torch.zeros(0, 4, device=DEVICE),) * PICTURES,
        (torch.zeros(0, dtype=torch.int64, device=DEVICE),) * PICTURES,
    )
    parts = DETECTOR.loss(head(features, none), none, DETECTOR.counts(none))
    assert float(parts["box_reg"].detach()) == float(parts["rpn_box_reg"].detach()) == 0
    assert all(part.isfinite() for part in parts.values())
    assert parts["objectness"] > 0
    assert parts["classifier"] > 0


def test_dropout_works_in_training_alone() -> None:
    predictor = faster_rcnn.Predictor(CLASSES, 0.5).to(DEVICE)
    features = torch.randn(4, faster_rcnn.HIDDEN, device=DEVICE)
    assert not torch.equal(predictor(features)[0], predictor(features)[0])
    predictor.eval()
    assert torch.equal(predictor(features)[0], predictor(features)[0])


def test_proposals_are_found_in_full_precision() -> None:
    head, features = _head().eval(), _features()
    with torch.no_grad(), torch.autocast(DEVICE.type, torch.bfloat16):
        raw = head({level: feature.bfloat16() for level, feature in features.items()})
    assert raw.scores.dtype == raw.boxes.dtype == torch.float32


def test_it_says_that_it_samples_and_cannot_learn_partly() -> None:
    assert FasterRcnn.samples
    assert not FasterRcnn.partial
