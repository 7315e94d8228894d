"""What a model says of one picture, or why it cannot."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from mtcli.core.answering import Answers
from mtcli.core.data.inputs import place_of
from mtcli.core.data.records import Record
from mtcli.core.errors import MtcliError
from mtcli.core.prediction.loading import Loaded
from mtcli.core.task import AnyTask, Prediction


@dataclass(frozen=True, slots=True)
class Answered:
    """A record and its predictions.

    Attributes:
        record: named by its picture's path.
        size: height and width of the picture; None where it could not be read.
        predictions: by task, in the picture's own pixels.
        error: why it could not be read.
    """

    record: Record
    size: tuple[int, int] | None = None
    predictions: Mapping[str, Prediction] = field(default_factory=dict)
    error: str | None = None

    def plain(
        self, tasks: Mapping[str, AnyTask], files: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """As plain values; `files` are those that hold a task's map."""
        found: dict[str, Any] = {"image": self.record.key}
        if self.record.inputs:
            found["inputs"] = {n: str(place_of(s)) for n, s in self.record.inputs.items()}
        if self.error is not None:
            return {**found, "error": self.error}
        assert self.size is not None
        said = {name: rounded(tasks[name].to_json(own)) for name, own in self.predictions.items()}
        for name, file in (files or {}).items():
            said[name]["file"] = file
        return {**found, "size": list(self.size), "tasks": said}


def rounded(value: Any) -> Any:
    """Plain values whose numbers have no more digits than single precision knows: seven."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


def answer(
    answers: Answers,
    tasks: Mapping[str, AnyTask],
    records: Sequence[Record],
    batches: Generator[Loaded, None, None],
) -> Generator[Answered, None, None]:
    """What the tasks say of each record, in the order of the records.

    Maps are brought to the size of their picture one picture at a time: they may be large.
    """
    place = iter(records)
    for loaded in batches:
        found: Mapping[str, Sequence[Prediction]] = {}
        if loaded.batch is not None:
            rows = torch.arange(len(loaded.batch.keys), device=answers.device)
            size = loaded.batch.resizes[0].working
            found = answers.predict(loaded.batch.inputs, dict.fromkeys(tasks, rows), size)
        for number, row in enumerate(loaded.rows):
            record = next(place)
            if row is None:
                yield Answered(record, error=told(loaded.errors[number], record))
                continue
            assert loaded.batch is not None
            resize = loaded.batch.resizes[row]
            own = {name: resize.undo(found[name][row]) for name in tasks}
            yield Answered(record, resize.original, own)


def told(error: MtcliError, record: Record) -> str:
    """An error in one line; of several inputs, which one it is."""
    text = error.what if error.found is None else f"{error.what}: {error.found}"
    return text if error.where in (None, record.key) else f"{text} ({error.where})"
