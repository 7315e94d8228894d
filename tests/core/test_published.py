"""torchvision's published detectors: their weights fit, and answer as they do there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import detection, resnet18
from torchvision.models.detection.image_list import ImageList

from mtcli.core.features import level_stride
from mtcli.core.heads import layouts_of
from mtcli.core.heads.detector import Detector
from mtcli.core.published import Published, named_as_ours
from mtcli.core.pyramid import Pyramid, build_pyramid
from mtcli.core.trunks import Trunk, build_trunk

SIZE, CLASSES = (128, 256), 4
FINE, COARSE = ("p2", "p3", "p4", "p5"), ("p3", "p4", "p5", "p6", "p7")
PICTURE = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(2))
PICTURES = ImageList(PICTURE, [SIZE])

EXPECTED = {
    "fasterrcnn_resnet50_fpn": ("faster_rcnn", "torchvision", FINE, None, "p5"),
    "fasterrcnn_resnet50_fpn_v2": ("faster_rcnn", "torchvision_v2", FINE, "batch", "p5"),
    "retinanet_resnet50_fpn": ("retinanet", "torchvision", COARSE, None, "p5"),
    "retinanet_resnet50_fpn_v2": ("retinanet", "torchvision_v2", COARSE, None, "c5"),
    "fcos_resnet50_fpn": ("fcos", "torchvision", COARSE, None, "p5"),
}


def with_weights_that_matter(name: str) -> Any:
    """A network of torchvision's, in evaluation."""
    torch.manual_seed(1)
    model: Any = getattr(detection, name)(
        weights=None, weights_backbone=None, num_classes=CLASSES + 1
    )
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.uniform_(module.weight, 0.2, 0.6)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    for key, parameter in model.named_parameters():
        # torchvision starts its heads near nothing.
        if not key.startswith("backbone") and parameter.abs().max() < 0.06:
            nn.init.normal_(parameter, std=0.02)
    return model.eval()


@dataclass(frozen=True)
class Pair:
    """A network of torchvision's, and the parts of ours with its weights.

    `maps` are those of torchvision's pyramid, finest first, `named` the same by our names without
    the one that is pooled.
    """

    published: Published
    theirs: Any
    maps: dict[str, Tensor]
    named: dict[str, Tensor]
    trunk: Trunk
    pyramid: Pyramid
    detector: Detector
    head: Any


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest) -> Pair:
    theirs = with_weights_that_matter(request.param)
    published = named_as_ours(theirs.state_dict())
    assert published is not None
    trunk = build_trunk("resnet50")
    pyramid = build_pyramid(
        trunk.specs, set(published.levels), 256, published.pyramid_norm, published.pyramid_top
    )
    assert pyramid is not None
    sort = layouts_of(published.head)[published.layout]
    classes = CLASSES if published.head == "faster_rcnn" else CLASSES + 1
    detector = sort(classes, published.levels, sort.depth, 0.0)
    head = detector.layers({level: pyramid.specs[level] for level in published.levels})
    heads = nn.ModuleDict({"detection": head})
    whole = nn.ModuleDict({"trunk": trunk.module, "pyramid": pyramid, "heads": heads})
    whole.eval().load_state_dict(published.tensors)  # strictly
    with torch.no_grad():
        maps = theirs.backbone(PICTURE)
    named = dict(zip(published.levels, maps.values(), strict=False))
    return Pair(published, theirs, maps, named, trunk, pyramid, detector, head)


def networks(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("pair", names, indirect=True)


def same(found: Tensor, expected: Tensor) -> None:
    """Equal to a hundred-thousandth of the largest value."""
    assert found.shape == expected.shape
    assert expected.std() > 0
    scale = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * scale)


@networks(*EXPECTED)
def test_trunk_and_pyramid_give_torchvision_s_maps(pair: Pair) -> None:
    with torch.no_grad():
        found = pair.pyramid(pair.trunk.extract(pair.trunk.module, PICTURE))
    assert tuple(found) == pair.published.levels
    for level, feature in found.items():
        same(feature, pair.named[level])
        assert [side * level_stride(level) for side in feature.shape[2:]] == list(SIZE)


@networks("fcos_resnet50_fpn")
def test_fcos_answers_as_torchvision_s(pair: Pair) -> None:
    with torch.no_grad():
        raw = pair.head(pair.named)
        said = pair.theirs.head(list(pair.maps.values()))
    [anchors] = pair.theirs.anchor_generator(PICTURES, list(pair.maps.values()))
    same(raw.logits, said["cls_logits"])
    same(raw.centerness, said["bbox_ctrness"].squeeze(2))
    same(raw.boxes[0], pair.theirs.box_coder.decode(said["bbox_regression"][0], anchors))
    scores, _ = pair.detector.scored(raw)
    same(scores, (said["cls_logits"].sigmoid() * said["bbox_ctrness"].sigmoid()).sqrt())


@networks("retinanet_resnet50_fpn", "retinanet_resnet50_fpn_v2")
def test_retinanet_answers_as_torchvision_s(pair: Pair) -> None:
    with torch.no_grad():
        raw = pair.head(pair.named)
        said = pair.theirs.head(list(pair.maps.values()))
    [anchors] = pair.theirs.anchor_generator(PICTURES, list(pair.maps.values()))
    same(raw.logits, said["cls_logits"])
    same(raw.deltas, said["bbox_regression"])
    assert torch.equal(raw.anchors, anchors)
    _, boxes = pair.detector.scored(raw)
    same(boxes[0], pair.theirs.box_coder.decode_single(said["bbox_regression"][0], anchors))


