"""How pictures with answers are shown to people: at which size, what lies on it, what beside."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torchvision.tv_tensors import Image

from mtcli.core.data.geometry import Resize, resize_rule
from mtcli.core.labels import ClassMapLabel, NumberMapLabel
from mtcli.core.ops.legend import Legend
from mtcli.core.ops.page import Said, page
from mtcli.core.ops.sheet import Sheet
from mtcli.core.task import AnyTask, Prediction, Target, Task

LEGIBLE = 512
"""Pixels of the longer side that smaller pictures are enlarged to before they are drawn on."""

LARGEST = 1600
"""Pixels of the longer side that larger ones are shrunk to."""


def for_screen(size: tuple[int, int], largest: int = LARGEST) -> Resize:
    """To a size at which text beside small things can be read, and that fits on a screen."""
    factor = max(1, round(LEGIBLE / max(size))) * min(1.0, largest / max(size))
    shown = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
    return resize_rule("stretch", size, shown)


def beside(tasks: Mapping[str, AnyTask]) -> list[str]:
    """The tasks whose maps get panels of their own: on the picture they would hide it.

    A single map of classes does not, it is laid on so that what is below can be seen.
    """
    maps = [name for name, task in tasks.items() if {ClassMapLabel, NumberMapLabel} & {*task.takes}]
    alone = len(maps) == 1 and NumberMapLabel not in tasks[maps[0]].takes
    return [] if alone else maps


def first_colors(tasks: Mapping[str, AnyTask]) -> dict[str, int]:
    """The colour that the classes of each task begin with: no two tasks that draw have the same."""
    found, taken = {}, 0
    for name, task in tasks.items():
        found[name] = taken
        if type(task).draw is not Task.draw:
            names = getattr(task.facts, "classes", getattr(task.facts, "points", ()))
            taken += len(names)
    return found


def answered(
    image: Tensor,
    tasks: Mapping[str, AnyTask],
    answers: Mapping[str, Prediction],
    truths: Mapping[str, Target | None] | None = None,
    largest: int = LARGEST,
) -> Tensor:
    """A picture with what tasks say of it, as a page `[3, H, W]` uint8.

    Args:
        image: `[3, H, W]` uint8.
        tasks: all of a model; each has colours of its own, also where some are not asked.
        answers: of those that were, in the picture's pixels.
        truths: of some, where they are known.
        largest: pixels of the longer side that a larger picture is shrunk to.
    """
    size = (image.shape[1], image.shape[2])
    shown = for_screen(size, largest)
    enlarged: Tensor = shown.apply(Image(image)).as_subclass(Tensor)
    main, colors, panels = Sheet(enlarged), first_colors(tasks), {}
    said = []
    own = {name: task for name, task in tasks.items() if name in answers}
    apart = beside(own)
    for name, task in own.items():
        answer = shown.apply(answers[name])
        truth = shown.apply((truths or {}).get(name))
        sheet = main
        if name in apart:
            sheet = panels[name] = Sheet(enlarged)
        sheet.begin(name, colors[name])
        task.draw(sheet, answer, truth)
        caption = task.caption(answer, truth)
        if caption is not None:
            said.append(Said(name, caption.text, caption.good))
    # One map alone needs no picture beside it.
    if len(panels) == 1 and not main.drawn:
        main = panels.popitem()[1]
    pictures: list[tuple[str, Tensor]] = []
    legends: list[Legend] = []
    for title, sheet in [("", main), *panels.items()]:
        picture, keys = sheet.apart()
        pictures.append((title, picture))
        legends += keys
    return page(pictures, said, legends)
