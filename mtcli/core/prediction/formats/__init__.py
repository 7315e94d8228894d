"""The formats that predictions are written in, one file each, and what a format is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TextIO

from mtcli.core.prediction.answered import Answered
from mtcli.core.registry import Registry
from mtcli.core.task import AnyTask


class Format(ABC):
    """Writes what a model says, picture by picture, and keeps none of it.

    Args:
        tasks: that are asked, by name.
        model: where the model lies.
        files: to write to, by the names of `names`.
    """

    def __init__(
        self, tasks: Mapping[str, AnyTask], model: str, files: Mapping[str, TextIO]
    ) -> None:
        self.tasks = tasks
        self.model = model
        self.files = files

    @classmethod
    @abstractmethod
    def names(cls, tasks: Mapping[str, AnyTask]) -> list[str]:
        """The files that it writes for these tasks; none where it can say nothing of them."""

    @abstractmethod
    def add(self, answered: Answered, maps: Mapping[str, str]) -> None:
        """Write a picture's answers; `maps` are the files of tasks that hold their maps."""

    def end(self, counts: Mapping[str, Any]) -> None:
        """Write what stands behind the last picture; `counts` are of pictures and failures."""
        return


FORMATS: Registry[type[Format]] = Registry("format of predictions", __name__)
