"""`gated`: weights that start even, make 1, and depend on what is seen."""

from __future__ import annotations

import math

import pytest
import torch

from mtcli.core.features import FeatureSpec
from mtcli.core.fusion.gated import Gated

BOTH = {"rgb": torch.tensor([0]), "depth": torch.tensor([0])}


def make() -> Gated:
    return Gated({"rgb": 3, "depth": 1}, {"c5": FeatureSpec(2, 32)})


def test_it_starts_as_the_mean_of_what_is_there() -> None:
    rows = {"rgb": torch.tensor([0, 1]), "depth": torch.tensor([1, 2])}
    maps = {"c5": torch.tensor([[2.0, 4.0], [6.0, 8.0], [10.0, 20.0], [3.0, 5.0]])[..., None, None]}
    weighed = make().merge(maps, rows, 3)["c5"][..., 0, 0]
    assert weighed.tolist() == [[2, 4], [8, 14], [3, 5]]


def test_the_weights_are_a_softmax_of_both_maps() -> None:
    fusion = make()
    with torch.no_grad():
        fusion.get_parameter("gate.c5.bias").copy_(torch.tensor([0.0, math.log(3)]))
    maps = {"c5": torch.tensor([[4.0, 0.0], [0.0, 8.0]])[..., None, None]}
    assert fusion.merge(maps, BOTH, 1)["c5"].flatten().tolist() == pytest.approx([1, 6])
    with torch.no_grad():  # the depth's second channel speaks for the picture
        fusion.get_parameter("gate.c5.weight")[0, 3] = math.log(3) / 8 + math.log(3) / 8
    assert fusion.merge(maps, BOTH, 1)["c5"].flatten().tolist() == pytest.approx([3, 2])


def test_each_cell_has_weights_of_its_own() -> None:
    fusion = make()
    with torch.no_grad():
        fusion.get_parameter("gate.c5.weight")[0, 0] = 100
    rgb = torch.tensor([[[0.0, 1.0]], [[2.0, 2.0]]])
    depth = torch.full((2, 1, 2), 4.0)
    found = fusion.merge({"c5": torch.stack([rgb, depth])}, BOTH, 1)["c5"][0]
    assert found.tolist() == [[[2.0, 1.0]], [[3.0, 2.0]]]


def test_what_lacks_weighs_nothing_however_it_is_liked() -> None:
    fusion = make()
    with torch.no_grad():
        fusion.get_parameter("gate.c5.bias").copy_(torch.tensor([-50.0, 50.0]))
    rows = {"rgb": torch.tensor([0]), "depth": torch.tensor([], dtype=torch.int64)}
    maps = {"c5": torch.tensor([[4.0, 5.0]])[..., None, None]}
    assert fusion.merge(maps, rows, 1)["c5"].flatten().tolist() == [4, 5]
