"""One sample drawn for people: its labels on the picture or beside it, words below it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torchvision.tv_tensors import Image

from mtcli.core.data.dataset import Item
from mtcli.core.data.records import Record
from mtcli.core.data.sample import shown_picture
from mtcli.core.ops.mosaic import Line, Tile
from mtcli.core.ops.sheet import Sheet
from mtcli.core.shown import beside, first_colors, for_screen
from mtcli.core.task import AnyTask


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
    main, colors = Sheet(image), first_colors(tasks)
    # What is out of sight keeps its panel, so that those of several draws stand in line.
    panels = {name: Sheet(image) for name in beside(tasks) if name in record.labels}
    unseen = set()
    for name, answer in answers.items():
        sheet = panels.get(name, main)
        before = sheet.drawn
        sheet.begin(name, colors[name])
        tasks[name].draw(sheet, answer, None)
        if sheet.drawn == before:
            unseen.add(name)
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
    pictures = [(name, sheet.picture()) for name, sheet in panels.items()]
    return Tile(main.picture(), title, lines, pictures)
