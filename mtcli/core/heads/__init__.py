"""Heads that more than one kind of task, or an option, may choose; one file each."""

from __future__ import annotations

from mtcli.core.heads.dense import DenseHead
from mtcli.core.heads.detector import Detector
from mtcli.core.registry import Registry

DETECTORS: Registry[type[Detector]] = Registry("detection head", __name__)
"""Heads that find boxes."""

LAYOUTS: Registry[type[Detector]] = Registry("layout of a detection head", __name__)
"""The same heads built as others publish them, so that their weights fit: `HEAD/LAYOUT`."""


def layouts_of(head: str) -> dict[str, type[Detector]]:
    """A detection head in every layout that it has, by the layout's name; our own first."""
    names = [name for name in LAYOUTS.names() if name.startswith(f"{head}/")]
    others = {name.removeprefix(f"{head}/"): LAYOUTS.get(name) for name in names}
    return {"mtcli": DETECTORS.get(head), **others}


DENSE_HEADS: Registry[type[DenseHead]] = Registry("dense head", __name__)
"""Heads that answer for every pixel."""
