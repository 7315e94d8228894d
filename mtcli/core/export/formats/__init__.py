"""The formats that a model can be exported to; one file each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from mtcli.core.export.manner import Manner, Number
from mtcli.core.export.pictures import Pictures
from mtcli.core.export.program import Program
from mtcli.core.registry import Registry


class Session(ABC):
    """An exported file that can be run.

    Attributes:
        metadata: what stands in it of mtcli, None where nothing does.
    """

    metadata: str | None

    @abstractmethod
    def run(self, pictures: Pictures, device: torch.device) -> dict[str, Tensor]:
        """Its outputs by name, on the CPU, for pictures on the CPU; computed on the device."""


class Format(ABC):
    """A format that a model can be exported to.

    Class facts:
        ending: of its files.
        precisions: the formats of numbers that it can be written in.
        opsets: whether its operators come in versions that a user may choose.
    """

    ending: ClassVar[str]
    precisions: ClassVar[tuple[Number, ...]]
    opsets: ClassVar[bool] = False

    def require(self) -> None:  # noqa: B027 - most formats need nothing more
        """See that what it needs is installed.

        Raises:
            UsageError: it is not.
        """

    @abstractmethod
    def write(
        self,
        program: Program,
        path: Path,
        manner: Manner,
        metadata: Mapping[str, Any],
        calibration: Iterable[Pictures],
    ) -> None:
        """Write a file.

        Args:
            program: what it computes.
            path: of the file; the caller makes it disappear if this fails.
            manner: how.
            metadata: to be kept in it.
            calibration: for `int8`, pictures that the ranges of numbers are measured on.

        Raises:
            UsageError: the graph has an operator that the format lacks.
            OSError: it cannot be written.
        """

    @abstractmethod
    def read(self, path: Path) -> Session:
        """Open a file.

        Raises:
            CheckpointError: it is damaged, or holds what should not be run.
            UsageError: what is needed to run it is not installed.
        """


EXPORTERS: Registry[Format] = Registry("export format", __name__)
