"""The picture of statistics, also where there is much, little or nothing to draw."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from mtcli.core.inspection.look import ClassMapLook
from mtcli.core.labels import LabelValue, Object, ObjectsLabel, WordsLabel
from mtcli.core.statistics.bars import SHOWN
from mtcli.core.statistics.figure import draw_statistics, save_figure
from mtcli.core.statistics.marks import number, numbers, percent, round_numbers
from mtcli.core.statistics.model import Measure, Statistics
from mtcli.core.statistics.plain import spread
from mtcli.core.statistics.spreads import FEW, borders, histogram_panel
from mtcli.core.statistics.tally import Tally
from mtcli.core.statistics.together import pairs_of

SPLITS = ("train", "val", "test")


def _statistics(classes: int, pictures: int, splits: int = 2) -> Statistics:
    """Pictures of one class each, with boxes of the class and the next, and masks."""
    used = SPLITS[:splits]
    names = [f"class $_{n} with a long name" for n in range(classes)]
    tasks: dict[str, Tally] = {
        "cls": Tally("classification", used, names),
        "det": Tally("detection", used, names),
        "seg": Tally("segmentation", used, names[:2]),
    }
    presence = []
    for split in used:
        for n in range(pictures):
            one, other = names[n % classes], names[(n + 1) % classes]
            box = (0.0, 0.0, 10.0 + n, 20.0)
            said: dict[str, LabelValue | ClassMapLook] = {
                "cls": WordsLabel((one,)),
                "det": ObjectsLabel((Object(one, box), Object(other, box))),
                "seg": ClassMapLook((50, 50), dict.fromkeys(names[:2], 100), 0),
            }
            presence.append(
                {
                    name: tally.add(split, said[name], (50, 500), (1.0, 1.0))
                    for name, tally in tasks.items()
                    if split != "test"
                }
            )
    found = {name: tally.result() for name, tally in tasks.items()}
    return Statistics(
        size=(64, 64),
        pictures=dict.fromkeys(used, pictures),
        unreadable=dict.fromkeys(used, 0),
        sizes={split: [(50, 50 + 10 * n) for n in range(pictures)] for split in used},
        measures={
            "brightness": Measure(
                "brightness", {s: [100.0 + n for n in range(pictures)] for s in used}
            )
        },
        tasks=found,
        together=pairs_of(presence, {name: task.classes for name, task in found.items()}),
        overlaps={},
    )


def _texts(figure: Any) -> list[Text]:
    found = [*figure.texts]
    for axes in figure.axes:
        found += axes.texts
        if axes.axison:
            found += [*axes.get_xticklabels(), *axes.get_yticklabels()]
    return [text for text in found if text.get_text() and text.get_visible()]


@pytest.mark.parametrize(("classes", "pictures", "splits"), [(3, 9, 2), (100, 120, 3), (2, 1, 1)])
def test_no_words_lie_upon_each_other_or_leave_the_picture(
    classes: int, pictures: int, splits: int
) -> None:
    figure = draw_statistics(_statistics(classes, pictures, splits), "heading")
    figure.canvas.draw()
    texts = _texts(figure)
    extents = [text.get_window_extent(figure.canvas.get_renderer()) for text in texts]
    x0, y0, x1, y1 = np.array([extent.extents for extent in extents]).T
    assert (x0.min(), y0.min()) >= (0, 0)
    assert x1.max() <= figure.bbox.width + 1
    assert y1.max() <= figure.bbox.height
    across = np.minimum.outer(x1, x1) - np.maximum.outer(x0, x0)
    down = np.minimum.outer(y1, y1) - np.maximum.outer(y0, y0)
    # The lines of a text are a bit higher than its letters.
    upon = np.argwhere(np.triu((across > 2) & (down > 3), k=1))
    assert [(texts[one], texts[other]) for one, other in upon] == []


def test_the_picture_is_1600_pixels_wide() -> None:
    save_figure(draw_statistics(_statistics(3, 9), "heading"), Path("stats.png"), "png")
    with Image.open("stats.png") as picture:
        assert picture.width == 1600
        assert picture.format == "PNG"


def test_long_lists_of_classes_are_cut() -> None:
    said = [text.get_text() for text in _texts(draw_statistics(_statistics(30, 60), "heading"))]
    assert f"and {30 - SHOWN} more" in said


def test_a_class_that_a_split_lacks_stands_out() -> None:
    figure = draw_statistics(_statistics(3, 2), "heading")
    assert "none" in [text.get_text() for text in _texts(figure)]


def test_letters_that_the_font_lacks_are_no_failure() -> None:
    save_figure(draw_statistics(_statistics(2, 2), "種"), Path("stats.png"), "png")


def test_what_is_everywhere_is_not_among_what_meets() -> None:
    figure = draw_statistics(_statistics(3, 9), "heading")
    [table] = [axes for axes in figure.axes if any(t.get_rotation() == 90 for t in axes.texts)]
    # Three classes of cls and of det; masks show both of theirs in every picture.
    assert sum(text.get_rotation() == 90 for text in table.texts) == 6


@pytest.mark.parametrize(
    ("low", "high", "log", "found"),
    [
        (0, 1, False, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 255, False, [0, 100, 200]),
        (3, 3.5, False, [3.0, 3.1, 3.2, 3.3, 3.4, 3.5]),
        (1, 100, True, [1, 5, 20, 100]),
        (0.5, 2, True, [0.5, 0.7, 1, 1.5, 2]),
    ],
)
def test_axes_have_round_numbers(low: float, high: float, log: bool, found: list[float]) -> None:
    assert round_numbers(low, high, log) == pytest.approx(found)


def test_whole_numbers_have_a_bar_each() -> None:
    assert borders(2, 5, log=False, whole=True) == [1.5, 2.5, 3.5, 4.5, 5.5]
    ends = borders(1, 100, log=True, whole=False)
    assert (ends[0], ends[-1]) == (1, 100)
    assert ends == sorted(ends)


CASES = [
    [2.0],
    [1.5] * 4,
    [1.5, 1.5000000000000002],  # 18 boxes of one shape, but for rounding
    [16.97, 16.970000000001, 16.97],
    [1.0, 1.0 + 1e-8],
    [0.0, 5e-324],
    [-1e-200, 1e-200],
    [1e-30, 1e30],
    [-1e30, 1e30],
    [1e17, 1e17 + 16],
    [1e15, 1e15 + 3],
    [0.0, 1.0],
]
RANDOM = np.random.default_rng(0)
CASES += [
    (centre + scale * RANDOM.standard_normal(count)).tolist()
    for centre in (0.0, 1.0, -40.0, 1e9)
    for scale in (1e-20, 1e-8, 1e-3, 1.0, 1e12)
    for count in (1, 2, 30)
]


@pytest.mark.parametrize("ratio", [False, True])
@pytest.mark.parametrize("values", CASES, ids=str)
def test_any_values_can_be_drawn(values: list[float], ratio: bool) -> None:
    for split in ({"train": values}, {"train": [], "val": values}, {"a": values, "b": values[:1]}):
        panel = histogram_panel("name", Measure("what", split, ratio), (0, 0, 0))
        assert panel is not None
        axes = Figure().add_subplot()
        panel.draw(axes)
        axes.figure.canvas.draw()
        low, high = axes.get_xlim()
        assert not axes.axison or low <= min(values) <= max(values) <= high


def test_borders_of_bars_ascend_and_hold_all_values() -> None:
    for values in CASES:
        low, high = min(values), max(values)
        if high - low <= 1e-9 * max(abs(low), abs(high)) or high - low < 1e-100:
            continue  # drawn as one value
        for log in {False, low > 0}:
            ends = borders(low, high, log, whole=False)
            assert (ends[0], ends[-1]) == (low, high)
            assert all(a < b for a, b in pairwise(ends))


def test_few_values_are_ticks_and_not_spikes() -> None:
    many = [n + 0.5 for n in range(FEW)]
    panel = histogram_panel("name", Measure("what", {"train": many, "val": many[1:]}), (0, 0, 0))
    assert panel is not None
    axes = Figure().add_subplot()
    panel.draw(axes)
    rugs: list[Any] = [lines for lines in axes.collections if lines.get_gid() == "rug"]
    [rug] = rugs
    assert [segment[0][0] for segment in rug.get_segments()] == many[1:]
    assert len(axes.patches) > 1  # the bars of the many


@pytest.mark.parametrize(
    ("kinds", "told"), [(("cls", "det"), True), (("det",), False), (("cls",), False)]
)
def test_one_task_has_nothing_to_be_together_with(kinds: tuple[str, ...], told: bool) -> None:
    found = _statistics(3, 9)
    tasks = {name: found.tasks[name] for name in kinds}
    together = [p for p in found.together if p.first[0] in kinds and p.second[0] in kinds]
    figure = draw_statistics(replace(found, tasks=tasks, together=together), "heading")
    assert ("together" in [text.get_text() for text in figure.texts]) == told


def test_numbers_are_told_apart() -> None:
    assert numbers([16.97, 16.9704]) == ["16.97", "16.9704"]
    assert numbers([1.0, 2.0]) == ["1", "2"]
    assert len(set(numbers([1e9 + 0.5, 1e9 + 0.75]))) == 2


def test_numbers_are_short() -> None:
    assert [number(value) for value in (3.0, 0.12345, 1234.0, 2e9)] == [
        "3",
        "0.123",
        "1234",
        "2e+09",
    ]
    assert [percent(value) for value in (0, 0.004, 0.051, 0.5, 1)] == [
        "0%", "0.4%", "5.1%", "50%", "100%",
    ]  # fmt: skip


def test_a_spread_is_that_of_all_numbers() -> None:
    assert spread([1, 3]) == {
        "count": 2, "min": 1, "median": 2, "mean": 2, "max": 3, "deviation": 1,
    }  # fmt: skip
    assert spread([])["mean"] is None
