"""mtcli eval: the numbers of a checkpoint on a split."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtcli.core.checkpoint import Model, load_model, load_network
from mtcli.core.config import Config
from mtcli.core.data.dataset import Collate, RecordDataset
from mtcli.core.data.gather import load_records
from mtcli.core.data.loader import load_batches, worker_count
from mtcli.core.data.prepare import check_pictures_and_labels
from mtcli.core.data.ranges import check_same_inputs
from mtcli.core.data.records import Record, labelled_only, lacking
from mtcli.core.errors import ConfigError, UsageError, did_you_mean
from mtcli.core.evaluation import Tell, evaluate
from mtcli.core.events import EvaluationEnded, Event, Noted
from mtcli.core.mixing import in_order
from mtcli.core.results import task_results
from mtcli.core.runtime import choose_runtime
from mtcli.core.task import AnyTask, Meter


@dataclass(frozen=True, slots=True)
class Measured:
    """What a checkpoint has shown: its tasks, their meters, and the pictures of the split."""

    tasks: Mapping[str, AnyTask]
    meters: Mapping[str, Meter]
    records: Sequence[Record]
    seconds: float


def evaluate_checkpoint(
    checkpoint: Path,
    config: Config,
    split: str,
    only: Sequence[str] | None,
    without: Sequence[str] = (),
) -> Iterator[Event]:
    """Measure a checkpoint on a split of the config's data, and sum it up.

    Raises:
        MtcliError: see `measure`.
    """
    measured = yield from measure(checkpoint, config, split, only, without=without)
    yield EvaluationEnded(
        checkpoint=checkpoint,
        split=split,
        images=len(measured.records),
        seconds=measured.seconds,
        tasks=task_results(measured.tasks, measured.meters, measured.records),
        without=tuple(dict.fromkeys(without)),
    )


def measure(
    checkpoint: Path,
    config: Config,
    split: str,
    only: Sequence[str] | None,
    tell: Callable[[Record, Mapping[str, Any]], None] | None = None,
    without: Sequence[str] = (),
) -> Generator[Event, None, Measured]:
    """Measure a checkpoint on a split of the config's data.

    Classes, working size and resize rule are the checkpoint's; pictures and labels are the
    config's, for the tasks that the two have in common. On the data of its own training the
    numbers are those of the training's validation, to the last digit.

    Args:
        checkpoint: a checkpoint's folder.
        config: where the data is.
        split: of the config.
        only: the tasks to measure, or None for all.
        tell: takes each picture, and what each task says of it, as plain values.
        without: the inputs that every picture is taken to lack.

    Raises:
        MtcliError: see `mtcli.core.errors`.
    """
    runtime = choose_runtime(config.train.device, config.train.precision)
    model, _ = load_model(checkpoint)
    for name in only or ():
        if name not in model.tasks:
            raise UsageError(
                f"the checkpoint has no task {name}",
                where=checkpoint,
                mend=did_you_mean(name, model.tasks),
            )
    _check_without(without, model, checkpoint)
    wanted = {name: model.tasks[name] for name in only or model.tasks}
    tasks = {name: task for name, task in wanted.items() if name in config.tasks}
    for name in config.tasks:
        if name not in model.tasks:
            yield Noted(f"{name} is passed over: the checkpoint has no such task")
    for name in wanted:
        if name not in tasks:
            yield Noted(f"{name} is passed over: the config has no labels for it")
    if not tasks:
        raise ConfigError(
            "the checkpoint and the config have no task in common",
            where=checkpoint,
            found=f"{', '.join(wanted)} there, {', '.join(config.tasks)} in the config",
        )
    for name, task in tasks.items():
        if config.tasks[name].kind != task.kind:
            raise ConfigError(
                f"tasks.{name}.kind: {config.tasks[name].kind}",
                expected=f"{task.kind}, as in the checkpoint",
            )
    labels = {name: config.tasks[name] for name in tasks}
    listed = load_records(config.data, labels, split)
    listed = labelled_only(listed) or listed
    check_same_inputs(model.inputs, listed, checkpoint)
    records = yield from check_pictures_and_labels(config.data, listed, tasks, split)
    if without:
        every = len(records)
        records = lacking(records, without)
        if not records:
            raise ConfigError(
                f"--without {','.join(without)}: nothing would be left of any picture",
                where=checkpoint,
            )
        if len(records) < every:
            yield Noted(f"{every - len(records)} pictures left out: they have no other input")
    network = runtime.place(load_network(checkpoint, model))

    began = time.monotonic()
    dataset = RecordDataset(records, tasks, model.size, model.resize, inputs=model.inputs)
    batches = load_batches(
        dataset,
        Collate(tasks, model.size, with_targets=False, inputs=model.inputs),
        lambda: in_order(len(records), config.train.batch_size),
        worker_count(config.data.workers, runtime.device),
        runtime.device,
    )
    plainly: Tell | None = None
    if tell is not None:
        plainly = lambda record, said: tell(
            record, {name: task.to_json(said[name]) for name, task in tasks.items()}
        )
    meters = yield from evaluate(network, tasks, batches, records, runtime, split, plainly)
    return Measured(tasks, meters, records, time.monotonic() - began)


def _check_without(without: Sequence[str], model: Model, checkpoint: Path) -> None:
    for name in without:
        if name not in model.inputs:
            raise UsageError(
                f"--without {name}: the checkpoint has no such input",
                where=checkpoint,
                found=None if model.inputs else "one picture, without names",
                mend=did_you_mean(name, model.inputs),
            )
    if model.inputs and {*without} == {*model.inputs}:
        raise UsageError(
            f"--without {','.join(without)}: nothing would be left of a picture",
            expected=f"some of {', '.join(model.inputs)}",
        )
