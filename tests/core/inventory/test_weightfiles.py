"""What the tensors of a file are of."""

from __future__ import annotations

import torch
from torch import Tensor

from mtcli.core.inventory.facts import FilePart
from mtcli.core.inventory.weightfiles import describe_tensors


def classifier() -> dict[str, Tensor]:
    return {
        "conv1.weight": torch.zeros(4, 3, 5, 5),
        "bn1.weight": torch.zeros(4),
        "bn1.bias": torch.zeros(4),
        "bn1.running_mean": torch.zeros(4),
        "bn1.running_var": torch.zeros(4),
        "bn1.num_batches_tracked": torch.tensor(0),
        "fc.weight": torch.zeros(7, 4),
        "fc.bias": torch.zeros(7),
    }


def test_a_classifier_by_its_parts() -> None:
    facts = describe_tensors(classifier())
    assert (facts.sort, facts.trunk, facts.classes) == ("classifier", None, 7)
    assert facts.parts == (
        FilePart("conv1", 1, 300),
        FilePart("bn1", 5, 8),
        FilePart("fc", 2, 35),
    )


def test_what_stands_before_all_names_is_no_part() -> None:
    plain = describe_tensors(classifier())
    wrapped = {f"module.{name}": tensor for name, tensor in classifier().items()}
    assert describe_tensors(wrapped) == plain
    wrapped["other"] = torch.zeros(1)
    assert [part.name for part in describe_tensors(wrapped).parts] == ["module", "other"]


def test_what_is_no_network_is_not_called_one() -> None:
    del (tensors := classifier())["fc.weight"]
    assert describe_tensors(tensors).sort is None
    del (tensors := classifier())["conv1.weight"]
    assert describe_tensors(tensors).sort is None


def test_a_network_of_ours_without_its_description() -> None:
    names = ("trunk.a.weight", "trunk.b.weight", "trunks.side.a", "heads.cls.fc.weight")
    facts = describe_tensors({name: torch.zeros(2, 3) for name in names})
    assert facts.sort == "network"
    assert facts.parts == (
        FilePart("trunk", 2, 12),
        FilePart("trunks.side", 1, 6),
        FilePart("heads.cls", 1, 6),
    )


def test_a_published_detector_tells_its_trunk_and_head() -> None:
    names = ["layer3.0.conv1.weight", "layer3.1.conv1.weight", "layer4.0.conv1.weight"]
    tensors = {f"backbone.body.{name}": torch.zeros(2) for name in names}
    inner = "backbone.fpn.inner_blocks.{}.0.weight"
    tensors |= {inner.format(n): torch.zeros(16, 1, 1, 1) for n in range(4)}
    tensors["roi_heads.box_head.fc6.weight"] = torch.zeros(5)
    facts = describe_tensors(tensors)
    assert (facts.sort, facts.trunk, facts.head, facts.layout) == (
        "detector",
        "resnet18",
        "faster_rcnn",
        "torchvision",
    )
    assert facts.parts == (
        FilePart("trunk", 3, 6),
        FilePart("pyramid", 4, 64),
        FilePart("heads.detection", 1, 5),
    )
