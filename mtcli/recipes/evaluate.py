"""mtcli eval: the numbers of a model on a split."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mtcli.core.answering import Opened
from mtcli.core.bootstrap import PictureMeter, intervals, new_meters
from mtcli.core.config import Config
from mtcli.core.data.dataset import Collate, RecordDataset
from mtcli.core.data.gather import load_records
from mtcli.core.data.loader import load_batches, worker_count
from mtcli.core.data.prepare import check_pictures_and_labels
from mtcli.core.data.ranges import check_same_inputs
from mtcli.core.data.records import Record, labelled_only, lacking
from mtcli.core.errors import ConfigError, DataError, UsageError, and_more, did_you_mean
from mtcli.core.evaluation import Tell, evaluate
from mtcli.core.events import Confidence, EvaluationEnded, Event, Noted
from mtcli.core.mixing import in_order
from mtcli.core.results import task_results
from mtcli.core.runtime import choose_runtime
from mtcli.core.task import AnyTask, Meter


@dataclass(frozen=True, slots=True)
class Measured:
    """What a model has shown: its tasks, their meters, and the pictures of the split."""

    tasks: Mapping[str, AnyTask]
    meters: Mapping[str, Meter]
    records: Sequence[Record]
    seconds: float


def evaluate_model(
    opened: Opened,
    config: Config,
    split: str,
    only: Sequence[str] | None,
    without: Sequence[str] = (),
    confidence: Confidence | None = None,
) -> Iterator[Event]:
    """Measure a model on a split of the config's data, and sum it up.

    With `confidence` every metric gets an interval.

    Raises:
        MtcliError: see `measure`.
    """
    each = confidence is not None
    measured = yield from measure(opened, config, split, only, without=without, each_picture=each)
    results = task_results(measured.tasks, measured.meters, measured.records)
    if confidence is not None:
        for name, meter in measured.meters.items():
            assert isinstance(meter, PictureMeter)
            found = yield from intervals(name, meter, confidence)
            results[name] = replace(results[name], intervals=found)
    yield EvaluationEnded(
        checkpoint=opened.path,
        split=split,
        images=len(measured.records),
        seconds=measured.seconds,
        tasks=results,
        without=tuple(dict.fromkeys(without)),
        confidence=confidence,
    )


def measure(
    opened: Opened,
    config: Config,
    split: str,
    only: Sequence[str] | None,
    tell: Callable[[Record, Mapping[str, Any]], None] | None = None,
    without: Sequence[str] = (),
    each_picture: bool = False,
) -> Generator[Event, None, Measured]:
    """Measure a model on a split of the config's data.

    Classes, working size and resize rule are the model's; pictures and labels are the config's,
    for the tasks that the two have in common. On the data of its own training the numbers of a
    checkpoint are those of the training's validation, to the last digit.

    Args:
        opened: a checkpoint, or an exported file.
        config: where the data is.
        split: of the config.
        only: the tasks to measure, or None for all.
        tell: takes each picture, and what each task says of it, as plain values.
        without: the inputs that every picture is taken to lack.
        each_picture: whether the meters are to keep what they saw picture by picture.

    Raises:
        MtcliError: see `mtcli.core.errors`.
    """
    runtime = choose_runtime(config.train.device, config.train.precision)
    model = opened.model
    check_tasks(opened, only)
    _check_without(without, opened)
    if opened.precision not in (None, runtime.precision):
        yield Noted(f"computed in {opened.precision}, as it was exported")
    tasks, records = yield from gather(opened, config, split, only)
    if without:
        every = len(records)
        records = lacking(records, without)
        if not records:
            raise ConfigError(
                f"--without {','.join(without)}: nothing would be left of any picture",
                where=opened.path,
            )
        if len(records) < every:
            yield Noted(f"{every - len(records)} pictures left out: they have no other input")
    answers = opened.answers([*tasks], runtime)

    began = time.monotonic()
    dataset = RecordDataset(records, tasks, model.size, model.resize, inputs=model.inputs)
    batches = load_batches(
        dataset,
        Collate(tasks, model.size, with_targets=False, inputs=model.inputs),
        lambda: in_order(len(records), config.train.batch_size),
        worker_count(config.data.workers, runtime.device),
        answers.device,
    )
    plainly: Tell | None = None
    if tell is not None:
        plainly = lambda record, said: tell(
            record, {name: task.to_json(said[name]) for name, task in tasks.items()}
        )
    empty = new_meters(tasks) if each_picture else None
    meters = yield from evaluate(answers, tasks, batches, records, split, plainly, empty)
    return Measured(tasks, meters, records, time.monotonic() - began)


def gather(
    opened: Opened,
    config: Config,
    split: str,
    only: Sequence[str] | None,
    most: int | None = None,
    whole: bool = False,
) -> Generator[Event, None, tuple[dict[str, AnyTask], list[Record]]]:
    """The tasks that a model and a config have in common, and the labelled pictures of a split.

    Args:
        opened: the model.
        config: where the data is.
        split: of the config.
        only: the tasks, or None for all.
        most: so many pictures, evenly chosen, or None for all.
        whole: whether pictures that lack one of several inputs are left out.

    Raises:
        MtcliError: there are none, or they cannot be read.
    """
    model = opened.model
    wanted = {name: model.tasks[name] for name in only or model.tasks}
    tasks = {name: task for name, task in wanted.items() if name in config.tasks}
    for name in config.tasks:
        if name not in model.tasks:
            yield Noted(f"{name} is passed over: the model has no such task")
    for name in wanted:
        if name not in tasks:
            yield Noted(f"{name} is passed over: the config has no labels for it")
    if not tasks:
        raise ConfigError(
            "the model and the config have no task in common",
            where=opened.path,
            found=f"{', '.join(wanted)} there, {', '.join(config.tasks)} in the config",
        )
    for name, task in tasks.items():
        if config.tasks[name].kind != task.kind:
            raise ConfigError(
                f"tasks.{name}.kind: {config.tasks[name].kind}",
                expected=f"{task.kind}, as in the model",
            )
    labels = {name: config.tasks[name] for name in tasks}
    listed = load_records(config.data, labels, split)
    listed = labelled_only(listed) or listed
    check_same_inputs(model.inputs, listed, opened.path)
    if (whole or opened.needs_all_inputs) and model.inputs:
        listed = yield from _with_all_inputs(listed, model.inputs, split)
    if most is not None and len(listed) > most:
        listed = [listed[place * len(listed) // most] for place in range(most)]
    records = yield from check_pictures_and_labels(config.data, listed, tasks, split)
    return tasks, records


def _with_all_inputs(
    listed: Sequence[Record], inputs: Collection[str], split: str
) -> Generator[Event, None, list[Record]]:
    """The records that have each of several inputs.

    Raises:
        DataError: there is none.
    """
    whole = [record for record in listed if {*record.inputs} == {*inputs}]
    if not whole:
        raise DataError(
            f"no picture of {split} has all inputs, and an exported file takes nothing less",
            expected=", ".join(inputs),
        )
    left = [record.key for record in listed if {*record.inputs} != {*inputs}]
    if left:
        told = "pictures left out: an exported file takes those with all inputs"
        yield Noted(f"{len(left)} {told} ({and_more(left)})")
    return whole


def check_tasks(opened: Opened, only: Sequence[str] | None) -> None:
    """See that a model has the tasks that were named.

    Raises:
        UsageError: it has not.
    """
    for name in only or ():
        if name not in opened.model.tasks:
            raise UsageError(
                f"the model has no task {name}",
                where=opened.path,
                mend=did_you_mean(name, opened.model.tasks),
            )


def _check_without(without: Sequence[str], opened: Opened) -> None:
    model = opened.model
    if without and opened.needs_all_inputs:
        raise UsageError(
            f"--without {','.join(without)}: an exported file takes pictures with all inputs",
            where=opened.path,
            mend="measure the run that it was exported from",
        )
    for name in without:
        if name not in model.inputs:
            raise UsageError(
                f"--without {name}: the model has no such input",
                where=opened.path,
                found=None if model.inputs else "one picture, without names",
                mend=did_you_mean(name, model.inputs),
            )
    if model.inputs and {*without} == {*model.inputs}:
        raise UsageError(
            f"--without {','.join(without)}: nothing would be left of a picture",
            expected=f"some of {', '.join(model.inputs)}",
        )
