"""From batches to predictions in original pixels, and to the meters of every task."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

import torch

from mtcli.core.answering import Answers
from mtcli.core.data.geometry import Resize
from mtcli.core.data.records import Record, read_target
from mtcli.core.data.sample import Batch
from mtcli.core.events import Evaluating
from mtcli.core.task import AnyTask, Meter, Prediction

Tell = Callable[[Record, Mapping[str, Prediction]], None]
"""Takes a picture, and what each task says of it."""


def predict_batch(
    answers: Answers,
    tasks: Mapping[str, AnyTask],
    batch: Batch,
    labelled_only: bool,
    to_measure: bool = False,
) -> dict[str, dict[int, Prediction]]:
    """Predictions by task and row, on the CPU, in original pixels.

    Args:
        answers: what is asked.
        tasks: those to predict.
        batch: on the device of `answers`.
        labelled_only: whether a task is asked only for rows that carry its label.
        to_measure: whether maps stay at the working size, where they are measured.
    """
    size = batch.resizes[0].working
    everything = torch.arange(len(batch.keys), device=answers.device)
    rows = {
        name: batch.rows[name] if labelled_only else everything
        for name in tasks
        if not labelled_only or name in batch.rows
    }
    found = answers.predict(batch.inputs, rows, size)
    undo = Resize.undo_boxes if to_measure else Resize.undo
    return {
        name: {
            row: undo(batch.resizes[row], prediction)
            for row, prediction in zip(rows[name].tolist(), predictions, strict=True)
        }
        for name, predictions in found.items()
    }


def evaluate(
    answers: Answers,
    tasks: Mapping[str, AnyTask],
    batches: Iterable[Batch],
    records: Sequence[Record],
    split: str,
    tell: Tell | None = None,
    meters: Mapping[str, Meter] | None = None,
) -> Generator[Evaluating, None, dict[str, Meter]]:
    """Meters that saw every labelled picture of a split: `meters`, else the tasks' own.

    With `tell` every task is asked of every picture, and what it says is told, in original pixels.

    The truth is read here, from the records, rather than sent along by loader processes: each
    tensor from another process holds a file open for as long as a meter keeps it.
    """
    filled = dict(meters or {name: task.meter() for name, task in tasks.items()})
    by_key = {record.key: record for record in records}
    done = 0
    for batch in batches:
        found = predict_batch(answers, tasks, batch, tell is None, to_measure=True)
        if tell is not None:
            for row, key in enumerate(batch.keys):
                resize = batch.resizes[row]
                tell(by_key[key], {name: resize.undo_maps(found[name][row]) for name in tasks})
        for name, rows in batch.rows.items():
            labelled = []
            predictions = {row: found[name][row] for row in rows.tolist()}
            for row in predictions:
                resize, record = batch.resizes[row], by_key[batch.keys[row]]
                target = read_target(tasks[name], name, record, resize.original)
                assert target is not None, "the loader found a label in this row"
                labelled.append(resize.apply_maps(target))
            filled[name].update(list(predictions.values()), labelled)
        done += len(batch.keys)
        yield Evaluating(split, done, len(records))
    return filled


def mean_score(
    tasks: Mapping[str, AnyTask], metrics: Mapping[str, Mapping[str, float | None]]
) -> float | None:
    """The mean of the tasks' scores, of those that are defined."""
    scores = [tasks[name].score(values) for name, values in metrics.items()]
    defined = [score for score in scores if score is not None]
    return sum(defined) / len(defined) if defined else None
