"""`sequential`: stages one after another, each with its tasks and its frozen parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mtcli.core.mixing import Mixing, Update


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the training.

    Attributes:
        mixing: of its tasks alone.
        epochs: how long it lasts.
        frozen: the parts of the network that stay as they are.
    """

    mixing: Mixing
    epochs: int
    frozen: tuple[str, ...]


class SequentialMixing(Mixing):
    """Stages in their order; each counts its own epochs from 1."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages

    def updates(self, epoch: int) -> int:
        stage, own = self._at(epoch)
        return stage.mixing.updates(own)

    def epoch(self, epoch: int) -> list[Update]:
        stage, own = self._at(epoch)
        return [
            [[draw._replace(epoch=epoch) for draw in batch] for batch in update]
            for update in stage.mixing.epoch(own)
        ]

    def learning(self, epoch: int) -> tuple[str, ...] | None:
        stage, own = self._at(epoch)
        return stage.mixing.learning(own)

    def frozen(self, epoch: int) -> tuple[str, ...]:
        return self._at(epoch)[0].frozen

    def _at(self, epoch: int) -> tuple[Stage, int]:
        """The stage of an epoch, and the epoch as the stage counts."""
        own = epoch
        for stage in self._stages:
            if own <= stage.epochs:
                return stage, own
            own -= stage.epochs
        raise IndexError(f"the stages end before epoch {epoch}")
