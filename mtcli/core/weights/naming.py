"""What tensors are called: files put prefixes in front, or write a network in other words."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mtcli.core.trunks import build_trunk
from mtcli.core.weights.files import Tensors

PREFIXES = ("", "trunk.", "module.", "model.", "backbone.")
"""What a file may put in front of the trunk's own names."""

IN_OTHER_WORDS = frozenset(
    {
        "convnext_small",
        "convnext_tiny",
        "efficientnet_b0",
        "efficientnet_b1",
        "efficientnet_b2",
        "efficientnet_b3",
        "efficientnet_b4",
        "mnasnet_050",
        "mnasnet_075",
        "mnasnet_100",
        "mobilenetv2_100",
        "tf_efficientnet_lite0",
    }
)
"""Trunks that others publish under names of their own, layer by layer in timm's order.

torchvision's files, and that of `package:efficientnet-lite0`; a test shows for each that the
network computes the same. torchvision's others either have timm's names (ResNet, DenseNet), or
another order (RegNet), or a BatchNorm with another epsilon, so that timm's network gives other
numbers (MobileNetV3, EfficientNet-B5 to B7).
"""

KINDS = ("weight", "bias", "running_mean", "running_var")
"""The last words of tensors' names that mean the same everywhere."""


def fitted(tensors: Tensors, wanted: Mapping[str, Tensor], trunk: str) -> Tensors:
    """A file's tensors under the names of a trunk and its classifier, as far as they fit.

    Args:
        tensors: by the file's names, in its order.
        wanted: the trunk's own.
        trunk: its name.

    Returns:
        All tensors; what fits nothing keeps the file's name.
    """
    named = _without_prefix(tensors, wanted)
    plain = trunk.partition(".")[0]
    if plain not in IN_OTHER_WORDS or any(name in named for name in wanted):
        return named
    return _by_order(tensors, wanted, plain) or named


def is_counter(name: str) -> bool:
    """Whether it is BatchNorm's count of batches, which old files lack and nothing here needs."""
    return name.endswith("num_batches_tracked")


def _without_prefix(tensors: Tensors, wanted: Mapping[str, Tensor]) -> Tensors:
    """Strip the prefix under which most of the wanted names are found."""

    def hits(prefix: str) -> int:
        return sum(prefix + name in tensors for name in wanted)

    prefix = max(PREFIXES, key=hits)
    return {
        (name[len(prefix) :] if name.startswith(prefix) else name): tensor
        for name, tensor in tensors.items()
    }


def _by_order(tensors: Tensors, wanted: Mapping[str, Tensor], trunk: str) -> Tensors | None:
    """Name tensors by their places; None unless each has the shape and kind of its place."""
    given = {name: tensor for name, tensor in tensors.items() if not is_counter(name)}
    outputs = len(next(reversed(given.values()), torch.zeros(1)).reshape(-1))
    places = {**wanted, **_classifier(trunk, outputs)}
    places = {name: tensor for name, tensor in places.items() if not is_counter(name)}
    if len(given) < len(places):  # a file without the classifier
        places = {name: tensor for name, tensor in places.items() if name in wanted}
    fits = len(given) == len(places) and all(
        _same_place(name, tensor, place, there)
        for (name, tensor), (place, there) in zip(given.items(), places.items(), strict=True)
    )
    if not fits:
        return None
    return {
        place: tensor.reshape(there.shape)
        for tensor, (place, there) in zip(given.values(), places.items(), strict=True)
    }


def _same_place(name: str, tensor: Tensor, place: str, there: Tensor) -> bool:
    kind, wanted = name.rpartition(".")[2], place.rpartition(".")[2]
    alike = kind == wanted or (kind not in KINDS and wanted not in KINDS)
    return alike and _trimmed(tensor) == _trimmed(there)


def _trimmed(tensor: Tensor) -> tuple[int, ...]:
    """The shape without ones at its end: a layer's scale is `[C]` here and `[C, 1, 1]` there."""
    shape = tuple(tensor.shape)
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _classifier(trunk: str, outputs: int) -> Tensors:
    """The tensors of a trunk's own classifier for K outputs, whatever their values."""
    with torch.random.fork_rng(devices=[]):
        tail = build_trunk(trunk).specs["c5"].tail
        return {} if tail is None else dict(tail(outputs, 0.0).state_dict())
