"""Where in a head's tensors each class has its rows, so that weights can move by class name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, slots=True)
class ClassRows:
    """How dimension 0 of a tensor is laid out over K classes: `[groups][before + K][width]`.

    Attributes:
        groups: how often all classes are listed, one list for each anchor of a cell, say.
        before: entries of a list in front of the classes, the background say.
        width: rows of one entry, 4 for a box.
    """

    groups: int = 1
    before: int = 0
    width: int = 1

    def length(self, classes: int) -> int:
        """Rows in all, for a number of classes."""
        return self.groups * (self.before + classes) * self.width


def class_rows(head: nn.Module) -> Mapping[str, ClassRows]:
    """The tensors of a head that hold rows for classes, by name; none where it says nothing."""
    found: Mapping[str, ClassRows] = getattr(head, "by_class", {})
    return found
