"""How pictures with answers are shown to people: at which size, and what lies above what."""

from __future__ import annotations

from collections.abc import Mapping

from torchvision.tv_tensors import Mask

from mtcli.core.data.geometry import Resize, resize_rule
from mtcli.core.task import Prediction

LEGIBLE = 512
"""Pixels of the longer side that smaller pictures are enlarged to before they are drawn on."""

LARGEST = 1600
"""Pixels of the longer side that larger ones are shrunk to."""


def for_screen(size: tuple[int, int]) -> Resize:
    """To a size at which text beside small things can be read, and that fits on a screen."""
    factor = max(1, round(LEGIBLE / max(size))) * min(1.0, LARGEST / max(size))
    shown = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
    return resize_rule("stretch", size, shown)


def lowest_first(answers: Mapping[str, Prediction]) -> list[str]:
    """The tasks in the order in which their answers are drawn: maps would cover boxes."""

    def above(name: str) -> bool:
        return not any(isinstance(value, Mask) for value in answers[name].values())

    return sorted(answers, key=above)
