"""A model in Python: pictures in, plain values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torchvision.tv_tensors import Image as Pixels

from mtcli.core.answering import Answers, Opened
from mtcli.core.configinputs import Range
from mtcli.core.data.dataset import Collate, Item
from mtcli.core.data.decode import pixels_of
from mtcli.core.data.geometry import resize_rule
from mtcli.core.data.inputs import load_input, on_range
from mtcli.core.data.measured import measured_map
from mtcli.core.data.readers.maps import MapFile
from mtcli.core.data.sample import Batch, Sample
from mtcli.core.errors import UsageError, did_you_mean
from mtcli.core.inputs import IMAGE
from mtcli.core.maps import UNMEASURED, NumberMap
from mtcli.core.ops.boxes import as_boxes
from mtcli.core.prediction.answered import rounded
from mtcli.core.prediction.choosing import choose_tasks, open_trusted
from mtcli.core.prediction.drawn import maps_of
from mtcli.core.runtime import choose_runtime

Picture: TypeAlias = str | PathLike[str] | Image.Image | npt.NDArray[Any]
"""A path, a Pillow image, or an array `[H, W, 3]` or `[H, W]` uint8 (RGB); a measured map is a
path or an array `[H, W]` of its numbers."""

Record: TypeAlias = Picture | Mapping[str, Picture]
"""A picture; for a model of several inputs, those that there are by name."""


@dataclass(frozen=True, slots=True)
class Result:
    """What all tasks say of one picture.

    `result["det"]` is short for `result.tasks["det"]`; `mtcli.answers` has the type of each kind's
    answers.

    Attributes:
        image: the path, where the picture came as one.
        size: height and width of the picture, in whose pixels boxes, points and maps are.
        tasks: by name; what `mtcli predict --format json` writes, and `map` for a kind that says
            something of every pixel.
    """

    image: str | None
    size: tuple[int, int]
    tasks: Mapping[str, dict[str, Any]]

    def __getitem__(self, task: str) -> Any:
        return self.tasks[task]


class Predictor:
    """Answers about pictures; made by `load`.

    Attributes:
        path: of the checkpoint or the exported file.
        tasks: the kind of each task that is asked, by name.
        size: height and width that pictures are resized to, in which they are looked at.
        inputs: the names of several inputs; none of a model that reads one picture.
    """

    def __init__(self, opened: Opened, tasks: Sequence[str], answers: Answers, batch: int) -> None:
        self._model = opened.model
        self._answers = answers
        self._batch = batch
        self._whole = opened.needs_all_inputs
        self.path = opened.path
        self.tasks = {name: opened.model.tasks[name].kind for name in tasks}
        self.size = opened.model.size
        self.inputs = tuple(opened.model.inputs)

    def predict(self, images: Record | Iterable[Record]) -> list[Result]:
        """A result for each picture, in their order.

        Args:
            images: a picture or several; see `load` for an example.

        Raises:
            DataError: a picture cannot be read.
            UsageError: it is no picture, or lacks its inputs.
        """
        if isinstance(images, _ONE):
            images = [images]
        if not isinstance(images, Iterable):
            raise _no_picture(images)
        records = list(images)
        found: list[Result] = []
        for start in range(0, len(records), self._batch):
            found += self._results(records[start : start + self._batch])
        return found

    def _results(self, records: Sequence[Record]) -> list[Result]:
        items = [self._item(record) for record in records]
        collate = Collate({}, self.size, with_targets=False, inputs=self._model.inputs)
        batch = collate(items)
        assert isinstance(batch, Batch), "no item is an error"
        device = self._answers.device
        rows = dict.fromkeys(self.tasks, torch.arange(len(items), device=device))
        found = self._answers.predict(batch.to(device).inputs, rows, self.size)
        results = []
        for row, item in enumerate(items):
            said = {}
            for name in self.tasks:
                answer = item.resize.undo(found[name][row])
                plain = rounded(self._model.tasks[name].to_json(answer))
                maps = [value.as_subclass(Tensor).numpy() for value in maps_of(answer)]
                said[name] = {**plain, "map": maps[0]} if maps else plain
            results.append(Result(item.key or None, item.resize.original, said))
        return results

    def _item(self, record: Record) -> Item:
        inputs = self._model.inputs
        parts = record if isinstance(record, Mapping) else {next(iter(inputs), IMAGE): record}
        self._check_inputs(parts, isinstance(record, Mapping))
        read = {name: _read(part, inputs.get(name)) for name, part in parts.items()}
        ordered = {name: read[name] for name in inputs or (IMAGE,) if name in read}
        shown = next(iter(ordered.values()))
        original = (shown.shape[-2], shown.shape[-1])
        sample: Sample = {
            "targets": {},
            "frame": as_boxes([[0, 0, original[1], original[0]]], original),
            "cropped": False,
            "corners": as_boxes([], original),
        }
        if inputs:
            sample["inputs"] = ordered
        else:
            sample["image"] = Pixels(shown)
        resize = resize_rule(self._model.resize, original, self.size)
        path = next(iter(parts.values()))
        key = fspath(path) if isinstance(path, str | PathLike) else ""
        return Item(key, resize.apply(sample), resize)

    def _check_inputs(self, parts: Mapping[str, Picture], named: bool) -> None:
        form = "{" + ", ".join(f"{name!r}: …" for name in self.inputs) + "}"
        if named and not self.inputs:
            raise UsageError("the model reads one picture, which has no name")
        if not named and len(self.inputs) > 1:
            raise UsageError("the model reads several inputs, and each is named", expected=form)
        for name in parts:
            if named and name not in self.inputs:
                mend = did_you_mean(name, self.inputs)
                raise UsageError(f"the model has no input {name}", mend=mend)
        if not parts or (self._whole and named and len(parts) < len(self.inputs)):
            raise UsageError(
                "a record lacks an input",
                expected=form,
                found=", ".join(parts) or "none",
            )


_ONE = (str, PathLike, Image.Image, np.ndarray, Mapping)


def load(
    path: str | PathLike[str],
    tasks: Sequence[str] | None = None,
    *,
    device: str = "auto",
    precision: str = "auto",
    batch_size: int = 16,
    allow_plugins: bool = False,
) -> Predictor:
    """Open a model to ask it about pictures.

    >>> import mtcli
    >>> model = mtcli.load("runs/demo", tasks=["cls", "det"])
    >>> model.tasks
    {'cls': 'classification', 'det': 'detection'}
    >>> one, other = model.predict(["picture.png", "other.png"])
    >>> one.size
    (64, 64)
    >>> sorted(one["cls"])
    ['class', 'probabilities']
    >>> for item in one["det"]["objects"]:
    ...     name, (x1, y1, x2, y2) = item["class"], item["box"]

    Args:
        path: a run (its best checkpoint), a checkpoint, or an exported file.
        tasks: those to ask; None: all.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        precision: `auto`, `fp32`, `bf16` or `fp16`.
        batch_size: pictures that go through the network at once.
        allow_plugins: import the plug-ins that the model names. They are code: only where you
            trust who made it.

    Raises:
        MtcliError: there is no such model, it is damaged, or it has no such task.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size: {batch_size}", expected="1 or more")
    runtime = choose_runtime(device, precision)
    opened = open_trusted(Path(path), allow_plugins)
    names = [*choose_tasks(opened, tasks)]
    return Predictor(opened, names, opened.answers(names, runtime), batch_size)


