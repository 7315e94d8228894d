"""Reading losses back from the device, seldom, and stopping when one is not finite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mtcli.core.errors import NonFiniteError, and_more


@dataclass(slots=True)
class LossWatch:
    """Keeps the losses of updates on the device until somebody asks.

    Attributes:
        sums: by task, over the updates of the epoch that were read.
        counts: by task, how many updates had a label of it.
    """

    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    _pending: list[tuple[tuple[str, ...], tuple[str, ...], Tensor]] = field(default_factory=list)

    def add(self, losses: Mapping[str, Tensor], norm: Tensor, keys: Sequence[str]) -> None:
        """Note an update: its losses, the norm of its gradients, the pictures it was made from."""
        self._pending.append((tuple(losses), tuple(keys), torch.stack([*losses.values(), norm])))

    @property
    def waiting(self) -> int:
        """How many updates were not read yet."""
        return len(self._pending)

    def read(self, epoch: int, check_norm: bool) -> None:
        """Bring the losses to the CPU and add them up. Waits for the device.

        Args:
            epoch: for the message.
            check_norm: whether an infinite gradient is an error too; under loss scaling it is
                a step that the scaler passes over.

        Raises:
            NonFiniteError: a loss, or the gradient, of some update was NaN or infinite.
        """
        if not self._pending:
            return
        values = torch.cat([row for _, _, row in self._pending]).tolist()  # one synchronisation
        for names, keys, row in self._pending:
            own, values = values[: len(row)], values[len(row) :]
            *losses, norm = own
            for name, loss in zip(names, losses, strict=True):
                if not _is_finite(loss):
                    raise _stop(f"the loss of {name} is {loss}", epoch, keys)
                self.sums[name] = self.sums.get(name, 0.0) + loss
                self.counts[name] = self.counts.get(name, 0) + 1
            if check_norm and not _is_finite(norm):
                raise _stop(f"the gradient of {', '.join(names)} is {norm}", epoch, keys)
        self._pending.clear()

    def means(self) -> dict[str, float]:
        """The mean loss of each task over the updates of the epoch that were read."""
        return {name: total / self.counts[name] for name, total in self.sums.items()}


def _is_finite(value: float) -> bool:
    return abs(value) < float("inf")


def _stop(what: str, epoch: int, keys: Sequence[str]) -> NonFiniteError:
    return NonFiniteError(
        what,
        where=f"epoch {epoch}, pictures {and_more(keys, 16)}",
        mend="lower train.lr, set train.clip, or look at these pictures and their labels; "
        "checkpoints of earlier epochs are in place",
    )
