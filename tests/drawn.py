"""What a task draws, as tests look at it."""

from __future__ import annotations

from torch import Tensor

from mtcli.core.ops.sheet import Sheet
from mtcli.core.task import AnyTask, Prediction, Target


def drawn_on(task: AnyTask, image: Tensor, said: Prediction, truth: Target | None = None) -> Tensor:
    """The picture `[3, H, W]` uint8 with what a task draws on it."""
    sheet = Sheet(image)
    task.draw(sheet, said, truth)
    return sheet.picture()
