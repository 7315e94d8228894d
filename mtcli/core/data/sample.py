"""What one picture and one batch are, between the disk and the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, NotRequired, TypedDict

import torch
from torch import Tensor
from torchvision.tv_tensors import BoundingBoxes, Image

from mtcli.core.data.geometry import Resize
from mtcli.core.task import Target


class Sample(TypedDict):
    """A decoded record at the working size.

    A dict, since torchvision's transforms walk through dicts and pass dataclasses over.

    Keys:
        image: `[3, H, W]` uint8; not there where the network reads cached features.
        targets: of the tasks that have a label for the picture.
        frame: where in the input the picture lies, or what is still to be seen of it, as a box.
        cropped: whether a part of the picture was cut off.
        corners: three of its corners as boxes without area, which tell whether it was mirrored.
    """

    image: NotRequired[Image]
    targets: dict[str, Target]
    frame: BoundingBoxes
    cropped: bool
    corners: BoundingBoxes


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples stacked, with each task's targets collated.

    Attributes:
        inputs: by name; `image` is `[N, 3, H, W]` uint8, or there are cached features instead.
        rows: for each task that has a label here, the rows `[R]` int64 that carry it, ascending.
        targets: for the same tasks, what their `collate` gave; empty in an evaluation.
        keys: the records' names, for messages.
        resizes: how each row's picture got to the working size.
    """

    inputs: dict[str, Tensor]
    rows: dict[str, Tensor]
    targets: dict[str, Any]
    keys: tuple[str, ...]
    resizes: tuple[Resize, ...]

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device; does not wait where the memory is pinned."""
        if device.type == "cpu":
            return self
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        """In page-locked memory, from which copies do not wait; the DataLoader asks for it."""
        return self._each(Tensor.pin_memory)

    def record_stream(self, stream: torch.cuda.Stream) -> None:
        """Tell the allocator that `stream` uses this batch too."""

        def record(tensor: Tensor) -> Tensor:
            tensor.record_stream(stream)
            return tensor

        self._each(record)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        return replace(
            self,
            inputs=each_tensor(self.inputs, change),
            rows=each_tensor(self.rows, change),
            targets=each_tensor(self.targets, change),
        )


def each_tensor(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """`change` every tensor in nested dicts, sequences and dataclasses."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: each_tensor(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(each_tensor(inner, change) for inner in value)
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(*(each_tensor(getattr(value, f.name), change) for f in fields(value)))
    return value
