"""The layers of a trunk, in the order in which a picture meets them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from mtcli.core.layers import layers_of
from mtcli.core.trunks import build_trunk
from tests.custom_trunk import SmallTrunk

ORDERS: dict[str, Sequence[str]] = {
    "tiny": ["stem.0", "stages.c2.0", "stages.c2.1", "stages.c3.0", "stages.c4.1", "stages.c5.1"],
    "resnet18": ["conv1", "layer1.0", "layer1.1", "layer2.0", "layer3.1", "layer4.1"],
    "tf_efficientnet_lite0": ["conv_stem", "blocks.0.0", "blocks.1.1", "blocks.4.2", "blocks.6.0"],
}


@pytest.mark.parametrize("name", ORDERS)
def test_numbers_rise_along_the_network(name: str) -> None:
    trunk = build_trunk(name).module
    layers = layers_of(trunk)
    found = []
    for part in ORDERS[name]:
        own = {number for tensor, number in layers.items() if tensor.startswith(f"{part}.")}
        assert len(own) <= 2, f"{part} is one layer, or a convolution and its norm: {own}"
        found.append(max(own))
    assert found == sorted(set(found)), found


@pytest.mark.parametrize("name", ORDERS)
def test_every_parameter_has_a_layer_and_the_first_sees_the_picture(name: str) -> None:
    trunk = build_trunk(name).module
    layers = layers_of(trunk)
    assert [*layers] == [tensor for tensor, _ in trunk.named_parameters()]
    first = next(iter(layers))
    assert layers[first] == 0
    numbers = {*layers.values()}
    assert numbers == set(range(len(numbers))), "no number is left out"
    last = max(layers.values())
    deepest = {tensor for tensor, number in layers.items() if number == last}
    end = {"tiny": r"stages\.c5\.1\.", "resnet18": r"layer4\.1\."}.get(name, r"blocks\.6\.")
    assert all(re.match(end, tensor) for tensor in deepest), deepest


def test_a_norm_moves_with_its_convolution() -> None:
    layers = layers_of(build_trunk("resnet18").module)
    assert layers["conv1.weight"] == layers["bn1.weight"] == 0
    assert layers["layer2.0.conv1.weight"] == layers["layer2.0.bn1.weight"]
    assert layers["layer2.0.downsample.0.weight"] == layers["layer2.0.conv1.weight"]


def test_a_trunk_of_one_s_own_goes_by_its_modules() -> None:
    layers = layers_of(SmallTrunk())
    assert layers["stem.0.weight"] == 0
    assert (
        layers["stages.c2.0.weight"] < layers["stages.c3.0.weight"] < layers["stages.c5.0.weight"]
    )
    assert {*layers} == {name for name, _ in SmallTrunk().named_parameters()}


def test_a_convolution_and_the_norm_behind_it_are_one_layer() -> None:
    layers = layers_of(build_trunk("tiny").module)
    assert layers["stem.0.weight"] == layers["stem.1.weight"] == layers["stem.1.bias"] == 0
    assert layers["stages.c2.0.0.weight"] == layers["stages.c2.0.1.weight"] == 1
    assert {*layers.values()} == set(range(9)), "the stem, and two for each of four maps"
