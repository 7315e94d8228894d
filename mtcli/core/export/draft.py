"""Where an export is written: under another name until it is whole and right."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from mtcli.core.errors import MtcliError, SaveError, UsageError
from mtcli.core.export.opened import open_session
from mtcli.core.run import run_of, sync_folder
from mtcli.core.writing import require_writable


def default_name(checkpoint: Path, words: list[str], ending: str) -> str:
    """What an export of a checkpoint is called: as its run, and by what is special about it."""
    run = run_of(checkpoint)
    stem = (checkpoint if run is None else run.path).resolve().name
    return "-".join([stem, *words]) + ending


def check_place(path: Path) -> bool:
    """See that an export can be put somewhere; returns whether it replaces an older one.

    Raises:
        UsageError: the folder is missing or cannot be written to, or something else lies there.
    """
    require_writable(path)
    if not path.exists():
        return False
    try:
        ours = open_session(path).metadata is not None
    except MtcliError:
        ours = False
    if not ours:
        raise UsageError(
            "there is a file of this name that mtcli has not exported",
            where=path,
            mend="name another with --out, or move that one away",
        )
    return True


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """A place to write to beside a path; nothing stays there, whatever happens.

    Raises:
        SaveError: it cannot be written; what lay at the path is untouched.
    """
    draft = path.with_name(f".{path.stem}.{os.getpid()}.draft{path.suffix}")
    try:
        yield draft
    except OSError as error:
        raise SaveError(f"cannot write: {error.strerror or error}", where=path) from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def put_in_place(draft: Path, path: Path) -> None:
    """Give a draft that is whole its name."""
    with draft.open("rb") as handle:
        os.fsync(handle.fileno())
    os.replace(draft, path)
    sync_folder(path.parent)
