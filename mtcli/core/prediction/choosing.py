"""What is asked for, checked before any work: tasks, their format, and the files to be written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mtcli.core.answering import Opened
from mtcli.core.configfile import import_plugins_of
from mtcli.core.data.records import Record
from mtcli.core.errors import UsageError, did_you_mean
from mtcli.core.opening import open_model, plugins_named
from mtcli.core.plugins import import_plugins
from mtcli.core.prediction.formats import Format
from mtcli.core.run import find_checkpoint, run_of
from mtcli.core.task import AnyTask


def open_trusted(path: Path, allow_plugins: bool) -> Opened:
    """Open a model, its plug-ins imported where that is allowed.

    Raises:
        MtcliError: see `open_model`; a plug-in cannot be imported.
    """
    if allow_plugins:
        run = None if path.is_file() else run_of(find_checkpoint(path))
        if run is not None:
            import_plugins_of(run.config, allowed=True)
        import_plugins(plugins_named(path), Path.cwd(), path)
    return open_model(path)


def choose_tasks(opened: Opened, only: Sequence[str] | None) -> dict[str, AnyTask]:
    """The tasks of a model that were named, in the model's order; all where none was.

    Raises:
        UsageError: it has no such task.
    """
    known = opened.model.tasks
    for name in only or ():
        if name not in known:
            raise UsageError(
                f"the model has no task {name}", where=opened.path, mend=did_you_mean(name, known)
            )
    return {name: task for name, task in known.items() if only is None or name in only}


def check_form(
    name: str, form: type[Format], tasks: Mapping[str, AnyTask], to_folder: bool
) -> list[str]:
    """The files that a format writes for tasks.

    Raises:
        UsageError: it can say nothing of them, or writes several, and there is no folder.
    """
    files = form.names(tasks)
    if not files:
        kinds = ", ".join(f"{key} ({task.kind})" for key, task in tasks.items())
        raise UsageError(
            f"--format {name}: no task of the model can be said so",
            found=kinds,
            mend="--format json takes every kind",
        )
    if len(files) > 1 and not to_folder:
        raise UsageError(
            f"--format {name}: a file a task, and {len(files)} do not go to stdout",
            mend=f"--out DIR, or one of them: --tasks {next(iter(tasks))}",
        )
    return files


def check_overwriting(folder: Path, files: Sequence[str], records: Sequence[Record]) -> None:
    """See that no picture that is read would be replaced by one that is written.

    Raises:
        UsageError: one would.
    """
    read = {os.path.realpath(record.key) for record in records}
    for file in files:
        if os.path.realpath(folder / file) in read:
            raise UsageError(
                "a picture would be replaced by what is drawn on it",
                where=folder / file,
                mend="choose another folder: --out DIR",
            )
