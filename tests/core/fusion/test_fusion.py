"""What every way of fusion keeps: shapes, rows that lack an input, and where gradients go."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mtcli.core.features import FeatureSpec
from mtcli.core.fusion import FUSIONS, Fusion
from tests.conftest import DEVICE

INPUTS = {"rgb": 3, "depth": 1}
SPECS = {"c4": FeatureSpec(6, 16), "c5": FeatureSpec(8, 32)}
COUNT = 4
every_fusion = pytest.mark.parametrize("name", FUSIONS.names())


def made(name: str) -> Fusion:
    return FUSIONS.get(name)(INPUTS, SPECS).to(DEVICE)


def rows(rgb: list[int], depth: list[int]) -> dict[str, Tensor]:
    return {
        "rgb": torch.tensor(rgb, dtype=torch.int64, device=DEVICE),
        "depth": torch.tensor(depth, dtype=torch.int64, device=DEVICE),
    }


def pictures(there: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name: torch.randn(len(there[name]), channels, 32, 64, device=DEVICE)
        for name, channels in INPUTS.items()
    }


def maps_of(joined: Tensor) -> dict[str, Tensor]:
    """What a trunk could make of it: each row depends on that row alone."""
    seen = joined.mean((1, 2, 3))[:, None, None, None]
    return {
        level: seen * torch.arange(1.0, spec.channels + 1, device=DEVICE)[:, None, None]
        + torch.zeros(64 // spec.stride, device=DEVICE)
        for level, spec in SPECS.items()
    }


def merged(fusion: Fusion, given: dict[str, Tensor], there: dict[str, Tensor]) -> dict[str, Tensor]:
    return fusion.merge(maps_of(fusion.join(given, there, COUNT)), there, COUNT)


@every_fusion
@pytest.mark.parametrize(
    ("rgb", "depth"),
    [([0, 1, 2, 3], [0, 1, 2, 3]), ([0, 1, 3], [1, 2]), ([], [0, 1, 2, 3]), ([0, 1, 2, 3], [])],
)
def test_shapes_whatever_is_lacking(name: str, rgb: list[int], depth: list[int]) -> None:
    fusion, there = made(name), rows(rgb, depth)
    given = pictures(there)
    joined = fusion.join(given, there, COUNT)
    assert joined.shape[1:] == (fusion.channels(INPUTS), 32, 64)
    found = fusion.merge(maps_of(joined), there, COUNT)
    assert {level: tuple(feature.shape[:2]) for level, feature in found.items()} == {
        "c4": (COUNT, 6),
        "c5": (COUNT, 8),
    }
    assert all(bool(feature.isfinite().all()) for feature in found.values())


@every_fusion
def test_a_row_is_made_of_its_own_inputs(name: str) -> None:
    fusion, there = made(name), rows([0, 1, 3], [1, 2])
    given = pictures(there)
    before = merged(fusion, given, there)
    given["depth"][0] += 1  # row 1's
    given["rgb"][2] += 1  # row 3's
    after = merged(fusion, given, there)
    for level in SPECS:
        changed = [not torch.equal(before[level][row], after[level][row]) for row in range(COUNT)]
        assert changed == [False, True, False, True]


@every_fusion
def test_gradients_reach_every_input_and_every_layer(name: str) -> None:
    fusion, there = made(name), rows([0, 1, 3], [1, 2])
    given = {key: values.requires_grad_() for key, values in pictures(there).items()}
    sum(feature.square().sum() for feature in merged(fusion, given, there).values()).backward()  # type: ignore[union-attr]
    for values in given.values():
        assert values.grad is not None
        assert bool((values.grad.flatten(1).norm(dim=1) > 0).all())
    for key, parameter in fusion.named_parameters():
        assert parameter.grad is not None, key
        assert float(parameter.grad.norm()) > 0, key


@every_fusion
def test_channels_of_the_trunk(name: str) -> None:
    assert made(name).channels(INPUTS) == {"channels": 4, "stack": 3, "gated": 3}[name]


@every_fusion
def test_half_precision_stays_so(name: str) -> None:
    fusion, there = made(name), rows([0, 1, 3], [1, 2])
    with torch.autocast(DEVICE.type, torch.bfloat16):
        joined = fusion.join(pictures(there), there, COUNT)
        maps = {level: feature.bfloat16() for level, feature in maps_of(joined).items()}
        found = fusion.merge(maps, there, COUNT)
    assert {feature.dtype for feature in found.values()} == {torch.bfloat16}
