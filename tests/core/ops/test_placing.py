"""Tags beside what they name: inside the frame, never on each other, or nowhere."""

from __future__ import annotations

import random

from mtcli.core.ops.placing import Places, Rect


def _overlap(one: Rect, other: Rect) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_a_tag_stands_on_the_upper_left_corner_of_its_box() -> None:
    assert Places((100, 200)).place((30, 10), (50, 40, 90, 80)) == (50, 30)


def test_at_the_upper_border_it_hangs_inside_its_box() -> None:
    assert Places((100, 200)).place((30, 10), (50, 4, 90, 80)) == (50, 4)


def test_at_the_right_border_it_slides_into_the_frame() -> None:
    assert Places((100, 200)).place((30, 10), (190, 40, 200, 80)) == (170, 30)


def test_it_hides_no_other_thing_where_it_need_not() -> None:
    box: Rect = (50, 40, 90, 80)
    above: Rect = (45, 25, 95, 39)
    assert Places((100, 200), [box, above]).place((30, 10), box) == (50, 40)


def test_a_dot_is_not_hidden_by_its_own_name() -> None:
    dot: Rect = (48, 2, 54, 8)  # no room above
    corner = Places((100, 200), [dot]).place((30, 10), dot)
    assert corner is not None
    assert not _overlap((*corner, corner[0] + 30, corner[1] + 10), dot)


def test_what_is_larger_than_the_frame_has_no_room() -> None:
    assert Places((8, 200)).place((30, 10), (0, 0, 5, 5)) is None
    assert Places((100, 20)).place((30, 10), (0, 0, 5, 5)) is None


def test_many_tags_never_overlap_and_never_leave_the_frame() -> None:
    chance = random.Random(0)
    boxes: list[Rect] = []
    for _ in range(150):
        x, y = chance.uniform(0, 280), chance.uniform(0, 180)
        boxes.append((x, y, x + chance.uniform(5, 60), y + chance.uniform(5, 60)))
    places, tags = Places((200, 300), boxes), []
    for box in boxes:
        corner = places.place((40, 12), box)
        if corner is not None:
            tags.append((*corner, corner[0] + 40, corner[1] + 12))
    assert 20 < len(tags) < 150
    assert all(min(x1, y1) >= 0 and x2 <= 300 and y2 <= 200 for x1, y1, x2, y2 in tags)
    assert not any(_overlap(a, b) for n, a in enumerate(tags) for b in tags[:n])
