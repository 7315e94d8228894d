"""What a prediction tells of its progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Predicted:
    """A picture is done: what each task says in a few words, or why it could not be read."""

    image: str
    summaries: Mapping[str, str]
    error: str | None
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class PredictionEnded:
    """All pictures are done.

    Attributes:
        pictures: that were asked about.
        failed: those of them that could not be read.
        seconds: from the first to the last.
        folder: that files were written to.
        files: their names, without those of single pictures.
        drawn: pictures that were drawn.
        maps: files of maps, by task.
    """

    pictures: int
    failed: int
    seconds: float
    folder: Path | None
    files: tuple[str, ...]
    drawn: int
    maps: Mapping[str, int]
