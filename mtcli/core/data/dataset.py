"""From a record on disk to a sample at the working size, and from samples to a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.tv_tensors import Image

from mtcli.core.data.augment import Augment
from mtcli.core.data.decode import decode
from mtcli.core.data.geometry import Resize, Rule, resize_rule
from mtcli.core.data.records import Record, read_target
from mtcli.core.data.sample import Batch, Sample
from mtcli.core.errors import MtcliError
from mtcli.core.mixing import Draw
from mtcli.core.ops.boxes import as_boxes
from mtcli.core.task import AnyTask, Target, View


@dataclass(frozen=True, slots=True)
class Item:
    """A sample with what is needed to speak of it in terms of the original picture.

    Attributes:
        key: the record's name.
        sample: at the working size, augmented.
        resize: how the picture got to the working size.
    """

    key: str
    sample: Sample
    resize: Resize


class RecordDataset(Dataset[Item | MtcliError]):
    """Decodes, resizes and augments the record of a draw.

    Args:
        records: with their sizes.
        tasks: whose labels are read.
        size: the working size, height and width.
        rule: how pictures get there.
        augment: the random changes, or None.
        seed: of the random changes, which follow from (seed, epoch, draw) alone.
        decoded: whether samples have their picture; else it is not read.
    """

    def __init__(
        self,
        records: Sequence[Record],
        tasks: Mapping[str, AnyTask],
        size: tuple[int, int],
        rule: Rule,
        augment: Augment | None = None,
        seed: int = 0,
        decoded: bool = True,
    ) -> None:
        self._records = records
        self._tasks = tasks
        self._size = size
        self._rule = rule
        self._augment = augment
        self._seed = seed
        self._decoded = decoded

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, draw: Draw) -> Item | MtcliError:
        """The item of a draw. An error is returned: raised, it would lose its parts on the way."""
        try:
            return self._item(draw)
        except MtcliError as error:
            return error

    def _item(self, draw: Draw) -> Item:
        record = self._records[draw.record]
        pixels = decode(record.image) if self._decoded else None
        original = record.size if pixels is None else (pixels.shape[1], pixels.shape[2])
        resize = resize_rule(self._rule, original, self._size)
        targets = {}
        for name, task in self._tasks.items():
            if draw.tasks is not None and name not in draw.tasks:
                continue
            target = read_target(task, name, record, original)
            if target is not None:
                targets[name] = target
        sample: Sample = {
            "targets": targets,
            "frame": as_boxes([[0, 0, original[1], original[0]]], original),
            "cropped": False,
            "corners": as_boxes(_corners(original), original),
        }
        if pixels is not None:
            sample["image"] = Image(pixels)
        sample = resize.apply(sample)
        if self._augment is not None:
            key = np.random.SeedSequence([self._seed, draw.epoch, draw.number])
            sample = self._augment(sample, int(key.generate_state(1)[0]))
            sample["targets"] = self._clean(sample)
        return Item(record.key, sample, resize)

    def _clean(self, sample: Sample) -> dict[str, Target]:
        view = View(sample["frame"].as_subclass(Tensor)[0], _is_mirrored(sample["corners"]))
        kept = {}
        for name, target in sample["targets"].items():
            if sample["cropped"] and not self._tasks[name].crop_safe:
                continue
            cleaned = self._tasks[name].clean(target, view)
            if cleaned is not None:
                kept[name] = cleaned
        return kept


class Collate:
    """Stacks items; the first error wins.

    Args:
        tasks: whose rows are found.
        size: the working size, height and width.
        with_targets: whether each task collates its targets, to learn from.
    """

    def __init__(
        self, tasks: Mapping[str, AnyTask], size: tuple[int, int], with_targets: bool
    ) -> None:
        self._tasks = tasks
        self._size = size
        self._with_targets = with_targets

    def __call__(self, items: Sequence[Item | MtcliError]) -> Batch | MtcliError:
        whole: list[Item] = []
        for item in items:
            if isinstance(item, MtcliError):
                return item
            whole.append(item)
        rows: dict[str, Tensor] = {}
        targets: dict[str, Any] = {}
        for name, task in self._tasks.items():
            carrying = [n for n, item in enumerate(whole) if name in item.sample["targets"]]
            if carrying:
                rows[name] = torch.tensor(carrying)
                if self._with_targets:
                    own = [whole[n].sample["targets"][name] for n in carrying]
                    targets[name] = task.collate(own, self._size)
        pictures = [
            item.sample["image"].as_subclass(Tensor) for item in whole if "image" in item.sample
        ]
        return Batch(
            inputs={"image": torch.stack(pictures)} if pictures else {},
            rows=rows,
            targets=targets,
            keys=tuple(item.key for item in whole),
            resizes=tuple(item.resize for item in whole),
        )


def _corners(size: tuple[int, int]) -> list[list[float]]:
    """The upper left, upper right and lower left corner, as boxes without area."""
    height, width = size
    return [[0, 0, 0, 0], [width, 0, width, 0], [0, height, 0, height]]


def _is_mirrored(corners: Tensor) -> bool:
    """Whether the way from the upper right over the upper left to the lower left turns back."""
    points = corners.as_subclass(Tensor)[:, :2]
    across, down = points[1] - points[0], points[2] - points[0]
    return bool(across[0] * down[1] < across[1] * down[0])
