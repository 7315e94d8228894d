"""The pyramid: levels, strides and channels, and where the two coarsest come from."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.ops import FeaturePyramidNetwork

from mtcli.core.features import FeatureSpec, level_stride
from mtcli.core.pyramid import Pyramid, build_pyramid
from tests.conftest import DEVICE

CHANNELS, SIZE = 8, (128, 256)
SPECS = {
    level: FeatureSpec(channels, level_stride(level))
    for level, channels in (("c2", 4), ("c3", 6), ("c4", 8), ("c5", 8))
}
FOUR = {"p2", "p3", "p4", "p5"}


def _features() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(7)
    return {
        level: torch.randn(
            2, spec.channels, *(side // spec.stride for side in SIZE), generator=generator
        ).to(DEVICE)
        for level, spec in SPECS.items()
    }


def _pyramid(levels: set[str], norm: str | None = None, top: str = "p5") -> Pyramid:
    torch.manual_seed(3)
    pyramid = build_pyramid(SPECS, levels, CHANNELS, norm, top)
    assert pyramid is not None
    on_device: Pyramid = pyramid.to(DEVICE)
    return on_device


def test_without_a_reader_there_is_none() -> None:
    assert build_pyramid(SPECS, {"c5"}, CHANNELS) is None


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({"p2"}, "p2 p3 p4 p5"),
        ({"p4", "c5"}, "p4 p5"),
        ({"p3", "p7"}, "p3 p4 p5 p6 p7"),
        ({"p6"}, "p5 p6 p7"),
        ({"p7"}, "p5 p6 p7"),
    ],
)
def test_it_reaches_from_the_finest_level_that_is_read(levels: set[str], expected: str) -> None:
    pyramid = _pyramid(levels)
    assert list(pyramid.specs) == expected.split()
    maps = pyramid(_features())
    assert list(maps) == expected.split()
    for level, feature in maps.items():
        stride = level_stride(level)
        assert pyramid.specs[level] == FeatureSpec(CHANNELS, stride)
        assert feature.shape == (2, CHANNELS, SIZE[0] // stride, SIZE[1] // stride)


def test_tensors_bear_torchvision_s_names_and_give_its_maps() -> None:
    pyramid = _pyramid(FOUR)
    theirs = FeaturePyramidNetwork([4, 6, 8, 8], CHANNELS).to(DEVICE)
    assert list(pyramid.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(pyramid.state_dict())
    for found, expected in zip(
        pyramid(_features()).values(), theirs(_features()).values(), strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_coarser_levels_leave_the_others_as_they_are() -> None:
    without, beside = _pyramid(FOUR), _pyramid({*FOUR, "p6"})
    beside.load_state_dict(without.state_dict(), strict=False)
    few, more = without(_features()), beside(_features())
    assert all(torch.equal(few[level], more[level]) for level in few)
    extra = {name for name in beside.state_dict() if name not in without.state_dict()}
    assert extra == {
        f"extra_blocks.{level}.{kind}" for level in ("p6", "p7") for kind in ("weight", "bias")
    }


@pytest.mark.parametrize("top", ["p5", "c5"])
def test_p6_is_made_from_the_map_that_was_asked_for(top: str) -> None:
    """Though both have the same channels, by which torchvision tells them."""
    pyramid, features = _pyramid({"p5", "p6", "p7"}, top=top), _features()
    maps = pyramid(features)
    p6, p7 = pyramid.extra_blocks.p6, pyramid.extra_blocks.p7
    torch.testing.assert_close(maps["p6"], p6({**features, **maps}[top]))
    torch.testing.assert_close(maps["p7"], p7(maps["p6"].relu()))


def test_p6_takes_the_trunk_s_channels() -> None:
    wide = {**SPECS, "c5": FeatureSpec(20, 32)}
    pyramid = build_pyramid(wide, {"p6"}, CHANNELS, top="c5")
    assert pyramid is not None
    assert pyramid.extra_blocks.p6.in_channels == 20


def test_a_norm_stands_behind_each_of_the_convolutions() -> None:
    pyramid = _pyramid(FOUR, norm="batch")
    theirs = FeaturePyramidNetwork([4, 6, 8, 8], CHANNELS, norm_layer=torch.nn.BatchNorm2d)
    assert list(pyramid.state_dict()) == list(theirs.state_dict())
    for feature in pyramid(_features()).values():
        # In training each channel is brought to mean 0 and deviation 1.
        torch.testing.assert_close(feature.mean((0, 2, 3)).cpu(), torch.zeros(8), rtol=0, atol=1e-5)
        assert (feature.std((0, 2, 3)) < 1.1).all()
