"""Whether the working size suits a network."""

from __future__ import annotations

import torch
from torch import Tensor

from mtcli.core.blueprint import MAIN, Architecture
from mtcli.core.errors import ConfigError
from mtcli.core.features import level_stride
from mtcli.core.network import Network, map_name


def check_size(network: Network, architecture: Architecture, size: tuple[int, int]) -> None:
    """See that the working size (height, width) fits the network, by one forward pass.

    Args:
        network: to be tried.
        architecture: that it was built from, which names the trunks.
        size: the working size, height and width.

    Raises:
        ConfigError: a side is no multiple of the largest stride, where cells and pixels drift
            apart (the nearest sizes are named); or a trunk does not give maps of its strides at
            this size.
    """
    names = {MAIN: architecture.trunk}
    names |= {key: side.trunk for key, side in architecture.trunks.items()}
    stride = network.stride
    if size[0] % stride or size[1] % stride:
        key = network.roots[max(network.strides, key=lambda stream: network.strides[stream])]
        below = [max(stride, side // stride * stride) for side in size]
        above = [-(-side // stride) * stride for side in size]
        nearest = f"sizes are {below} and {above}" if below != above else f"size is {above}"
        raise ConfigError(
            f"data.size: does not fit the trunk {names[key]}",
            expected=f"height and width in multiples of {stride}",
            found=f"[{size[0]}, {size[1]}]",
            mend=f"the nearest {nearest}",
        )
    was_training = network.training
    network.eval()
    blank = network.blank(size)
    maps: dict[str, Tensor] = {}
    key = MAIN
    try:
        with torch.no_grad():
            for key in dict.fromkeys(network.roots.values()):
                for stream, own in network.maps_of(key, blank).items():
                    maps |= {map_name(stream, level): feature for level, feature in own.items()}
            features = network.encode(maps)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ConfigError(
            f"data.size: the trunk {names[key]} does not take pictures of this size",
            expected="a trunk for any size",
            found=(str(error) or type(error).__name__).splitlines()[0],
        ) from None
    finally:
        network.train(was_training)
    for task, levels in features.items():
        for level, feature in levels.items():
            found, wanted = tuple(feature.shape[2:]), tuple(s // level_stride(level) for s in size)
            if found != wanted:
                trunk = names[network.roots[network.uses[task]]]
                raise ConfigError(
                    f"data.size: the trunk {trunk} gives {level} of another size than its stride",
                    expected=f"{wanted[0]} × {wanted[1]}",
                    found=f"{found[0]} × {found[1]}",
                    mend="choose another trunk or size",
                )
