"""Text files, with an error for whoever sees what is wrong with one."""

from __future__ import annotations

from pathlib import Path

from mtcli.core.errors import DataError


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, without a byte order mark.

    Raises:
        DataError: it cannot be read, or is in another encoding.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError("the file is not text in UTF-8", where=path) from None
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}", where=path) from None
