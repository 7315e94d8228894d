"""What a line of a YOLO file looks like, told from any other text."""

from __future__ import annotations


def numbers_of(line: str) -> list[float] | None:
    """A class number and four shares or more; None: the line holds something else."""
    try:
        number, *shares = map(float, line.split())
    except ValueError:
        return None
    plausible = len(shares) >= 4 and number >= 0 and number.is_integer()
    return [number, *shares] if plausible and all(-0.01 <= s <= 2 for s in shares) else None


def is_line(text: str) -> bool:
    """Whether a line is one of YOLO's."""
    return numbers_of(text) is not None