@networks("fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2")
def test_faster_rcnn_answers_as_torchvision_s(pair: Pair) -> None:
    said: list[tuple[Tensor, Tensor]] = []
    stage = pair.theirs.roi_heads
    for heads in (pair.head.roi_heads, stage):
        heads.box_predictor.register_forward_hook(lambda *args: said.append(args[2]))
    maps = list(pair.maps.values())
    with torch.no_grad():
        raw = pair.head(pair.named)
        first, expected = pair.head.rpn.head(maps), pair.theirs.rpn.head(maps)
        proposals, _ = pair.theirs.rpn(PICTURES, pair.maps)
        stage(pair.maps, proposals, [SIZE])
    for found, wanted in zip((*first[0], *first[1]), (*expected[0], *expected[1]), strict=True):
        same(found, wanted)
    [(own_logits, own_deltas), (logits, deltas)] = said
    assert len(logits) > 500  # as many as torchvision keeps
    # Of proposals with equal scores either may stand first.
    known = slice(len(logits))
    order = (own_deltas[known, None] - deltas).abs().amax(dim=2).argmin(dim=1)
    assert order.sort().values.tolist() == list(range(len(logits)))
    same(own_logits[known], logits[order])
    same(own_deltas[known], deltas[order])
    same(raw.scores[0, known], logits[order].softmax(1)[:, 1:])
    same(raw.boxes[0, known], stage.box_coder.decode(deltas, proposals)[order, 1:])
    assert (raw.scores[0, len(order) :] == 0).all()


def meta(name: str, classes: int) -> dict[str, Tensor]:
    """The tensors of a network with shapes alone."""
    with torch.device("meta"):
        model: Any = getattr(detection, name)(
            weights=None, weights_backbone=None, num_classes=classes
        )
    return dict(model.state_dict())


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items())
def test_a_network_is_recognised(name: str, expected: tuple[object, ...]) -> None:
    found = named_as_ours(meta(name, 5))
    assert found is not None
    assert expected == (
        found.head,
        found.layout,
        found.levels,
        found.pyramid_norm,
        found.pyramid_top,
    )
    assert found.classes is None
    assert len(found.tensors) == len(meta(name, 5))


@pytest.mark.parametrize("name", EXPECTED)
def test_coco_s_classes_are_named_where_there_are_as_many(name: str) -> None:
    found = named_as_ours(meta(name, 91))
    assert found is not None
    assert found.classes is not None
    if found.head == "faster_rcnn":
        assert len(found.classes) == 90
        assert found.classes[0] == "person"
    else:
        assert len(found.classes) == 91
        assert found.classes[:2] == ("__background__", "person")
    assert found.classes[-1] == "toothbrush"
    assert found.classes.count("N/A") > 1
    other = named_as_ours(meta(name, 90))
    assert other is not None
    assert other.classes is None


OLD = {
    "fasterrcnn_resnet50_fpn": {
        "rpn.head.conv.weight": "rpn.head.conv.0.0.weight",
        "rpn.head.conv.bias": "rpn.head.conv.0.0.bias",
        "backbone.fpn.inner_blocks.2.weight": "backbone.fpn.inner_blocks.2.0.weight",
        "backbone.fpn.layer_blocks.0.bias": "backbone.fpn.layer_blocks.0.0.bias",
        "backbone.fpn.inner_blocks.0.weight": "backbone.fpn.inner_blocks.0.0.weight",
    },
    "retinanet_resnet50_fpn": {
        "head.classification_head.conv.0.weight": "head.classification_head.conv.0.0.weight",
        "head.classification_head.conv.6.bias": "head.classification_head.conv.3.0.bias",
        "head.regression_head.conv.2.weight": "head.regression_head.conv.1.0.weight",
        "backbone.fpn.layer_blocks.1.weight": "backbone.fpn.layer_blocks.1.0.weight",
    },
}


@pytest.mark.parametrize("name", list(OLD))
def test_names_of_the_first_versions_are_understood(name: str) -> None:
    new = meta(name, 91)
    # A frozen BatchNorm, which the published networks have, does not count.
    new = {key: tensor for key, tensor in new.items() if not key.endswith("tracked")}
    back = {now: old for old, now in OLD[name].items()}
    found = named_as_ours({back.get(key, key): tensor for key, tensor in new.items()})
    expected = named_as_ours(new)
    assert found is not None
    assert expected is not None
    assert found.tensors.keys() == expected.tensors.keys()
    assert all(found.tensors[key] is expected.tensors[key] for key in found.tensors)
    assert (found.levels, found.layout) == (expected.levels, expected.layout)


def test_masks_stand_behind_the_head_as_well() -> None:
    found = named_as_ours(meta("maskrcnn_resnet50_fpn", 91))
    assert found is not None
    assert found.head == "faster_rcnn"
    assert "heads.detection.roi_heads.mask_predictor.mask_fcn_logits.weight" in found.tensors


@pytest.mark.parametrize("name", ["fasterrcnn_mobilenet_v3_large_fpn", "ssd300_vgg16"])
def test_a_detector_on_another_trunk_is_none_of_ours(name: str) -> None:
    assert named_as_ours(meta(name, 91)) is None


def test_what_is_no_detector_is_none() -> None:
    classifier = resnet18(weights=None).state_dict()
    assert named_as_ours(classifier) is None
    assert named_as_ours({}) is None
    alone = {f"backbone.body.{name}": tensor for name, tensor in classifier.items()}
    assert named_as_ours(alone) is None
    # A whole head, on a trunk without a pyramid.
    alone["head.classification_head.cls_logits.weight"] = torch.zeros(9, 8, 3, 3)
    assert named_as_ours(alone) is None
