"""What an evaluation found, as values, as JSON, and as the files that a finished run shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from mtcli.core.answering import Answers
from mtcli.core.baseline import SCHEMA
from mtcli.core.data.dataset import Collate, RecordDataset
from mtcli.core.data.decode import decode
from mtcli.core.data.loader import load_batches
from mtcli.core.data.records import Record, read_target
from mtcli.core.description import Model
from mtcli.core.errors import SaveError
from mtcli.core.evaluation import predict_batch
from mtcli.core.events import EvaluationEnded, TaskResult
from mtcli.core.mixing import in_order
from mtcli.core.run import SAID, Run, replace_text
from mtcli.core.shown import answered
from mtcli.core.task import AnyTask, Meter

SHOWN = 8
"""Pictures of the validation split that a run shows with its predictions."""


def task_results(
    tasks: Mapping[str, AnyTask], meters: Mapping[str, Meter], records: Sequence[Record]
) -> dict[str, TaskResult]:
    """The numbers of every task that was measured."""
    return {
        name: TaskResult(
            kind=tasks[name].kind,
            primary=tasks[name].primary,
            labelled=sum(name in record.labels for record in records),
            metrics=meter.compute(),
            per_class=meter.per_class(),
        )
        for name, meter in meters.items()
    }


def results_json(ended: EvaluationEnded) -> dict[str, Any]:
    """An evaluation as plain values; what is undefined is None."""
    sure = ended.confidence
    return {
        "schema": SCHEMA,
        "checkpoint": str(ended.checkpoint),
        "split": ended.split,
        "images": ended.images,
        "seconds": round(ended.seconds, 3),
        **({"without": list(ended.without)} if ended.without else {}),
        **({"ci": {"level": sure.level, "resamples": sure.resamples}} if sure else {}),
        "tasks": {
            name: {
                "kind": result.kind,
                "primary": result.primary,
                "labelled": result.labelled,
                "metrics": dict(result.metrics),
                **({"intervals": dict(result.intervals)} if sure else {}),
                "per_class": {key: dict(values) for key, values in result.per_class.items()},
            }
            for name, result in ended.tasks.items()
        },
    }


def show_predictions(
    run: Run,
    answers: Answers,
    model: Model,
    records: Sequence[Record],
) -> None:
    """Draw the first pictures with every task's prediction, and write the same as JSON.

    Raises:
        SaveError: the files cannot be written.
    """
    first, tasks = records[:SHOWN], model.tasks
    dataset = RecordDataset(first, tasks, model.size, model.resize, inputs=model.inputs)
    collate = Collate(tasks, model.size, with_targets=False, inputs=model.inputs)
    draws = lambda: in_order(len(first), len(first))
    said = []
    for batch in load_batches(dataset, collate, draws, 0, answers.device):
        found = predict_batch(answers, tasks, batch, labelled_only=False)
        for row, record in enumerate(first):
            image = decode(record.image)
            size = (image.shape[1], image.shape[2])
            own = {name: found[name][row] for name in tasks}
            truths = {name: read_target(tasks[name], name, record, size) for name in tasks}
            shown = answered(image, tasks, own, truths)
            _write_picture(run, f"{row:02d}-{Path(record.key).stem[:60]}.png", shown)
            plain = {name: task.to_json(own[name]) for name, task in tasks.items()}
            said.append({"image": record.key, **plain})
    replace_text(run.predictions / SAID, json.dumps(said, indent=1))


def _write_picture(run: Run, name: str, image: torch.Tensor) -> None:
    path = run.predictions / name
    try:
        run.predictions.mkdir(exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).save(path)
    except OSError as error:
        raise SaveError(f"cannot write: {error.strerror}", where=path) from None
