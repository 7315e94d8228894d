"""`stack`: what the trunk sees, and the mean that mixing starts as."""

from __future__ import annotations

import torch

from mtcli.core.features import FeatureSpec
from mtcli.core.fusion.stack import Stack


def make() -> Stack:
    return Stack({"rgb": 3, "depth": 1}, {"c5": FeatureSpec(2, 32)})


def test_the_trunk_sees_one_input_behind_the_other_a_map_as_grey() -> None:
    rows = {"rgb": torch.tensor([0, 1]), "depth": torch.tensor([1])}
    pictures = {"rgb": torch.arange(6.0).reshape(2, 3, 1, 1), "depth": torch.ones(1, 1, 1, 1)}
    assert make().join(pictures, rows, 2)[..., 0, 0].tolist() == [[0, 1, 2], [3, 4, 5], [1, 1, 1]]


def test_it_starts_as_the_mean_and_what_lacks_is_zeros() -> None:
    rows = {"rgb": torch.tensor([0, 1]), "depth": torch.tensor([1, 2])}
    maps = {"c5": torch.tensor([[2.0, 4.0], [6.0, 8.0], [10.0, 20.0], [3.0, 5.0]])[..., None, None]}
    mixed = make().merge(maps, rows, 3)["c5"][..., 0, 0]
    assert mixed.tolist() == [[1, 2], [8, 14], [1.5, 2.5]]


def test_channels_are_mixed_by_one_convolution_a_level() -> None:
    fusion = make()
    assert {name: tuple(t.shape) for name, t in fusion.state_dict().items()} == {
        "mix.c5.weight": (2, 4, 1, 1)
    }
    with torch.no_grad():  # the first output is the depth's second channel
        fusion.get_parameter("mix.c5.weight").zero_()[0, 3] = 1
    rows = {"rgb": torch.tensor([0]), "depth": torch.tensor([0])}
    maps = {"c5": torch.tensor([[1.0, 2.0], [3.0, 4.0]])[..., None, None]}
    assert fusion.merge(maps, rows, 1)["c5"].flatten().tolist() == [4, 0]
