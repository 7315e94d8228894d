"""What a trunk of the user's own promises, checked one promise at a time when it is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mtcli.core.errors import ConfigError
from mtcli.core.features import level_stride

LEVELS = ("c2", "c3", "c4", "c5")
PICTURES = (1, 3, 64, 96)
"""What it is tried on: another height than width, so that none is taken for the other."""


def check_facts(name: str, made: Any) -> None:
    """See that a class is a module and says what its maps and its normalisation are.

    Raises:
        ConfigError: which promise is broken.
    """
    if not issubclass(made, nn.Module):
        raise broken(name, "is no module", expected="a class derived from torch.nn.Module")
    channels = getattr(made, "channels", None)
    expected = "a class attribute: channels = " + str(dict.fromkeys(LEVELS, 64)) + ", say"
    if not isinstance(channels, Mapping):
        found = None if channels is None else repr(channels)
        raise broken(name, "does not say its channels", expected=expected, found=found)
    for level in LEVELS:
        number = channels.get(level)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            found = "nothing" if number is None else repr(number)
            what = f"does not say the channels of {level}"
            raise broken(name, what, expected=expected, found=found)
    for fact, low in (("mean", "0 or more"), ("std", "more than 0")):
        values = getattr(made, fact, (0.5, 0.5, 0.5))
        if not _per_channel(values, positive=fact == "std"):
            raise broken(
                name,
                f"has no {fact} for each channel",
                expected=f"three numbers, {low} and at most 1, for values in [0, 1]",
                found=repr(values),
            )


def check_maps(name: str, trunk: nn.Module, channels: Mapping[str, int]) -> None:
    """See that a trunk gives its maps, by one random picture.

    Raises:
        ConfigError: which promise is broken, and by which shape.
    """
    was_training = trunk.training
    # A generator of its own: weights follow from torch's, whatever is tried.
    pictures = torch.randn(PICTURES, generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad():
            maps = trunk.eval()(pictures)
    except Exception as error:  # foreign code, which can raise anything
        raise broken(
            name,
            f"does not take pictures {list(PICTURES)}",
            found=f"{type(error).__name__}: {error}".splitlines()[0],
        ) from error
    finally:
        trunk.train(was_training)
    if not isinstance(maps, Mapping):
        raise broken(
            name,
            "gives no maps by level",
            expected="a dict of c2, c3, c4 and c5",
            found=type(maps).__name__,
        )
    for level in LEVELS:
        stride = level_stride(level)
        shape = [1, channels[level], PICTURES[2] // stride, PICTURES[3] // stride]
        expected = f"{shape} for pictures {list(PICTURES)}"
        if level not in maps:
            found = ", ".join(map(str, maps)) or "an empty dict"
            raise broken(name, f"gives no {level}", expected=expected, found=found)
        feature = maps[level]
        if not isinstance(feature, Tensor):
            found = type(feature).__name__
            raise broken(name, f"{level} is no tensor", expected=expected, found=found)
        if list(feature.shape) != shape:
            found = str(list(feature.shape))
            raise broken(name, f"{level} has another shape", expected=expected, found=found)
        if not feature.is_floating_point() or not feature.isfinite().all():
            raise broken(
                name,
                f"{level} is not finite",
                expected="finite numbers, for a picture of random ones",
                found=_odd(feature),
            )


def broken(
    name: str, what: str, *, expected: str | None = None, found: str | None = None
) -> ConfigError:
    """A promise that the trunk called `name` does not keep."""
    return ConfigError(
        f"model.trunk: {name}: {what}",
        expected=expected,
        found=found,
        mend="what such a class promises stands in docs/models.md",
    )


def _per_channel(values: Any, positive: bool) -> bool:
    if not isinstance(values, tuple | list) or len(values) != 3:
        return False
    return all(
        isinstance(v, int | float)
        and not isinstance(v, bool)
        and 0 <= v <= 1
        and (v or not positive)
        for v in values
    )


def _odd(feature: Tensor) -> str:
    if not feature.is_floating_point():
        return str(feature.dtype)
    return "NaN" if feature.isnan().any() else "infinite values"
