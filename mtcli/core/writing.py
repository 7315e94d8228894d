"""Whether a file can be written, asked before the work that it is to hold."""

from __future__ import annotations

from pathlib import Path

from mtcli.core.errors import UsageError


def require_writable(path: Path) -> None:
    """See that a file can be put in this place, whether one lies there or not.

    Raises:
        UsageError: it cannot.
    """
    import tempfile  # takes longer than --help may

    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "no file but a device"
        raise UsageError("cannot write there", where=path, expected="a file", found=what)
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except FileNotFoundError:
        raise UsageError("no such folder to write to", where=path.parent) from None
    except OSError as error:
        raise UsageError(f"cannot write there: {error.strerror}", where=path) from None
