"""Trunks by name: which there are, and what each is made of and costs."""

from __future__ import annotations

import warnings
from fnmatch import fnmatchcase

import torch

from mtcli.core.errors import ConfigError, UsageError, did_you_mean
from mtcli.core.inventory.facts import Stage, TrunkFacts
from mtcli.core.inventory.pretrained import tagged_names, tags_of
from mtcli.core.inventory.tape import DEVICES, Tape
from mtcli.core.trunks import FAMILIES, build_trunk

SELECTION = (
    "tiny",
    "mobilenetv4_conv_small",
    "mobilenetv3_large_100",
    "tf_efficientnet_lite0",
    "efficientnet_b0",
    "regnety_004",
    "convnext_femto",
    "resnet18",
    "resnet34",
    "resnet50",
    "regnety_032",
    "convnext_tiny",
    "tf_efficientnetv2_s",
    "resnet101",
    "convnext_small",
)
"""Well-known trunks from small to large, shown where none are asked for: measuring all takes
minutes."""


def all_names() -> list[str]:
    """Every trunk that has a name, family by family."""
    return [name for family in FAMILIES.names() for name in FAMILIES.get(family).names()]


def matching_names(pattern: str) -> list[str]:
    """The trunks that a pattern means: `*` stands for any text.

    A name without `*` means the trunk that is called so, or else all that have it in theirs. Where
    it is in no trunk's name, it is one with a tag, or a tag: `resnet18.tv_in1k`, `*.tv_in1k`.

    Raises:
        UsageError: there is none; near misses are named.
    """
    known, tagged = all_names(), tagged_names()
    for names in (known, tagged):
        found = [name for name in names if fnmatchcase(name, pattern)]
        found = found or [name for name in names if pattern in name]
        if found:
            return found
    near = [*known, *tagged] if "." in pattern else known
    raise UsageError(f"no trunk matches {pattern}", mend=did_you_mean(pattern, near))


def measure_trunk(name: str, size: tuple[int, int]) -> TrunkFacts:
    """What a trunk is made of, by one forward pass of one picture in evaluation.

    Which stage a layer is of follows from what each map depends on, whatever the trunk's modules
    are called. See `Tape` for what is counted.

    Args:
        name: of a trunk.
        size: height and width of the picture.

    Raises:
        ConfigError: there is no such trunk, or it does not give c2 … c5 for pictures of this size.
    """
    for device in DEVICES:
        try:
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of foreign code, on things that are not trained
                return _measure(name, size, device)
        except RuntimeError as error:
            if device == DEVICES[-1]:
                raise _refused(name, size, found=_headline(error)) from None
        except (AssertionError, ValueError, TypeError) as error:
            # What foreign code checks outright is so on any device.
            raise _refused(name, size, found=_headline(error)) from None
    raise AssertionError("the last device answers or raises")


def _headline(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _measure(name: str, size: tuple[int, int], device: str) -> TrunkFacts:
    with torch.device(device):
        trunk = build_trunk(name)
        picture = torch.zeros(1, 3, *size)
    largest = max(spec.stride for spec in trunk.specs.values())
    if size[0] % largest or size[1] % largest:
        raise _refused(name, size, expected=f"height and width in multiples of {largest}")
    with Tape() as tape:
        maps = trunk.extract(trunk.module.eval(), picture)
    named = list(trunk.module.parameters())
    shares = tape.shares([maps[level] for level in trunk.specs], named)
    stages = []
    for (level, spec), (multiply_adds, own) in zip(trunk.specs.items(), shares, strict=True):
        _, channels, height, width = maps[level].shape
        shape, parameters = (channels, height, width), sum(named[n].numel() for n in own)
        stages.append(Stage(level, shape, spec.stride, parameters, multiply_adds))
    parameters = sum(parameter.numel() for parameter in named)
    return TrunkFacts(
        name=name,
        size=size,
        parameters=parameters,
        multiply_adds=tape.multiply_adds,
        unused=parameters - sum(stage.parameters for stage in stages),
        stages=tuple(stages),
        pretrained=tags_of(name),
    )


def _refused(
    name: str, size: tuple[int, int], expected: str | None = None, found: str | None = None
) -> ConfigError:
    return ConfigError(
        f"model.trunk: {name} does not take pictures of {size[0]} × {size[1]}",
        expected=expected,
        found=found,
    )
