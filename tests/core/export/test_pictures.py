"""Pictures between a network and a graph: the same bytes, channels last, in parts or resized."""

from __future__ import annotations

import pytest
import torch

from mtcli.core.errors import DataError
from mtcli.core.export.pictures import (
    blank_pictures,
    graph_pictures,
    one_by_one,
    resized,
    some,
)

BOTH = {"rgb": 3, "depth": 1}


def test_channels_go_last_and_the_one_of_a_map_goes() -> None:
    rgb = torch.arange(2 * 3 * 4 * 5, dtype=torch.uint8).reshape(2, 3, 4, 5)
    depth = torch.rand(2, 1, 4, 5)
    rows = torch.tensor([0, 1])
    inputs = {"rgb": rgb, "rgb/rows": rows, "depth": depth, "depth/rows": rows}
    found = graph_pictures(inputs, BOTH)
    assert list(found) == ["rgb", "depth"]
    assert found["rgb"].shape == (2, 4, 5, 3)
    assert found["rgb"][1, 2, 3].tolist() == [int(rgb[1, channel, 2, 3]) for channel in range(3)]
    assert torch.equal(found["depth"], depth[:, 0])
    assert all(own.is_contiguous() for own in found.values())


def test_the_inputs_come_in_the_network_s_order() -> None:
    inputs = {"depth": torch.zeros(1, 1, 2, 2), "rgb": torch.zeros(1, 3, 2, 2, dtype=torch.uint8)}
    assert list(graph_pictures(inputs, BOTH)) == ["rgb", "depth"]


def test_a_picture_that_lacks_an_input_is_refused() -> None:
    inputs = {
        "rgb": torch.zeros(2, 3, 2, 2, dtype=torch.uint8),
        "rgb/rows": torch.tensor([0, 1]),
        "depth": torch.zeros(1, 1, 2, 2),
        "depth/rows": torch.tensor([1, -1]),
    }
    with pytest.raises(DataError, match="a picture lacks depth"):
        graph_pictures(inputs, BOTH)


def test_some_is_a_part_of_each_input_and_the_last_may_be_short() -> None:
    pictures = {"rgb": torch.arange(5)[:, None], "depth": torch.arange(10, 15)[:, None]}
    part = some(pictures, 3, 6)
    assert {name: own.flatten().tolist() for name, own in part.items()} == {
        "rgb": [3, 4],
        "depth": [13, 14],
    }


def test_one_by_one_is_every_picture_by_itself() -> None:
    pictures = {"rgb": torch.arange(3)[:, None], "depth": torch.arange(10, 13)[:, None]}
    pieces = one_by_one(pictures)
    assert [piece["rgb"].tolist() for piece in pieces] == [[[0]], [[1]], [[2]]]
    assert [piece["depth"].tolist() for piece in pieces] == [[[10]], [[11]], [[12]]]


def test_resized_repeats_the_nearest_pixels_and_keeps_the_form() -> None:
    pixels = torch.tensor([[10, 20], [30, 40]], dtype=torch.uint8)
    pictures = {"rgb": pixels[None, ..., None].repeat(1, 1, 1, 3), "depth": pixels[None] / 100}
    found = resized(pictures, (2, 4))
    assert found["rgb"].dtype == torch.uint8
    assert found["rgb"].shape == (1, 2, 4, 3)
    assert found["rgb"][0, ..., 2].tolist() == [[10, 10, 20, 20], [30, 30, 40, 40]]
    assert found["depth"].shape == (1, 2, 4)
    torch.testing.assert_close(found["depth"][0, 1], torch.tensor([0.3, 0.3, 0.4, 0.4]))
    assert all(own.is_contiguous() for own in found.values())


def test_blank_pictures_are_of_the_form_that_a_graph_takes() -> None:
    found = blank_pictures(BOTH, (4, 6), 2)
    assert found["rgb"].dtype == torch.uint8
    assert found["rgb"].shape == (2, 4, 6, 3)
    assert found["depth"].dtype == torch.float32
    assert found["depth"].shape == (2, 4, 6)
    assert not any(own.any() for own in found.values())
