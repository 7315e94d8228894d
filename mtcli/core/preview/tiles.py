"""One sample drawn for people: its labels on the picture or beside it, words below it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torchvision.tv_tensors import Image

from mtcli.core.data.dataset import Item
from mtcli.core.data.records import Record
from mtcli.core.data.sample import shown_picture
from mtcli.core.labels import ClassMapLabel, NumberMapLabel
from mtcli.core.ops.mosaic import Line, Tile
from mtcli.core.shown import for_screen, lowest_first
from mtcli.core.task import AnyTask


def beside(tasks: Mapping[str, AnyTask]) -> list[str]:
    """The tasks whose maps get panels of their own: on the picture they would hide it.

    A single map of classes does not, it is laid on so that what is below can be seen.
    """
    maps = [name for name, task in tasks.items() if {ClassMapLabel, NumberMapLabel} & {*task.takes}]
    alone = len(maps) == 1 and NumberMapLabel not in tasks[maps[0]].takes
    return [] if alone else maps


def tile_of(
    item: Item, record: Record, tasks: Mapping[str, AnyTask], joint: bool, title: str
) -> Tile:
    """The picture as the network gets it, enlarged where it is small.

    Args:
        item: the sample.
        record: that it was made of; of its labels those are left that say something.
        tasks: all of the config.
        joint: whether all tasks speak of the same pictures, so that one without a label is worth
            a word.
        title: what stands above it.
    """
    sample = item.sample
    picture = Image(shown_picture(sample))
    shown = for_screen((picture.shape[1], picture.shape[2]))
    targets = shown.apply(sample["targets"])
    answers = {name: tasks[name].truth(target) for name, target in targets.items()}
    image = shown.apply(picture).as_subclass(Tensor)
    # What is out of sight keeps its panel, so that those of several draws stand in line.
    panels = {name: image for name in beside(tasks) if name in record.labels}
    unseen = set()
    for name in lowest_first(answers):
        below = panels.get(name, image)
        drawn = tasks[name].draw(below, answers[name], None)
        if torch.equal(drawn, below):
            unseen.add(name)
        if name in panels:
            panels[name] = drawn
        else:
            image = drawn
    lines = []
    for name, task in tasks.items():
        if name in answers:
            caption = task.caption(answers[name], None)
            if caption is not None:
                lines.append(Line(name, caption.text))
            elif name in unseen:
                lines.append(Line(name, "nothing there"))
        elif name in record.labels:
            cut = sample["cropped"] and not task.crop_safe
            why = "no label after the crop" if cut else "nothing of it in sight"
            lines.append(Line(name, why, missing=True))
        elif joint:
            lines.append(Line(name, "no label", missing=True))
    return Tile(image, title, lines, list(panels.items()))
