"""What one picture and one batch are, between the disk and the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, NotRequired, TypedDict

import torch
from torch import Tensor
from torchvision.tv_tensors import BoundingBoxes, Image

from mtcli.core.data.geometry import Resize
from mtcli.core.maps import NumberMap
from mtcli.core.task import Target


class Sample(TypedDict):
    """A decoded record at the working size.

    A dict, since torchvision's transforms walk through dicts and pass dataclasses over.

    Keys:
        image: `[3, H, W]` uint8; not there where the network reads cached features, or several
            inputs.
        inputs: by name, of several inputs those that the record has: `[3, H, W]` uint8 of a
            picture, `[H, W]` float32 in [0, 1] of a measured map.
        targets: of the tasks that have a label for the picture.
        frame: where in the input the picture lies, or what is still to be seen of it, as a box.
        cropped: whether a part of the picture was cut off.
        corners: three of its corners as boxes without area, which tell whether it was mirrored.
    """

    image: NotRequired[Image]
    inputs: NotRequired[dict[str, Image | NumberMap]]
    targets: dict[str, Target]
    frame: BoundingBoxes
    cropped: bool
    corners: BoundingBoxes


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples stacked, with each task's targets collated.

    Attributes:
        inputs: by name; `image` is `[N, 3, H, W]` uint8, or there are cached features instead. Of
            several inputs there is each as `NAME`, `[R, 3, H, W]` uint8 or `[R, 1, H, W]` float32
            in [0, 1], of the R rows that have it, and `NAME/rows` `[N]` int64: these, ascending,
            then -1 for each that has not.
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


def shown_picture(sample: Sample) -> Tensor:
    """The picture of a sample for people, `[3, H, W]` uint8: of several inputs the first.

    A measured map is grey.
    """
    picture = sample["image"] if "image" in sample else next(iter(sample["inputs"].values()))
    plain: Tensor = picture.as_subclass(Tensor)
    is_map = isinstance(picture, NumberMap)
    return (plain * 255).to(torch.uint8).expand(3, -1, -1) if is_map else plain


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
