"""Writing a picture to a place that a person named, whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from mtcli.core.errors import SaveError, UsageError

FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg"}
"""What a file is by its ending."""


def check_picture_path(path: Path) -> None:
    """See that a picture can be written there, before the work that it takes.

    Raises:
        UsageError: an unknown ending, a folder of that name, or no folder to write to.
    """
    if path.suffix.lower() not in FORMATS:
        raise UsageError(
            f"a picture's name ends on {', '.join(FORMATS)}", where=path, found=path.suffix or None
        )
    if path.is_dir():
        raise UsageError("a folder of this name is there", where=path)
    if not path.parent.is_dir():
        raise UsageError("no such folder", where=path.parent, mend="make it first")


def write_picture(path: Path, write: Callable[[Path, str], None]) -> None:
    """Replace a picture in one step.

    Args:
        path: checked by `check_picture_path`.
        write: writes to a path in a format, `png` or `jpeg`.

    Raises:
        SaveError: it cannot be written; what was there is untouched.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        write(draft, FORMATS[path.suffix.lower()])
        os.replace(draft, path)
    except OSError as error:
        raise SaveError(f"cannot write: {error.strerror or error}", where=path) from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
