"""Everything that moves while a network learns, and how it is kept and taken up again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mtcli.core.checkpoint import load_network, load_training, save_checkpoint
from mtcli.core.config import TrainConfig
from mtcli.core.description import Model
from mtcli.core.errors import CheckpointError
from mtcli.core.network import Network
from mtcli.core.optimization import WeightAverage, build_optimizer
from mtcli.core.progress import Progress
from mtcli.core.run import TRAINING, Run
from mtcli.core.runtime import Runtime


class TrainingState:
    """The network, its optimizer, loss scaler and average, and how far the training has come.

    Args:
        network: on the runtime's device.
        model: what describes it in a checkpoint.
        settings: of the training.
        rates: factors on the learning rate of the trunks, by key.
        copied: the tensors that did not start at random.
        runtime: device and precision.
        data: what tells the pictures of the run from others; see `records.digest`.
    """

    def __init__(
        self,
        network: Network,
        model: Model,
        settings: TrainConfig,
        rates: Mapping[str, float],
        copied: Collection[str],
        runtime: Runtime,
        data: str,
    ) -> None:
        self.network = network
        self.optimizer = build_optimizer(network, settings, rates)
        self.scaler = torch.amp.GradScaler(runtime.device.type, enabled=runtime.precision == "fp16")
        self.average = WeightAverage(network, settings.ema) if settings.ema is not None else None
        self.progress = Progress()
        self._parameters = list(network.parameters())
        self.copied = copied
        self._model = model
        self._clip = settings.clip or float("inf")
        self._device = runtime.device
        self._data = data

    @property
    def judged(self) -> Network:
        """The network that is validated and shipped: the average, where there is one."""
        return self.average.network if self.average is not None else self.network

    def update(self) -> Tensor:
        """Let the gradients move the weights; returns the gradients' norm before clipping.

        Where all that had a label is frozen there is no gradient, and nothing moves.
        """
        if all(parameter.grad is None for parameter in self._parameters):
            return torch.zeros((), device=self._device)
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, self._clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(self.network)
        return norm

    def save(self, run: Run, names: Sequence[str], facts: Mapping[str, Any]) -> Path:
        """A checkpoint of this moment, which the run's index then calls `names`.

        Raises:
            SaveError: see `save_checkpoint`.
        """
        cuda = self._device.type == "cuda"
        training = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average_updates": self.average.updates if self.average is not None else 0,
            "progress": self.progress.to_dict(),
            "data": self._data,
            "generator": torch.get_rng_state(),
            "device_generator": torch.cuda.get_rng_state(self._device) if cuda else None,
        }
        step = self.progress.step
        if self.copied:
            facts = {**facts, "copied": sorted(self.copied)}
        folder = save_checkpoint(run.checkpoints, step, self._model, self.judged, training, facts)
        run.point({**run.index(), **dict.fromkeys(names, folder)})
        return run.checkpoints / folder

    def restore(self, checkpoint: Path) -> None:
        """Take up the state of a checkpoint, torch's generators included.

        Raises:
            CheckpointError: it is damaged, or is not of this run.
        """
        state = load_training(checkpoint)
        try:
            self._restore(checkpoint, state)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                "the training state does not fit the run",
                where=checkpoint / TRAINING,
                found=str(error).splitlines()[0],
            ) from None

    def _restore(self, checkpoint: Path, state: Mapping[str, Any]) -> None:
        if state["data"] != self._data:
            raise CheckpointError(
                "the pictures of the splits are no longer those that the run was trained on",
                where=checkpoint,
                mend="put the lists and pictures back, or train a new run",
            )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if state["scaler"]:  # empty where the format was another than fp16
            self.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            averaged = load_network(checkpoint, self._model)
            self.average.network.load_state_dict(averaged.state_dict())
            self.average.updates = state["average_updates"]
        self.progress = Progress(**state["progress"])
        torch.set_rng_state(state["generator"])
        if state["device_generator"] is not None and self._device.type == "cuda":
            torch.cuda.set_rng_state(state["device_generator"], self._device)
