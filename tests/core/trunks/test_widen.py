"""First convolutions that see more than a picture: the same maps, or the reason why not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mtcli.core.errors import ConfigError
from mtcli.core.features import FeatureSpec
from mtcli.core.trunks import Trunk, build_trunk
from mtcli.core.trunks.widen import wide_kernel, widen, widened_kernels

RGB_DEPTH = {"rgb": 3, "depth": 1}


def test_a_kernel_keeps_its_place_and_the_rest_is_zeros() -> None:
    kernel = torch.arange(1.0, 4.0).reshape(1, 3, 1, 1)
    assert wide_kernel(kernel, 5, slice(1, 4)).flatten().tolist() == [0, 1, 2, 3, 0]
    assert wide_kernel(kernel, 2, slice(0, 1)).flatten().tolist() == [6, 0]


@pytest.mark.parametrize(
    ("inputs", "own"),
    [
        (RGB_DEPTH, slice(0, 3)),
        ({"depth": 1, "rgb": 3}, slice(1, 4)),
        ({"rgb": 3, "infrared": 3}, slice(0, 3)),
        ({"near": 1, "far": 1}, slice(0, 1)),
    ],
)
def test_published_kernels_are_for_the_first_picture(inputs: dict[str, int], own: slice) -> None:
    trunk = build_trunk("tiny")
    widen(trunk, "tiny", inputs)
    assert widened_kernels(trunk.module) == {"stem.0.weight": own}
    assert trunk.module.get_parameter("stem.0.weight").shape[1] == sum(inputs.values())


@pytest.mark.parametrize("name", ["tiny", "resnet18", "tf_efficientnet_lite0"])
def test_with_its_kernel_a_trunk_gives_the_maps_of_the_picture_alone(name: str) -> None:
    torch.manual_seed(3)
    narrow = build_trunk(name)
    torch.manual_seed(3)
    trunk = build_trunk(name)
    widen(trunk, name, RGB_DEPTH)
    wide = widened_kernels(trunk.module)
    trunk.module.load_state_dict(
        {
            key: wide_kernel(values, 4, wide[key]) if key in wide else values
            for key, values in narrow.module.state_dict().items()
        }
    )
    picture, depth = torch.randn(2, 3, 64, 64), torch.randn(2, 1, 64, 64)
    narrow.module.eval(), trunk.module.eval()
    with torch.no_grad():
        wanted = narrow.extract(narrow.module, picture)
        found = trunk.extract(trunk.module, torch.cat([picture, depth], dim=1))
    for level, feature in wanted.items():
        assert torch.allclose(found[level], feature, atol=1e-5)


def test_fresh_kernels_vary_as_much_as_before_whatever_was_tried() -> None:
    trunk = build_trunk("resnet18")
    before = trunk.module.get_parameter("conv1.weight").detach()
    torch.manual_seed(1)
    widen(trunk, "resnet18", RGB_DEPTH)
    kernel = trunk.module.get_parameter("conv1.weight").detach()
    assert trunk.module.training
    assert trunk.module.get_parameter("conv1.weight").requires_grad
    of_output = [w.square().sum((1, 2, 3)).mean().sqrt() for w in (before, kernel)]
    assert float(of_output[1] / of_output[0]) == pytest.approx(1, abs=0.05)
    again = build_trunk("resnet18")
    torch.manual_seed(1)
    expected = torch.empty_like(kernel).normal_(0, float(kernel.std()))
    torch.manual_seed(1)
    widen(again, "resnet18", RGB_DEPTH)
    assert torch.allclose(again.module.get_parameter("conv1.weight"), expected, rtol=0.1)


class Twice(nn.Module):
    """Shows the picture to a layer that is no convolution, too."""

    def __init__(self, adds: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=4, padding=1)
        self.adds = adds

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.conv(x) if self.adds else self.conv(x * 1.0)
        return hidden + (x * torch.ones(3, 1, 1)).mean() if self.adds else hidden


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nf_regnet_b1", "changes its kernel as a whole"),
        ("hides", "no convolution sees the picture itself"),
        ("adds", "other layers see the picture too"),
    ],
)
def test_what_cannot_be_widened_says_why(name: str, reason: str) -> None:
    if name == "nf_regnet_b1":
        trunk = build_trunk(name)
    else:
        extract = lambda module, x: {"c2": module(x)}
        specs = {"c2": FeatureSpec(4, 4)}
        trunk = Trunk(Twice(name == "adds"), specs, extract, mean=(0.5,), std=(0.5,))
    with pytest.raises(ConfigError) as caught:
        widen(trunk, name, RGB_DEPTH)
    assert name in caught.value.what
    assert reason in str(caught.value.found)
    assert "stack" in str(caught.value.mend)
