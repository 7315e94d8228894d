"""Files that tell what class numbers or colours mean."""

from __future__ import annotations

import csv
import json
import posixpath
from dataclasses import dataclass
from pathlib import Path

from mtcli.core.discovery.listing import Listing, parent

NAMES = ("classes.txt", "labels.txt", "codes.txt", "class_names.txt", "classes.json")
COLORS = ("labelmap.txt", "class_dict.csv", "colormap.txt", "label_colors.txt")


@dataclass(frozen=True, slots=True)
class Legend:
    """What a file says.

    Attributes:
        path: of the file.
        names: in the order of their numbers.
        colors: of each, where it says them.
    """

    path: str
    names: tuple[str, ...]
    colors: dict[tuple[int, int, int], str]


def find_legend(listing: Listing, folder: str) -> Legend | None:
    """A legend in a folder or in one above it, the nearest."""
    while True:
        for path in listing.files:
            if parent(path) != folder:
                continue
            name = posixpath.basename(path).lower()
            if name in COLORS and (colors := _colors(listing.path(path))):
                return Legend(path, tuple(dict.fromkeys(colors.values())), colors)
            if name in NAMES and (names := names_in_file(listing.path(path))):
                return Legend(path, tuple(names), {})
        if folder == ".":
            return None
        folder = parent(folder)


def names_in_file(path: Path) -> list[str]:
    """Names, one a line, perhaps numbered; or a JSON list; nothing where it is something else."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return []
    if path.suffix == ".json":
        try:
            said = json.loads(text)
        except ValueError:
            return []
        return [str(name) for name in said] if isinstance(said, list) else []
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    parts = [line.split(maxsplit=1) for line in lines]
    numbered = all(len(p) == 2 and p[0].rstrip(":.,").isdecimal() for p in parts)
    if numbered and [int(p[0].rstrip(":.,")) for p in parts] == list(range(len(parts))):
        lines = [part[1] for part in parts]
    usable = len(set(lines)) == len(lines) and all(len(line) <= 60 for line in lines)
    return lines if usable else []


def _colors(path: Path) -> dict[tuple[int, int, int], str]:
    """`name:r,g,b::` of CVAT's labelmap.txt, `name,r,g,b` or `r g b name` of others."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError):
        return {}
    found: dict[tuple[int, int, int], str] = {}
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        if ":" in line:
            name, said = line.split(":")[:2]
            numbers = said.split(",")
        else:
            cells = next(csv.reader([line])) if "," in line else line.split()
            numbers = [cell for cell in cells if cell.strip().isdecimal()]
            name = " ".join(cell for cell in cells if not cell.strip().isdecimal())
        if len(numbers) != 3 or not all(number.strip().isdecimal() for number in numbers):
            continue
        red, green, blue = (int(number) for number in numbers)
        found[red, green, blue] = name.strip()
    return found
