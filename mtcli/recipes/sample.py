"""mtcli sample: write the sample pictures, their labels and their config to a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import mtcli
from mtcli.core.errors import SaveError, UsageError


def write_sample(folder: Path) -> Path:
    """Copy the sample data to a folder that is not there yet, or is empty; returns its config.

    Raises:
        UsageError: something lies there already.
        SaveError: the files cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            "the folder is not empty", where=folder, mend="name a folder that is not there yet"
        )
    try:
        shutil.copytree(
            sample_source(),
            folder,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    except OSError as error:
        raise SaveError(f"cannot write the sample: {error}", where=folder) from None
    return folder / "mtcli.yaml"


def sample_source() -> Path:
    """The sample data: inside an installed package, or beside the package in its repository."""
    package = Path(mtcli.__file__).parent
    inside = package / "sample_data"
    return inside if inside.is_dir() else package.parent / "sample_data"
