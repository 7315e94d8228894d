"""Boxes, points and maps of several tasks on one picture: colours and places told by hand."""

from __future__ import annotations

import torch
from torch import Tensor

from mtcli.core.ops.drawing import color_of
from mtcli.core.ops.sheet import Sheet

BLACK = torch.zeros(3, 96, 160, dtype=torch.uint8)
Texts = list[list[str]]


def _colors(drawn: Tensor) -> set[tuple[int, ...]]:
    return {tuple(pixel) for pixel in drawn.flatten(1).T.tolist()}


def test_a_box_is_drawn_on_its_border_and_holds_its_last_pixel() -> None:
    sheet = Sheet(BLACK)
    sheet.true_boxes(torch.tensor([[8.0, 20.0, 40.0, 50.0]]))
    lit = sheet.picture().any(dim=0).nonzero()
    assert lit.amin(dim=0).tolist() == [20, 8]
    assert lit.amax(dim=0).tolist() == [49, 39]


def test_what_is_drawn_stands_out_from_its_own_colour() -> None:
    image = torch.tensor(color_of(0), dtype=torch.uint8)[:, None, None].expand(3, 96, 160)
    sheet = Sheet(image)
    sheet.boxes(torch.tensor([[8.0, 20.0, 40.0, 50.0]]), [0], ["a"], [[]])
    assert len(_colors(sheet.picture())) == 2


def test_nothing_drawn_is_the_picture_and_the_picture_stays() -> None:
    sheet = Sheet(BLACK)
    sheet.boxes(torch.zeros(0, 4), [], ["a"], [])
    sheet.number_map(torch.zeros(96, 160))
    assert sheet.drawn == 0
    assert torch.equal(sheet.picture(), BLACK)
    assert sheet.apart()[1] == []
    sheet.class_map(torch.ones(96, 160, dtype=torch.uint8), ["no", "yes"], 1)
    assert sheet.drawn == 1
    assert not BLACK.any()


def test_the_first_box_lies_on_top() -> None:
    sheet = Sheet(BLACK)
    same = torch.tensor([[8.0, 20.0, 60.0, 80.0]] * 2)
    sheet.boxes(same, [1, 0], ["a", "b"], [[], []])
    assert tuple(sheet.picture()[:, 40, 8].tolist()) == color_of(1)


def test_a_short_text_takes_the_place_of_a_long_one_and_a_legend_says_the_rest() -> None:
    sheet = Sheet(BLACK)
    one = torch.tensor([[8.0, 40.0, 60.0, 80.0]])
    long = "a name that is far too long for a picture that is so small"
    sheet.boxes(one, [0], [long], [[long, "7%"]])
    crowded = sheet.picture()
    plain = Sheet(BLACK)
    plain.boxes(one, [0], [long], [["7%"]])
    # The legend has no room either, and the short tag is what both have.
    assert torch.equal(crowded, plain.picture())


def test_tags_leave_most_of_the_picture_to_be_seen() -> None:
    sheet = Sheet(torch.zeros(3, 480, 640, dtype=torch.uint8))
    places = torch.rand(300, 2) * torch.tensor([600.0, 440.0])
    boxes = torch.cat([places, places + 30], dim=1)
    sheet.boxes(boxes, [3] * 300, ["ant"] * 4, [["a longer text"]] * 300)
    outlines = Sheet(torch.zeros(3, 480, 640, dtype=torch.uint8))
    outlines.boxes(boxes, [3] * 300, ["ant"] * 4, [[]] * 300)
    with_tags, without = sheet.apart()[0], outlines.apart()[0]
    assert 0.1 < (with_tags != without).any(dim=0).float().mean() <= 0.2


def test_a_legend_in_the_corner_only_where_tags_lack_room() -> None:
    boxes = torch.tensor([[50.0, 40.0, 58.0, 48.0]] * 40)
    crowded, roomy = Sheet(BLACK), Sheet(BLACK)
    crowded.boxes(boxes, [0] * 40, ["ant"], [["ant"]] * 40)
    roomy.boxes(boxes[:1], [0], ["ant"], [["ant"]])
    assert tuple(crowded.picture()[:, 95, 0].tolist()) == color_of(0)
    assert tuple(roomy.picture()[:, 95, 0].tolist()) == (0, 0, 0)


def test_legends_tell_what_is_there_whose_and_how_often() -> None:
    sheet = Sheet(BLACK)
    sheet.begin("det", 2)
    sheet.boxes(torch.ones(3, 4), [1, 0, 1], ["ant", "bee", "cow"], [[]] * 3)
    sheet.begin("seg", 5)
    numbers = torch.zeros(96, 160, dtype=torch.uint8)
    numbers[3, 3], numbers[9, 9] = 2, 255
    sheet.class_map(numbers, ["none", "leaf", "stem"], 1)
    sheet.begin("depth")
    sheet.number_map(torch.linspace(2, 5, 160).expand(96, -1))
    _, [seg, depth, det] = sheet.apart()
    assert (det.subject, det.keys) == ("det", (("ant ×1", color_of(2)), ("bee ×2", color_of(3))))
    assert (seg.subject, seg.keys) == ("seg", (("stem", color_of(6)),))
    assert (depth.subject, depth.scale) == ("depth", (2.0, 5.0))


def test_a_dot_is_round_and_where_it_was_said_to_be() -> None:
    sheet = Sheet(BLACK)
    sheet.points(torch.tensor([[80.5, 48.5]]), [0], ["tip"])
    drawn, _ = sheet.apart()
    assert tuple(drawn[:, 48, 80].tolist()) == color_of(0)
    rings = (drawn == 255).all(dim=0).nonzero()
    assert rings.float().mean(dim=0).tolist() == [48.0, 80.0]


def test_a_true_point_is_a_ring() -> None:
    sheet = Sheet(BLACK)
    sheet.true_points(torch.tensor([[80.5, 48.5]]))
    drawn = sheet.picture()
    assert not drawn[:, 48, 80].any()
    assert drawn[:, 40:57, 72:89].any()
