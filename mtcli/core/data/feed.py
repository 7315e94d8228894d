"""The batches of a training: those to learn from, and those to be judged by."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.utils.data import Dataset

from mtcli.core.config import Config
from mtcli.core.configfusion import shares_left_out
from mtcli.core.configinputs import Range
from mtcli.core.data.augment import Augment
from mtcli.core.data.dataset import Collate, Item, RecordDataset
from mtcli.core.data.features import FeatureStore
from mtcli.core.data.loader import load_batches, worker_count
from mtcli.core.data.records import Record
from mtcli.core.data.sample import Batch, each_tensor
from mtcli.core.errors import MtcliError
from mtcli.core.mixing import Draw, in_order
from mtcli.core.task import AnyTask

KEPT_BYTES = 2**30
"""As much of a split's labels is kept in memory where nothing changes them."""
ITEM_BYTES = 2**12
"""What an item takes beside the tensors of its labels."""


class Feed:
    """Batches of the splits `train` and `val`, of pictures or of cached features.

    Cached features are not changed at random, and so labels are not either: they are read once
    where they fit into memory, and nothing is left for loader processes to do.

    Args:
        config: of the training.
        tasks: whose labels are read.
        records: by split.
        device: where batches go.
        store: the features, where they are cached.
        inputs: of several inputs each with what is told of it, as of `RecordDataset`; some are
            left out of what is learnt from, as `train.input_dropout` says.
    """

    def __init__(
        self,
        config: Config,
        tasks: Mapping[str, AnyTask],
        records: Mapping[str, Sequence[Record]],
        device: torch.device,
        store: FeatureStore | None = None,
        inputs: Mapping[str, Range | None] | None = None,
    ) -> None:
        self._config = config
        self._tasks = tasks
        self._device = device
        self._store = store
        self._inputs = inputs or {}
        data, decoded = config.data, store is None
        steps = data.augment if decoded else ()
        augment = Augment(steps, data.size)
        self._learning = RecordDataset(
            records["train"],
            tasks,
            data.size,
            data.resize,
            augment,
            config.train.seed,
            decoded,
            self._inputs,
            shares_left_out(config.train, self._inputs),
        )
        self._judging = RecordDataset(
            records["val"], tasks, data.size, data.resize, decoded=decoded, inputs=self._inputs
        )
        self._kept: dict[str, KeptItems] = {}
        if store is not None:
            for split, dataset in (("train", self._learning), ("val", self._judging)):
                if label_bytes(dataset, records[split]) <= KEPT_BYTES:
                    self._kept[split] = KeptItems(dataset)

    def learning(self, draws: Callable[[], Iterator[list[Draw]]]) -> Generator[Batch, None, None]:
        """Some draws of the split `train`, with targets to learn from."""
        return self._load("train", self._learning, draws, with_targets=True)

    def judging(self) -> Generator[Batch, None, None]:
        """All of the split `val` in its order."""
        draws = lambda: in_order(len(self._judging), self._config.train.batch_size)
        return self._load("val", self._judging, draws, with_targets=False)

    def _load(
        self,
        split: str,
        dataset: RecordDataset,
        draws: Callable[[], Iterator[list[Draw]]],
        with_targets: bool,
    ) -> Generator[Batch, None, None]:
        data, kept = self._config.data, self._kept.get(split)
        return load_batches(
            kept or dataset,
            Collate(self._tasks, data.size, with_targets, self._inputs),
            draws,
            0 if kept is not None else worker_count(data.workers, self._device),
            self._device,
            self._store.inputs(split) if self._store is not None else None,
        )


class KeptItems(Dataset[Item | MtcliError]):
    """The items of a dataset in which nothing is drawn at random: each is made once, and kept."""

    def __init__(self, dataset: RecordDataset) -> None:
        self._dataset = dataset
        self._items: dict[int, Item] = {}

    def __getitem__(self, draw: Draw) -> Item | MtcliError:
        """The item of a draw; see `RecordDataset`."""
        item = self._items.get(draw.record)
        if item is None:
            made = self._dataset[draw._replace(tasks=None)]
            if isinstance(made, MtcliError):
                return made
            item = self._items[draw.record] = made
        if draw.tasks is None:
            return item
        own = {name: t for name, t in item.sample["targets"].items() if name in draw.tasks}
        return replace(item, sample={**item.sample, "targets": own})


def label_bytes(dataset: RecordDataset, records: Sequence[Record]) -> int:
    """About what the items of a dataset take, judged by the first label of each task."""
    total = ITEM_BYTES * len(records)
    labelled: dict[str, list[int]] = {}
    for place, record in enumerate(records):
        for name in record.labels:
            labelled.setdefault(name, []).append(place)
    for name, places in labelled.items():
        item = dataset[Draw(0, 0, places[0], (name,))]
        if isinstance(item, Item):  # else the error is told when its turn comes
            total += len(places) * _bytes(item.sample["targets"])
    return total


def _bytes(value: object) -> int:
    sizes: list[int] = []

    def note(tensor: Tensor) -> Tensor:
        sizes.append(tensor.nbytes)
        return tensor

    each_tensor(value, note)
    return sum(sizes)
