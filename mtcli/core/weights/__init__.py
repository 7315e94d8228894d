"""Published weights for a trunk: downloaded, from a file, a package, or another run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from mtcli.core.checkpoint import load_tensors
from mtcli.core.errors import ConfigError, and_more
from mtcli.core.inputs import PICTURE_CHANNELS
from mtcli.core.run import WEIGHTS, find_checkpoint
from mtcli.core.trunks import build_trunk
from mtcli.core.trunks.widen import wide_kernel, widened_kernels
from mtcli.core.weights.classes import imagenet_classes
from mtcli.core.weights.files import Tensors, read_tensors
from mtcli.core.weights.imagenet import download
from mtcli.core.weights.naming import fitted, is_counter
from mtcli.core.weights.packages import PACKAGES, file_in_package

__all__ = [
    "PACKAGES",
    "WeightsReport",
    "imagenet_classes",
    "load_trunk_weights",
    "read_tensors",
    "read_weights",
]


@dataclass(frozen=True, slots=True)
class WeightsReport:
    """What came of loading: where from, how many tensors fit, which of the file were not used."""

    source: str
    loaded: int
    unused: tuple[str, ...]


def read_weights(source: str, trunk: str) -> Tensors:
    """All tensors of a source, under the names of a trunk and of its own classifier.

    Args:
        source: `imagenet`, `package:NAME`, a file, or the folder of a run or checkpoint, whose
            tensors of other parts keep their names.
        trunk: its name.

    Raises:
        MtcliError: the source is missing or damaged, or cannot be downloaded.
    """
    with torch.random.fork_rng(devices=[]):
        wanted = build_trunk(trunk).module.state_dict()
    return _read(source, wanted, trunk)[0]


def load_trunk_weights(
    trunk: nn.Module, weights: str, name: str, others: Sequence[nn.Module] = ()
) -> WeightsReport:
    """Fill every tensor of a trunk.

    Nothing in a file is executed. Tensors of the file beyond the trunk (a classifier) are
    reported, not used. A first convolution that was widened gets a kernel for pictures in the
    channels of one, and zeros in the others.

    Args:
        trunk: to fill.
        weights: a source as `read_weights` takes it.
        name: of the trunk.
        others: further parts or copies of it, which tasks have for themselves.

    Raises:
        MtcliError: the source is missing or damaged, or does not hold every tensor of the trunk
            in its shape.
    """
    wanted: dict[str, Tensor] = {}
    wide: dict[str, slice] = {}
    for part in (trunk, *others):
        wanted = {**wanted, **part.state_dict()}
        wide |= widened_kernels(part)
    published = {
        tensor: values[:, :PICTURE_CHANNELS] if tensor in wide else values
        for tensor, values in wanted.items()
    }
    tensors, where = _read(weights, published, name)
    tensors = {
        tensor: wide_kernel(values, wanted[tensor].shape[1], wide[tensor])
        if tensor in wide and values.shape == published[tensor].shape
        else values
        for tensor, values in tensors.items()
    }
    missing = [name for name in wanted if name not in tensors and not is_counter(name)]
    if missing:
        raise ConfigError(
            f"model.weights: the file lacks {len(missing)} of the trunk's {len(wanted)} tensors",
            where=where,
            expected=and_more(missing, 1),
            found=and_more(list(tensors), 1) or "no tensor",
            mend="is it the weights of another trunk?",
        )
    for tensor, values in wanted.items():
        if tensor in tensors and tensors[tensor].shape != values.shape:
            raise ConfigError(
                f"model.weights: {tensor} has another shape",
                where=where,
                expected=str(tuple(values.shape)),
                found=str(tuple(tensors[tensor].shape)),
                mend="is it the weights of another trunk?",
            )
    used = {tensor: values for tensor, values in tensors.items() if tensor in wanted}
    for part in (trunk, *others):
        own = part.state_dict()
        part.load_state_dict({**own, **{n: values for n, values in used.items() if n in own}})
    unused = tuple(tensor for tensor in tensors if tensor not in wanted)
    return WeightsReport(weights, len(used), unused)


def _read(source: str, wanted: Mapping[str, Tensor], trunk: str) -> tuple[Tensors, object]:
    """The tensors of a source by a trunk's names, and where they were read."""
    if source == "imagenet":
        tensors, address = download(trunk)
        return fitted(tensors, wanted, trunk), address
    if source.startswith("package:"):
        path = file_in_package(source.removeprefix("package:"))
    else:
        path = Path(source)
        if path.is_dir():
            checkpoint = find_checkpoint(path)
            return fitted(load_tensors(checkpoint), wanted, trunk), checkpoint / WEIGHTS
    return fitted(read_tensors(path), wanted, trunk), path
