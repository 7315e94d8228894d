"""A trunk's first convolution, made to see more channels than a picture has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mtcli.core.errors import ConfigError
from mtcli.core.inputs import PICTURE_CHANNELS
from mtcli.core.trunks import Trunk

TRIED_ON = (128, 160)
"""Height and width of what a trunk is tried on."""
TOLERANCE = 1e-4


def widen(trunk: Trunk, name: str, inputs: Mapping[str, int]) -> None:
    """Make a trunk see several inputs as the channels of one picture.

    The kernels of its first convolutions are drawn anew, so that what comes out varies as much as
    it did; where published weights are loaded, `wide_kernel` fills them. The channels that these
    are for are the first picture's, or the first input's where none is a picture. The trunk is
    proved to give the same maps then, as long as the others' part is zero.

    Args:
        trunk: to change.
        name: its name, for messages.
        inputs: the channels of each, in their order.

    Raises:
        ConfigError: no convolution sees the picture itself, other layers see it too, or one
            changes its kernel as a whole, as those with weight standardisation do.
    """
    total = sum(inputs.values())
    own = _own_channels(inputs)
    was_training = trunk.module.training
    trunk.module.eval()
    try:
        with torch.no_grad():
            # A generator of its own: weights follow from torch's, whatever is tried.
            generator = torch.Generator().manual_seed(0)
            seen = torch.randn((1, total, *TRIED_ON), generator=generator)
            picture = seen[:, own].expand(-1, PICTURE_CHANNELS, -1, -1).contiguous()
            try:
                before, first = _tried(trunk, picture)
            except Exception as error:  # foreign layers, which can raise anything
                raise _cannot(name, (str(error) or type(error).__name__).splitlines()[0]) from None
            if not first:
                raise _cannot(name, "no convolution sees the picture itself")
            narrow = [convolution.weight for convolution in first]
            for convolution in first:
                convolution.in_channels = total
                convolution.weight = nn.Parameter(wide_kernel(convolution.weight, total, own))
                convolution.published_for = own
            try:
                after, _ = _tried(trunk, seen)
            except Exception:
                raise _cannot(name, "other layers see the picture too") from None
            for level, feature in before.items():
                if not torch.allclose(after[level], feature, TOLERANCE, TOLERANCE):
                    raise _cannot(name, "its first convolution changes its kernel as a whole")
            for convolution, kernel in zip(first, narrow, strict=True):
                spread = float(kernel.std()) * math.sqrt(PICTURE_CHANNELS / total)
                convolution.weight.normal_(0, spread)
    finally:
        trunk.module.train(was_training)


def wide_kernel(kernel: Tensor, total: int, own: slice) -> Tensor:
    """A kernel `[O, 3, h, w]` as one of `total` channels that sees its picture in some of them.

    The others are zeros, so that what comes out is the same. Where `own` is one channel, the
    kernel's three are added: it sees a grey picture.
    """
    wide = kernel.new_zeros(len(kernel), total, *kernel.shape[2:])
    grey = own.stop - own.start == 1
    wide[:, own] = kernel.sum(dim=1, keepdim=True) if grey else kernel
    return wide


def widened_kernels(module: nn.Module) -> dict[str, slice]:
    """The kernels that were widened, by their names; which channels published ones are for."""
    return {
        f"{name}.weight": convolution.published_for
        for name, convolution in _convolutions(module)
        if hasattr(convolution, "published_for")
    }


def _own_channels(inputs: Mapping[str, int]) -> slice:
    """The channels of the first picture; of the first input where none is a picture."""
    start = 0
    for channels in inputs.values():
        if channels == PICTURE_CHANNELS:
            return slice(start, start + channels)
        start += channels
    return slice(0, next(iter(inputs.values())))


def _tried(trunk: Trunk, picture: Tensor) -> tuple[dict[str, Tensor], list[Any]]:
    """The maps of a picture, and the convolutions that saw the picture itself."""
    first: list[Any] = []

    def note(convolution: Any, inputs: tuple[Any, ...]) -> None:
        given = inputs[0]
        if given.data_ptr() == picture.data_ptr() and given.shape == picture.shape:
            first.append(convolution)

    hooks = [c.register_forward_pre_hook(note) for _, c in _convolutions(trunk.module)]
    try:
        maps = trunk.extract(trunk.module, picture)
    finally:
        for hook in hooks:
            hook.remove()
    return maps, first


def _convolutions(module: nn.Module) -> list[tuple[str, Any]]:
    return [(n, m) for n, m in module.named_modules() if isinstance(m, nn.Conv2d)]


def _cannot(name: str, found: str) -> ConfigError:
    return ConfigError(
        f"model.fusion: the trunk {name} cannot see inputs as channels",
        found=found,
        mend="fusion: stack and gated take any trunk; resnet18 can be widened, for example",
    )
