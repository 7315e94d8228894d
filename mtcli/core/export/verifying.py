"""Whether an exported file says what its network says."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mtcli.core.answering import Answers
from mtcli.core.export.events import TaskCheck, TensorCheck
from mtcli.core.export.formats import Session
from mtcli.core.export.graph import Graph
from mtcli.core.export.manner import Manner
from mtcli.core.export.pictures import Pictures, some
from mtcli.core.export.program import ROWS, Program
from mtcli.core.task import AnyTask, Prediction

CLOSE = 1e-3
"""Of a tensor's largest number: some fifty layers of float32, added up in another order, came to
a hundredth of it in ours; a wrong layer, or a picture that is resized otherwise, to many times."""

APART = 0.01
"""The share of a tensor's numbers that may be further apart, and of its whole numbers that may
differ: pixels on the border of two classes, where rounding decides."""

ROWS_APART = 0.1
"""The same of rows that come one behind the other: a box that rounding lets in has no like."""

AGREEMENT = 0.98
"""How far decoded answers must agree, on average: a box at the threshold comes and goes."""

BATCHES = (1, 3)
"""Numbers of pictures at once, in turn, where any number may come."""

REPEATS, PATIENCE = 25, 6.0
"""A latency is the median of so many, or of as many as go into so many seconds."""

WARM = 3
"""Calls of each that do not count."""


@dataclass
class Verification:
    """Holds a file's answers against the network's, batch by batch.

    Args:
        graph: the network.
        session: the file.
        program: what the file was written from.
        tasks: by name.
        manner: how it was exported.
    """

    graph: Graph
    session: Session
    program: Program
    tasks: Mapping[str, AnyTask]
    manner: Manner
    _ours: dict[str, list[Tensor]] = field(default_factory=lambda: defaultdict(list))
    _theirs: dict[str, list[Tensor]] = field(default_factory=lambda: defaultdict(list))
    _agreements: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def compare(self, pictures: Pictures, size: tuple[int, int]) -> None:
        """Ask both about a batch of pictures of a size."""
        with torch.inference_mode():
            ours = self.graph(*pictures.values())
        theirs = self.session.run(pictures, torch.device("cpu"))
        for name in self.program.outputs:
            self._ours[name].append(ours[name])
            self._theirs[name].append(theirs[name])
        for name, task in self.tasks.items():
            pairs = zip(*(self._decoded(name, t, size) for t in (theirs, ours)), strict=True)
            self._agreements[name] += [task.agreement(one, other) for one, other in pairs]

    def tensors(self) -> Iterator[TensorCheck]:
        """A check of each output."""
        judged = self.manner.precision == "fp32"
        for name, shape in self.program.outputs.items():
            ours, theirs = self._ours[name], self._theirs[name]
            whole = not theirs[0].is_floating_point()
            behind = shape[0] == ROWS  # rows of one picture behind those of another
            ragged = f"{name.partition('/')[0]}/image" in self.program.outputs
            indices = ragged and whole  # of rows that rounding lets in or puts elsewhere
            gaps, scale = [], 0.0
            for one, other in zip(theirs, ours, strict=True):
                gaps.append(_nearest(one, other) if behind else _gap(one, other))
                scale = max(scale, float(_finite(other).abs().max()) if other.numel() else 0.0)
            gap = torch.cat(gaps)
            tolerance = 0.0 if whole else CLOSE * scale
            apart = float((gap > tolerance).double().mean()) if gap.numel() else 0.0
            numbers = all(_same_numbers(*pair) for pair in zip(theirs, ours, strict=True))
            yield TensorCheck(
                name,
                tuple(shape),
                float(gap.max()) if gap.numel() else 0.0,
                apart,
                tolerance if judged and not indices else None,
                numbers,
                numbers and (not judged or apart <= (ROWS_APART if behind else APART) or indices),
            )

    def agreements(self) -> dict[str, TaskCheck]:
        """A check of what each task says in the end."""
        wanted = AGREEMENT if self.manner.precision == "fp32" else None
        means = {name: statistics.fmean(said) for name, said in self._agreements.items()}
        return {
            name: TaskCheck(mean, wanted, wanted is None or mean >= wanted)
            for name, mean in means.items()
        }

    def _decoded(
        self, name: str, tensors: Mapping[str, Tensor], size: tuple[int, int]
    ) -> list[Prediction]:
        task, prefix = self.tasks[name], f"{name}/"
        own = {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
        return task.predictions(own, size) if self.manner.decoded else task.decode_raw(own, size)


def cut(pictures: Pictures, manner: Manner) -> list[Pictures]:
    """Pictures in batches of several sizes, where the file takes any number."""
    pieces: list[Pictures] = []
    count, start = len(next(iter(pictures.values()))), 0
    while start < count:
        step = manner.batch or BATCHES[len(pieces) % len(BATCHES)]
        pieces.append(some(pictures, start, start + step))
        start += step
    return pieces


def latencies(
    both: Sequence[Answers], inputs: Mapping[str, Tensor], size: tuple[int, int]
) -> list[float]:
    """The median seconds of each for the one picture, asked in turn."""
    rows = [{name: torch.zeros(1, dtype=torch.int64) for name in one.tasks} for one in both]
    times: list[list[float]] = [[] for _ in both]
    began = time.perf_counter()
    for turn in range(WARM + REPEATS):
        for answers, asked, own in zip(both, rows, times, strict=True):
            start = time.perf_counter()
            answers.predict(inputs, asked, size)
            own.append(time.perf_counter() - start)
        if turn > WARM and time.perf_counter() - began > PATIENCE:
            break
    return [statistics.median(own[WARM:]) for own in times]


def _gap(one: Tensor, other: Tensor) -> Tensor:
    """How far numbers in the same place are apart; equal infinities are not."""
    assert one.shape == other.shape
    gap = (one.double() - other.double()).abs()
    return torch.where(one == other, 0.0, gap).nan_to_num(nan=torch.inf).flatten()


def _nearest(one: Tensor, other: Tensor) -> Tensor:
    """How far each row is from the one of the other that is most like it, where both have some.

    Rows come in an order that hangs on rounding, and one more or less is told by the agreement.
    """
    if not len(one) or not len(other):
        return torch.zeros(0, dtype=torch.float64)
    fewer, more = sorted(
        (one.flatten(1), other.flatten(1)) if one.dim() > 1 else (one[:, None], other[:, None]),
        key=len,
    )
    return torch.cdist(fewer.double(), more.double(), p=torch.inf).amin(dim=1)


def _same_numbers(one: Tensor, other: Tensor) -> bool:
    """Whether a tensor holds NaN or infinity only if the other does."""
    return bool(one.isfinite().all()) or not bool(other.isfinite().all())


def _finite(values: Tensor) -> Tensor:
    return values[values.isfinite()] if values.is_floating_point() else values
