"""A trunk as layers that run one after another, cut behind each of its maps."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtcli.core.errors import ConfigError
from mtcli.core.trunks import Trunk

SIDES = (64, 96)
"""Height and width of the picture that a trunk is tried on."""
TOLERANCE = 1e-4
SMALL = 1e-3
"""Less than this counts as zero, as ConvNeXt's factors of 1e-6 do."""


@dataclass(frozen=True, slots=True)
class Stages:
    """The layers of a trunk by the map that they lead to, finest map first.

    Attributes:
        layers: by level, the names of the submodules that make it of the map before it, or of
            the picture; each takes what the one before it gives.
    """

    layers: Mapping[str, tuple[str, ...]]

    @property
    def levels(self) -> tuple[str, ...]:
        """The maps, finest first."""
        return tuple(self.layers)

    def run(self, module: nn.Module, level: str, x: Tensor) -> Tensor:
        """What leads from the map before to the map `level`."""
        return _run(module, self.layers[level], x)

    def run_apart(self, module: nn.Module, level: str, x: Tensor) -> tuple[Tensor, Tensor]:
        """The same, with what its last layer is given; a stage of one layer gives the map twice."""
        *before, last = self.layers[level]
        inner = _run(module, before, x)
        outer = _run(module, (last,), inner)
        return (inner if before else outer), outer

    def keep(self, module: nn.Module, levels: Collection[str]) -> nn.Module:
        """Take out of a module what does not lead to some of the maps; it is changed, not copied.

        What is left keeps its names.
        """
        kept = {name for level in levels for name in self.layers[level]}
        _prune(module, kept, "")
        return module


def find_stages(trunk: Trunk, name: str) -> Stages:
    """The stages of a trunk, from the order in which its layers were made.

    That they are what the trunk does is proved: on random pictures, running the layers one after
    another gives the maps of the trunk itself. What it does between its layers in training alone
    (a dropout that is a function) cannot be seen so.

    Args:
        trunk: it is not changed.
        name: its name, for messages.

    Raises:
        ConfigError: its layers do not run one after another (HRNet's do not).
    """
    # A layer that starts as the identity, as many residual blocks do by a last factor of zero or
    # nearly so, would hide where a stage ends: on a copy nothing is that small. The generator is
    # its own: weights follow from torch's global one, whatever is tried.
    module = copy.deepcopy(trunk.module).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = 0.1 * torch.randn(parameter.shape, generator=generator)
            parameter.copy_(torch.where(parameter.abs() < SMALL, noise, parameter))
        picture = torch.rand(2, trunk.channels, *SIDES, generator=generator)
        try:
            wanted = trunk.extract(module, picture.clone())
            found = _cut(module, wanted, picture)
        except Exception as error:  # layers in an order that was never meant can raise anything
            raise _unstaged(name, (str(error) or type(error).__name__).splitlines()[0]) from None
    missing = [level for level in trunk.specs if level not in found]
    if missing:
        raise _unstaged(name, f"no layer of it gives {missing[0]}")
    loose = _outside(trunk.module)
    if loose:
        raise _unstaged(name, f"{loose[0]} belongs to none of its layers")
    return Stages({level: found[level] for level in trunk.specs})


def _cut(module: nn.Module, wanted: Mapping[str, Tensor], x: Tensor) -> dict[str, tuple[str, ...]]:
    """By level, the layers between its map and the map before it, as far as they lead."""
    found: dict[str, tuple[str, ...]] = {}
    since: list[str] = []
    left = list(wanted)
    for name, layer in _layers(module, ""):
        if not left:
            break
        x = layer(x)
        since.append(name)
        feature = wanted[left[0]]
        if not isinstance(x, Tensor):
            raise TypeError(f"{name} gives no map")
        if x.shape == feature.shape and torch.allclose(x, feature, TOLERANCE, TOLERANCE):
            found[left.pop(0)] = tuple(since)
            since = []
    return found


def _layers(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    """The submodules in their order; of a container, what it holds."""
    for name, child in module.named_children():
        path = f"{prefix}{name}"
        holds = type(child) in (nn.Sequential, nn.ModuleList, nn.ModuleDict)
        if holds:
            yield from _layers(child, f"{path}.")
        else:
            yield path, child


def _outside(module: nn.Module) -> list[str]:
    """The parameters that no layer holds."""
    layers = tuple(f"{name}." for name, _ in _layers(module, ""))
    return [name for name, _ in module.named_parameters() if not name.startswith(layers)]


def _run(module: nn.Module, layers: Collection[str], x: Tensor) -> Tensor:
    for name in layers:
        x = module.get_submodule(name)(x)
    return x


def _prune(module: nn.Module, kept: Collection[str], prefix: str) -> None:
    for name, child in list(module.named_children()):
        path = f"{prefix}{name}"
        if path in kept:
            continue
        if any(other.startswith(f"{path}.") for other in kept):
            _prune(child, kept, f"{path}.")
        else:
            delattr(module, name)


def _unstaged(name: str, found: str) -> ConfigError:
    return ConfigError(
        f"model.sharing: the trunk {name} has no stages that run one after another",
        found=found,
        mend="sharing: hard and none take any trunk; resnet18, convnext_atto, "
        "mobilenetv4_conv_small and tf_efficientnet_lite0 have stages",
    )
