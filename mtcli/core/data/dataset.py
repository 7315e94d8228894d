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

from mtcli.core.configinputs import Range
from mtcli.core.data.augment import Augment
from mtcli.core.data.decode import decode
from mtcli.core.data.geometry import Resize, Rule, resize_rule
from mtcli.core.data.inputs import load_input
from mtcli.core.data.records import Record, read_target
from mtcli.core.data.sample import Batch, Sample
from mtcli.core.errors import MtcliError
from mtcli.core.inputs import IMAGE, rows_name
from mtcli.core.maps import NumberMap
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
        inputs: of several inputs each with what `load_input` is told of it; of a record those are
            read that it has. None: it has one picture.
        left_out: for some of them the probability that a draw lacks it, which follows from
            (seed, epoch, draw) alone: as Neverova et al. drop modalities ("ModDrop",
            arXiv:1501.00102), but for one that always stays.
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
        inputs: Mapping[str, Range | None] | None = None,
        left_out: Mapping[str, float] | None = None,
    ) -> None:
        self._records = records
        self._tasks = tasks
        self._size = size
        self._rule = rule
        self._augment = augment
        self._seed = seed
        self._decoded = decoded
        self._inputs = inputs or {}
        self._left_out = left_out or {}

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
        pictures = self._pictures(record, draw) if self._decoded else {}
        shown = next(iter(pictures.values()), None)
        original = record.size if shown is None else (shown.shape[-2], shown.shape[-1])
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
        if self._inputs:
            sample["inputs"] = pictures
        elif self._decoded:
            sample["image"] = Image(pictures[IMAGE])
        sample = resize.apply(sample)
        if self._augment is not None:
            key = np.random.SeedSequence([self._seed, draw.epoch, draw.number])
            sample = self._augment(sample, int(key.generate_state(1)[0]))
            sample["targets"] = self._clean(sample)
        return Item(record.key, sample, resize)

    def _pictures(self, record: Record, draw: Draw) -> dict[str, Image | NumberMap]:
        """What the network reads of a record, in the original size."""
        if not self._inputs:
            return {IMAGE: Image(decode(record.image))}
        there = [name for name in self._inputs if name in record.inputs]
        if any(self._left_out.get(name) for name in there):
            there = self._kept(there, draw)
        return {name: load_input(record.inputs[name], self._inputs[name]) for name in there}

    def _kept(self, there: Sequence[str], draw: Draw) -> list[str]:
        # The last number makes the draws others than those of the augmentation.
        key = np.random.SeedSequence([self._seed, draw.epoch, draw.number, 1])
        drawn = np.random.default_rng(key).random(len(self._inputs))
        chances = dict(zip(self._inputs, drawn, strict=True))
        kept = [name for name in there if chances[name] >= self._left_out.get(name, 0.0)]
        return kept or [max(there, key=lambda name: chances[name])]

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
        inputs: as of `RecordDataset`.
    """

    def __init__(
        self,
        tasks: Mapping[str, AnyTask],
        size: tuple[int, int],
        with_targets: bool,
        inputs: Mapping[str, Range | None] | None = None,
    ) -> None:
        self._tasks = tasks
        self._size = size
        self._with_targets = with_targets
        self._inputs = inputs or {}

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
        return Batch(
            inputs=self._stacked([item.sample for item in whole]),
            rows=rows,
            targets=targets,
            keys=tuple(item.key for item in whole),
            resizes=tuple(item.resize for item in whole),
        )

    def _stacked(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """What the network reads; nothing where that is cached features."""
        pictures = [sample["image"].as_subclass(Tensor) for sample in samples if "image" in sample]
        if pictures:
            return {IMAGE: torch.stack(pictures)}
        stacked = {}
        for name, scale in self._inputs.items():
            rows = [n for n, sample in enumerate(samples) if name in sample.get("inputs", {})]
            own = [samples[n]["inputs"][name].as_subclass(Tensor) for n in rows]
            if scale is None:
                none = torch.empty(0, 3, *self._size, dtype=torch.uint8)
                stacked[name] = torch.stack(own) if own else none
            else:
                stacked[name] = (torch.stack(own) if own else torch.empty(0, *self._size))[:, None]
            lacking = [-1] * (len(samples) - len(rows))
            stacked[rows_name(name)] = torch.tensor(rows + lacking)
        return stacked


def _corners(size: tuple[int, int]) -> list[list[float]]:
    """The upper left, upper right and lower left corner, as boxes without area."""
    height, width = size
    return [[0, 0, 0, 0], [width, 0, width, 0], [0, height, 0, height]]


def _is_mirrored(corners: Tensor) -> bool:
    """Whether the way from the upper right over the upper left to the lower left turns back."""
    points = corners.as_subclass(Tensor)[:, :2]
    across, down = points[1] - points[0], points[2] - points[0]
    return bool(across[0] * down[1] < across[1] * down[0])
