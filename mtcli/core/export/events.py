"""What an export tells of its progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

Shape = tuple[int | str, ...]
"""Sides of a tensor: numbers, or `N` pictures, `H` and `W` of a picture, `D` rows."""


@dataclass(frozen=True, slots=True)
class Exporting:
    """What is being done; `done` of `total` where that is known."""

    doing: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class TensorCheck:
    """How far a tensor of the file is from the network's.

    Attributes:
        name: `TASK/OUTPUT`.
        shape: its documented shape.
        largest: the largest difference; of rows that come one behind the other, between each and
            the one most like it.
        apart: the share of its numbers that differ by more than `tolerance`.
        tolerance: the largest difference that is rounding; None where the tensor is not judged by
            its numbers, but by what its task says in the end.
        numbers: whether it holds none but numbers, no NaN and no infinity.
        fine: whether it passes.
    """

    name: str
    shape: Shape
    largest: float
    apart: float
    tolerance: float | None
    numbers: bool
    fine: bool


@dataclass(frozen=True, slots=True)
class TaskCheck:
    """How far the decoded answers of a task agree, in [0, 1]; `wanted` is what they must."""

    agreement: float
    wanted: float | None
    fine: bool


@dataclass(frozen=True, slots=True)
class Verified:
    """A file was held against its checkpoint.

    Attributes:
        pictures: of the validation split that both were asked about.
        batches: numbers of pictures at once.
        sizes: of the pictures, height and width.
        tensors: a check each.
        tasks: by name.
        seconds: the median time of one picture with the file.
        seconds_before: the same with the checkpoint.
    """

    pictures: int
    batches: tuple[int, ...]
    sizes: tuple[tuple[int, int], ...]
    tensors: tuple[TensorCheck, ...]
    tasks: Mapping[str, TaskCheck]
    seconds: float
    seconds_before: float

    @property
    def fine(self) -> bool:
        """Whether all is within what rounding explains."""
        fine = [*(check.fine for check in self.tensors), *(t.fine for t in self.tasks.values())]
        return all(fine)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a task's primary metric is on the validation split, with the checkpoint and the file."""

    metric: str
    better: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class ExportEnded:
    """A model was exported.

    Attributes:
        file: where it was to go.
        placed: whether it is there.
        replaced: whether an older export was.
        form: the format's name.
        answers: `decoded` or `raw`.
        dynamic: what may differ from call to call.
        precision: of its numbers.
        multiple: the sides of a picture are multiples of it.
        size: of its bytes.
        size_before: of the checkpoint's weights.
        inputs: the shape and dtype of each by name.
        outputs: likewise.
        verified: None where nobody asked.
        losses: by task, where the file's numbers are coarser than the checkpoint's.
    """

    file: Path
    placed: bool
    replaced: bool
    form: str
    answers: str
    dynamic: str
    precision: str
    multiple: int
    size: int
    size_before: int
    inputs: Mapping[str, tuple[Shape, str]]
    outputs: Mapping[str, tuple[Shape, str]]
    verified: Verified | None = None
    losses: Mapping[str, Loss] = field(default_factory=dict)


ExportEvent = Exporting | ExportEnded
