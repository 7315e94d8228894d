"""Which files below a folder are pictures."""

from __future__ import annotations

from pathlib import Path

from PIL import Image


def picture_endings() -> set[str]:
    """The endings of files that are pictures, in lower case."""
    return set(Image.registered_extensions()) - {".pdf"}


def pictures_below(folder: Path) -> list[Path]:
    """Every picture below a folder, sorted.

    What is hidden, or lies in a hidden folder, is nobody's data: macOS and notebooks leave such
    copies behind.
    """
    endings = picture_endings()
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in endings
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