def _read(part: Picture, scale: Range | None) -> Pixels | NumberMap:
    """A picture `[3, H, W]` uint8; where there is a scale, a measured map `[H, W]` in [0, 1]."""
    if isinstance(part, str | PathLike):
        path = Path(part)
        return load_input(MapFile(path, 1.0, UNMEASURED) if scale else path, scale)
    if scale is not None:
        array = np.asarray(part)
        if array.ndim != 2 or array.dtype.kind not in "iuf":
            raise _other_array("a measured map", "numbers of shape [H, W]", array)
        mend = "0 where nothing was measured"
        return on_range(measured_map(array, "an array", 1.0, UNMEASURED, mend).values, scale)
    if isinstance(part, Image.Image):
        return Pixels(pixels_of(part))
    if not isinstance(part, np.ndarray):
        raise _no_picture(part)
    grey = part.ndim == 2
    if part.dtype != np.uint8 or not (grey or (part.ndim == 3 and part.shape[2] == 3)):
        raise _other_array("a picture", "uint8 of shape [H, W, 3], RGB, or [H, W]", part)
    rgb = np.repeat(part[..., None], 3, axis=2) if grey else part
    return Pixels(torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))))


def _no_picture(found: object) -> UsageError:
    return UsageError(
        f"not a picture: {type(found).__name__}", expected="a path, a Pillow image, or an array"
    )


def _other_array(what: str, expected: str, found: npt.NDArray[Any]) -> UsageError:
    shape = f"{found.dtype} of shape {list(found.shape)}"
    return UsageError(f"the array is not {what}", expected=expected, found=shape)
