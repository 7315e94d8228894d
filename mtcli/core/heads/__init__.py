"""Heads that more than one kind of task, or an option, may choose; one file each."""

from __future__ import annotations

from mtcli.core.heads.dense import DenseHead
from mtcli.core.heads.detector import Detector
from mtcli.core.registry import Registry

DETECTORS: Registry[type[Detector]] = Registry("detection head", __name__)
"""Heads that find boxes."""

DENSE_HEADS: Registry[type[DenseHead]] = Registry("dense head", __name__)
"""Heads that answer for every pixel."""
