"""mtcli predict: what a model says of pictures, as text, as files, and drawn."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from mtcli.core.answering import Opened
from mtcli.core.data.loader import worker_count
from mtcli.core.data.records import Record
from mtcli.core.prediction.answered import Answered, answer
from mtcli.core.prediction.choosing import check_form, check_overwriting, choose_tasks
from mtcli.core.prediction.drawn import draw_answers, map_endings, write_map
from mtcli.core.prediction.events import Predicted, PredictionEnded
from mtcli.core.prediction.folder import OutFolder, saving
from mtcli.core.prediction.formats import FORMATS
from mtcli.core.prediction.loading import load_pictures
from mtcli.core.prediction.naming import unique_names
from mtcli.core.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to become of the answers.

    Attributes:
        form: the format that they are written in; None: they are told alone.
        folder: where files go; None: answers go to a stream.
        draw: whether each picture is drawn with its answers; into the folder.
        batch_size: pictures that go through the network at once.
    """

    form: str | None
    folder: Path | None
    draw: bool = False
    batch_size: int = 16


def predict(
    opened: Opened,
    records: Sequence[Record],
    only: Sequence[str] | None,
    wanted: Wanted,
    runtime: Runtime,
    stream: TextIO,
) -> Generator[Predicted | PredictionEnded, None, None]:
    """Ask a model about pictures, in their order; all tasks in one pass.

    A picture that cannot be read is told as such, and the others are done. Where the work is
    given up, nothing half-written is left behind.

    Args:
        opened: the model.
        records: see `find_records`.
        only: the tasks to ask; None: all.
        wanted: what becomes of the answers.
        runtime: where it is computed.
        stream: where text goes that does not go to a folder.

    Raises:
        MtcliError: see `mtcli.core.errors`.
    """
    tasks = choose_tasks(opened, only)
    form = FORMATS.get(wanted.form) if wanted.form is not None else None
    to_folder = wanted.folder is not None
    files = check_form(str(wanted.form), form, tasks, to_folder) if form is not None else []
    names = unique_names([record.key for record in records])
    if wanted.folder is not None and wanted.draw:
        check_overwriting(wanted.folder, [f"{name}.png" for name in names], records)
    folder = OutFolder(wanted.folder) if wanted.folder is not None else None
    try:
        answers = opened.answers([*tasks], runtime)
        texts = {file: stream if folder is None else folder.stream(file) for file in files}
        written = form(tasks, str(opened.path), texts) if form is not None else None

        began, failed, drawn, maps = time.monotonic(), 0, 0, Counter[str]()
        # A process of its own is worth its start where there is more to decode than at once.
        few = len(records) <= wanted.batch_size
        workers = 0 if few else worker_count("auto", runtime.device)
        batches = load_pictures(records, opened.model, wanted.batch_size, workers, runtime.device)
        for done, answered in enumerate(answer(answers, tasks, records, batches), start=1):
            failed += answered.error is not None
            own: dict[str, str] = {}
            if folder is not None and answered.error is None:
                own = _write_maps(folder, names[done - 1], answered)
                maps.update(own.keys())
                if wanted.draw:
                    draw = partial(draw_answers, answered, opened.model)
                    folder.write(f"{names[done - 1]}.png", draw)
                    drawn += 1
            if written is not None:
                with saving(folder.path) if folder is not None else nullcontext():
                    written.add(answered, own)
            yield Predicted(
                answered.record.key,
                {name: tasks[name].summary(said) for name, said in answered.predictions.items()},
                answered.error,
                done,
                len(records),
            )
        if written is not None:
            with saving(folder.path) if folder is not None else nullcontext():
                written.end({"pictures": len(records), "failed": failed})
        if folder is not None:
            folder.finish()
        yield PredictionEnded(
            len(records),
            failed,
            time.monotonic() - began,
            wanted.folder,
            tuple(texts) if folder is not None else (),
            drawn,
            dict(maps),
        )
    finally:
        if folder is not None:
            folder.discard()


def _write_maps(folder: OutFolder, name: str, answered: Answered) -> dict[str, str]:
    """Write the answers that are maps; their files by task."""
    files = {}
    for task, ending in map_endings(answered.predictions).items():
        files[task] = f"{task}/{name}{ending}"
        folder.write(files[task], partial(write_map, answered.predictions[task]))
    return files
