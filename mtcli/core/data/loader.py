"""Batches from worker processes to the device, one ahead of the computation."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace

import torch
from torch.utils.data import DataLoader, Dataset

from mtcli.core.data.dataset import Collate, Item
from mtcli.core.data.features import Inputs
from mtcli.core.data.sample import Batch, each_tensor
from mtcli.core.errors import MtcliError, WorkError
from mtcli.core.interruption import ignore_in_worker
from mtcli.core.mixing import Draw


def worker_count(wanted: int | str, device: torch.device) -> int:
    """How many loader processes: as many as wanted, else what suits the device.

    Beside a network on the CPU, workers and torch's threads would fight for the same cores.
    """
    if isinstance(wanted, int):
        return wanted
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return min(1, cores // 2) if device.type == "cpu" else min(8, cores)


def load_batches(
    dataset: Dataset[Item | MtcliError],
    collate: Collate,
    draws: Callable[[], Iterator[list[Draw]]],
    workers: int,
    device: torch.device,
    inputs: Inputs | None = None,
) -> Generator[Batch, None, None]:
    """The batches of some draws, in their order, on the device.

    Args:
        dataset: gives the item of a draw.
        collate: makes items a batch.
        draws: batch by batch.
        workers: loader processes; 0 loads in this one.
        device: where batches go.
        inputs: what the network reads, where that is not the items' pictures. It is read in this
            process, so that what is large need not travel.

    Raises:
        WorkError: a picture cannot be read; that is too late to be the user's input error.
    """
    loader: DataLoader[Batch | MtcliError] = DataLoader(
        dataset,  # type: ignore[arg-type]
        batch_sampler=_Draws(draws),
        collate_fn=collate,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        worker_init_fn=ignore_in_worker,
        # Of its own, so that asking for batches does not move the generator of the dropout.
        generator=torch.Generator(),
    )
    batches = _whole(loader)
    if inputs is not None:
        batches = _with_inputs(batches, inputs, device)
    yield from _one_ahead(batches, device)


class _Draws:
    """What DataLoader wants of a batch sampler: something to iterate over."""

    def __init__(self, draws: Callable[[], Iterator[list[Draw]]]) -> None:
        self._draws = draws

    def __iter__(self) -> Iterator[list[Draw]]:
        return self._draws()


def _whole(loader: Iterable[Batch | MtcliError]) -> Iterator[Batch]:
    for batch in loader:
        if isinstance(batch, MtcliError):
            mend = "data.verify: full finds such pictures before the training"
            raise WorkError(batch.what, **{**batch.parts(), "mend": mend})
        yield batch


def _with_inputs(batches: Iterator[Batch], inputs: Inputs, device: torch.device) -> Iterator[Batch]:
    for batch in batches:
        read = inputs(batch.keys)
        if device.type == "cuda":
            read = each_tensor(read, torch.Tensor.pin_memory)
        yield replace(batch, inputs=read)


def _one_ahead(batches: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    """Copy the next batch on a side stream while the current one is computed on."""
    if device.type != "cuda":
        yield from batches
        return
    side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    ahead: Batch | None = None
    for batch in batches:
        with torch.cuda.stream(side):
            copied = batch.to(device)
        if ahead is not None:
            yield ahead
        # From here on the current stream may use the copy, and must be done with its memory
        # before the allocator hands it out again.
        torch.cuda.current_stream(device).wait_stream(side)
        copied.record_stream(torch.cuda.current_stream(device))
        ahead = copied
    if ahead is not None:
        yield ahead
