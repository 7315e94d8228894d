"""What a weight file holds, as far as the names of its tensors tell."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from mtcli.core.inventory.facts import FileFacts, FilePart
from mtcli.core.published import named_as_ours
from mtcli.core.weights.naming import PREFIXES, is_counter

CLASSIFIERS = ("fc", "classifier", "head", "heads", "last_linear")
"""Where timm and torchvision have the layer that tells classes."""

STATISTICS = ("running_mean", "running_var")


def describe_tensors(tensors: Mapping[str, Tensor]) -> FileFacts:
    """The parts of a file's tensors, and what they are of, where that can be known."""
    published = named_as_ours(tensors)
    if published is not None:
        parts = _parts(published.tensors)
        return FileFacts("detector", parts, published.trunk, published.head, published.layout)
    if any(name.startswith("trunk.") for name in tensors):
        return FileFacts("network", _parts(tensors))
    bare = _without_prefix(tensors)
    classes = _classes(bare)
    return FileFacts("classifier" if classes else None, _parts(bare), classes=classes)


def _parts(tensors: Mapping[str, Tensor]) -> tuple[FilePart, ...]:
    found: dict[str, list[str]] = {}
    for name in tensors:
        words = name.split(".")
        inner = 2 if words[0] in ("heads", "trunks", "pyramids") else 1
        found.setdefault(".".join(words[:inner]), []).append(name)
    return tuple(
        FilePart(part, len(names), sum(_parameters(name, tensors[name]) for name in names))
        for part, names in found.items()
    )


def _parameters(name: str, tensor: Tensor) -> int:
    return 0 if is_counter(name) or name.endswith(STATISTICS) else tensor.numel()


def _without_prefix(tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The tensors without what a training put in front of all their names."""
    for prefix in filter(None, PREFIXES):
        if all(name.startswith(prefix) for name in tensors):
            return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _classes(tensors: Mapping[str, Tensor]) -> int | None:
    """How many a network's last layer tells, where it is called as published ones are."""
    rows = [
        len(tensor)
        for name, tensor in tensors.items()
        if name.partition(".")[0] in CLASSIFIERS and name.endswith("weight") and tensor.ndim == 2
    ]
    kernels = any(tensor.ndim == 4 for tensor in tensors.values())
    return rows[-1] if rows and kernels else None
