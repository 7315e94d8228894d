"""What answers for a batch of pictures: a network, or a file that was exported from one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mtcli.core.data.sample import each_tensor
from mtcli.core.description import Model
from mtcli.core.network import Network
from mtcli.core.runtime import Runtime
from mtcli.core.task import AnyTask, Prediction


class Answers(ABC):
    """Says of a batch what its tasks predict.

    Attributes:
        tasks: by name, those that it can be asked.
        device: where it wants its inputs.
    """

    tasks: Mapping[str, AnyTask]
    device: torch.device

    @abstractmethod
    def predict(
        self,
        inputs: Mapping[str, Tensor],
        rows: Mapping[str, Tensor],
        size: tuple[int, int],
    ) -> dict[str, list[Prediction]]:
        """For each task that has rows, a prediction for each of them, on the CPU, in input pixels.

        Args:
            inputs: as `Network.encode` takes them.
            rows: for each task that is asked, rows of the batch `[R]` int64, ascending.
            size: height and width of the inputs.
        """


class Opened(ABC):
    """A model on the disk that was looked into, and can be asked.

    Attributes:
        path: a checkpoint's folder, or an exported file.
        model: what it describes.
        facts: what else stands in its description: epoch, metrics and the like.
        fixed_batch: how many pictures it is asked at once; None: as many as one likes.
        needs_all_inputs: whether every record must have all of several inputs.
        precision: the format of numbers that it is bound to; None: it takes what it is asked in.
    """

    path: Path
    model: Model
    facts: Mapping[str, Any]
    fixed_batch: int | None = None
    needs_all_inputs: bool = False
    precision: str | None = None

    @abstractmethod
    def answers(self, tasks: Sequence[str], runtime: Runtime) -> Answers:
        """What says what these of its tasks predict.

        Raises:
            CheckpointError: its weights or its graph are damaged.
        """


class NetworkAnswers(Answers):
    """A network on its device, in evaluation mode."""

    def __init__(self, network: Network, tasks: Mapping[str, AnyTask], runtime: Runtime) -> None:
        self.tasks = tasks
        self.device = runtime.device
        self._network = network
        self._runtime = runtime

    def predict(
        self,
        inputs: Mapping[str, Tensor],
        rows: Mapping[str, Tensor],
        size: tuple[int, int],
    ) -> dict[str, list[Prediction]]:
        with torch.inference_mode(), self._runtime.autocast():
            answers = self._network(inputs, rows)
            return {
                name: each_tensor(self.tasks[name].decode(raw, size), lambda t: t.to("cpu"))
                for name, raw in answers.items()
            }
