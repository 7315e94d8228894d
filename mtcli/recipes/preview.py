"""mtcli data preview: samples as the network gets them, with every label drawn."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from mtcli.core.config import Config
from mtcli.core.data.augment import Augment
from mtcli.core.data.dataset import Item, RecordDataset
from mtcli.core.data.gather import load_records
from mtcli.core.data.prepare import check_pictures_and_labels, prepare_tasks
from mtcli.core.data.records import labelled_only, require_labels
from mtcli.core.data.splits import check_files
from mtcli.core.errors import MtcliError
from mtcli.core.events import Noted, Verifying
from mtcli.core.mixing import Draw, Mixing
from mtcli.core.mixing.build import build_mixing
from mtcli.core.ops.drawing import to_pil
from mtcli.core.ops.mosaic import mosaic, packed
from mtcli.core.picturefile import write_picture
from mtcli.core.preview.choice import choose, light, missed, things_of
from mtcli.core.preview.tiles import tile_of

QUALITY = 88
"""Of a JPEG: no blocks around letters, at a third of the size of a PNG."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be looked at.

    Attributes:
        split: whose pictures.
        number: how many.
        draws: None: each picture as in the first epoch; N: each without augmentation, and in a
            row with it as in the first N epochs.
        seed: of the choice of pictures.
    """

    split: str = "train"
    number: int = 12
    draws: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Previewed:
    """What was drawn: how many pictures of how many, and the classes that are on none, by task."""

    path: Path
    shown: int
    pictures: int
    missed: dict[str, list[str]]


def preview(
    config: Config, path: Path, wanted: Wanted
) -> Generator[Verifying | Noted, None, Previewed]:
    """Draw some samples of a split into one picture.

    Those of the training split are augmented as the training does it in its first epochs; other
    splits never are. Only the chosen pictures are opened.

    Args:
        config: checked.
        path: of the picture, checked by `check_picture_path`.
        wanted: which samples.

    Raises:
        MtcliError: see `mtcli.core.errors`.
    """
    data, seed = config.data, config.train.seed
    check_files(config)
    train = load_records(data, config.tasks, "train")
    for name in config.tasks:
        require_labels(train, name)
    listed = train if wanted.split == "train" else load_records(data, config.tasks, wanted.split)
    records = labelled_only(listed) or listed
    train = labelled_only(train)

    things = [things_of(record, config.tasks) for record in records]
    chosen = choose(things, wanted.number, wanted.seed)
    few = [records[place] for place in chosen]
    tasks = prepare_tasks(light(train, few), config.tasks)
    checked = yield from check_pictures_and_labels(data, few, tasks, wanted.split)
    sound = {record.key: record for record in checked}

    draws = wanted.draws if wanted.split == "train" else 0
    plain = RecordDataset(records, tasks, data.size, data.resize)
    learning = RecordDataset(
        records, tasks, data.size, data.resize, Augment(data.augment, data.size), seed
    )
    mixing = build_mixing(config.train, config.tasks, train)
    epochs = range(1, 1 + (1 if draws is None else draws))
    drawn = {epoch: _by_record(mixing, epoch, config.train.epochs) for epoch in epochs}
    joint = all(task.images is None and task.splits is None for task in config.tasks.values())
    tiles = []
    for place in chosen:
        record = sound.get(records[place].key)
        if record is None:
            continue  # unreadable, and to be passed over
        if draws is not None:
            item = _item(plain, Draw(0, place, place))
            tiles.append(tile_of(item, record, tasks, joint, record.key))
        for epoch in epochs:
            title = record.key if draws is None else f"epoch {epoch}"
            item = _item(learning, drawn[epoch].get(place, Draw(epoch, place, place)))
            tiles.append(tile_of(item, record, tasks, joint, title))

    steps = ", ".join(step.name for step in data.augment) if epochs else ""
    heading = " · ".join(
        (
            f"{wanted.split}, {len(sound)} of {len(records)} pictures",
            f"{data.size[0]} × {data.size[1]}",
            steps or "not augmented",
        )
    )
    each = 1 + (draws or 0)
    rows = [tiles[n : n + each] for n in range(0, len(tiles), each)] if draws else packed(tiles)
    picture = to_pil(mosaic(rows, heading))
    write_picture(path, lambda draft, form: picture.save(draft, form, quality=QUALITY))
    return Previewed(path, len(sound), len(records), missed(things, chosen))


def _by_record(mixing: Mixing, epoch: int, epochs: int) -> dict[int, Draw]:
    """The first draw of each record in an epoch, with all its labels."""
    found: dict[int, Draw] = {}
    for update in mixing.epoch(epoch) if epoch <= epochs else ():
        for draw in (draw for batch in update for draw in batch):
            found.setdefault(draw.record, draw._replace(tasks=None))
    return found


def _item(dataset: RecordDataset, draw: Draw) -> Item:
    item = dataset[draw]
    if isinstance(item, MtcliError):
        raise item
    return item
