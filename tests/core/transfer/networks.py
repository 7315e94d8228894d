"""Small networks that weights move between, and origins made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.description import Model
from mtcli.core.network import Network
from mtcli.core.task import AnyTask
from mtcli.core.tasks.classification import (
    Classification,
    ClassificationFacts,
    ClassificationOptions,
)
from mtcli.core.tasks.detection import Detection, DetectionFacts, DetectionOptions
from mtcli.core.transfer.origin import Origin


def cls(classes: Iterable[str], **options: Any) -> Classification:
    """A classification; `cls("ab")` knows the classes a and b."""
    said = ClassificationOptions.model_validate({"dropout": 0.0, **options})
    return Classification(said, ClassificationFacts(classes=tuple(classes)))


def det(classes: Iterable[str], **options: Any) -> Detection:
    said = DetectionOptions.model_validate({"depth": 1, "levels": ["p4", "p5"], **options})
    return Detection(said, DetectionFacts(classes=tuple(classes)))


def network_of(
    tasks: Mapping[str, AnyTask], trunk: str = "tiny", pyramid: int = 16, seed: int = 0
) -> Network:
    """A network in which no tensor is all alike."""
    torch.manual_seed(seed)
    network = build_network(Architecture(trunk, pyramid, 0.0), tasks)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.5)
            else:
                tensor.fill_(seed)
    return network


def origin_of(
    tasks: Mapping[str, AnyTask], trunk: str = "tiny", pyramid: int = 16, seed: int = 1
) -> Origin:
    """What a checkpoint of such a network brings."""
    network = network_of(tasks, trunk, pyramid, seed)
    found = {name: getattr(task.facts, "classes", ()) for name, task in tasks.items()}
    return Origin(
        f"run-{seed}",
        {name: tensor.clone() for name, tensor in network.state_dict().items()},
        {name: classes for name, classes in found.items() if classes},
        {name: task.kind for name, task in tasks.items()},
        Model(Architecture(trunk, pyramid, 0.0), tasks, (64, 64), "stretch"),
    )


def values(network: Network) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}
