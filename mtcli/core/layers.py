"""The order in which a picture goes through the layers of a trunk."""

from __future__ import annotations

from typing import Any

from timm.models import group_parameters
from torch import nn


def layers_of(trunk: nn.Module) -> dict[str, int]:
    """The number of the layer of each parameter, by its name; 0 is what sees the picture first.

    A network of timm says itself which of its tensors make a layer. Elsewhere a layer is a child
    of the trunk, or of one that holds others in a row, in the order in which they were made. A
    child whose parameters are vectors alone, as a norm's are, belongs to the layer before it.
    """
    if hasattr(trunk, "group_matcher"):
        model: Any = trunk
        found: dict[str, int] = group_parameters(
            model, model.group_matcher(coarse=False), reverse=True
        )
        return {name: found.get(name, 0) for name, _ in trunk.named_parameters()}
    layers: dict[str, int] = {}
    number = -1
    for name in _blocks(trunk):
        module = trunk.get_submodule(name)
        if number < 0 or any(parameter.ndim > 1 for parameter in module.parameters()):
            number += 1
        layers |= {f"{name}.{inner}": number for inner, _ in module.named_parameters()}
    return {name: layers.get(name, 0) for name, _ in trunk.named_parameters()}


def _blocks(module: nn.Module, prefix: str = "") -> list[str]:
    """Children with parameters; those of a container in its place."""
    found = []
    for name, child in module.named_children():
        if isinstance(child, nn.Sequential | nn.ModuleList | nn.ModuleDict):
            found += _blocks(child, f"{prefix}{name}.")
        elif any(True for _ in child.parameters()):
            found.append(f"{prefix}{name}")
    return found
