"""Batches of pictures for a model, where a broken one spoils itself alone."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader

from mtcli.core.data.dataset import Collate, Item, RecordDataset
from mtcli.core.data.records import Record
from mtcli.core.data.sample import Batch
from mtcli.core.description import Model
from mtcli.core.errors import MtcliError
from mtcli.core.interruption import ignore_in_worker
from mtcli.core.mixing import Draw, in_order


@dataclass(frozen=True, slots=True)
class Loaded:
    """Some records: what could be read as a batch, and what is wrong with the others.

    Attributes:
        batch: None where nothing could be read.
        rows: for each record its row in the batch, None where it could not be read.
        errors: by the record's place.
    """

    batch: Batch | None
    rows: tuple[int | None, ...]
    errors: Mapping[int, MtcliError]


def load_pictures(
    records: Sequence[Record],
    model: Model,
    batch_size: int,
    workers: int,
    device: torch.device,
) -> Generator[Loaded, None, None]:
    """Records in their order, decoded and resized in loader processes."""
    dataset = RecordDataset(records, {}, model.size, model.resize, inputs=model.inputs)
    loader: DataLoader[Loaded] = DataLoader(
        dataset,  # type: ignore[arg-type]
        batch_sampler=_InOrder(len(records), batch_size),
        collate_fn=Tolerant(Collate({}, model.size, with_targets=False, inputs=model.inputs)),
        num_workers=workers,
        pin_memory=False,
        worker_init_fn=ignore_in_worker,
        generator=torch.Generator(),
    )
    for loaded in loader:
        batch = loaded.batch.to(device) if loaded.batch is not None else None
        yield Loaded(batch, loaded.rows, loaded.errors)


class Tolerant:
    """Collates what can be, and keeps the errors of the rest."""

    def __init__(self, collate: Collate) -> None:
        self._collate = collate

    def __call__(self, items: Sequence[Item | MtcliError]) -> Loaded:
        errors = {n: item for n, item in enumerate(items) if isinstance(item, MtcliError)}
        whole = [item for item in items if not isinstance(item, MtcliError)]
        numbers = iter(range(len(whole)))
        rows = tuple(None if n in errors else next(numbers) for n in range(len(items)))
        batch = self._collate(whole) if whole else None
        assert not isinstance(batch, MtcliError)
        return Loaded(batch, rows, errors)


class _InOrder:
    """What DataLoader wants of a batch sampler: something to iterate over."""

    def __init__(self, records: int, batch_size: int) -> None:
        self._records = records
        self._batch_size = batch_size

    def __iter__(self) -> Iterator[list[Draw]]:
        return in_order(self._records, self._batch_size)
