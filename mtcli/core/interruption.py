"""Ctrl-C, SIGTERM and SIGHUP as a wish that the training notices between two updates."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator
from contextlib import closing
from types import FrameType, TracebackType
from typing import Any, TypeVar

Y = TypeVar("Y")
R = TypeVar("R")


class Interruption:
    """A context in which the first signal is noted and the second one acts at once."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if os.name == "posix" else ()))

    def __init__(self) -> None:
        self._came: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():  # Python allows it only there
            for number in self.SIGNALS:
                # What nohup had ignored stays ignored.
                if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def came(self) -> int | None:
        """The number of the signal that came, or None."""
        return self._came

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


def until(interruption: Interruption, work: Generator[Y, None, R]) -> Generator[Y, None, R | None]:
    """The same work, given up when a signal has come: then the result is None."""
    with closing(work):
        while interruption.came() is None:
            try:
                step = next(work)
            except StopIteration as done:
                result: R = done.value
                return result
            yield step
    return None


def ignore_in_worker(_worker: int) -> None:
    """Let a loader process live through a Ctrl-C that the terminal sends to all of them.

    The training process ends them itself, when it has saved.
    """
    for number in Interruption.SIGNALS:
        signal.signal(number, signal.SIG_IGN)
