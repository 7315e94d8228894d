"""What is written of a single picture: the picture with its answers, and its maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image as PILImage
from torch import Tensor
from torchvision.tv_tensors import Mask

from mtcli.core.configinputs import Range
from mtcli.core.data.decode import decode
from mtcli.core.data.inputs import MeasuredMap, load_input
from mtcli.core.data.records import Record
from mtcli.core.description import Model
from mtcli.core.maps import NumberMap
from mtcli.core.ops.drawing import color_of, to_pil
from mtcli.core.prediction.answered import Answered
from mtcli.core.shown import answered as shown
from mtcli.core.task import Prediction

LARGEST = 2560
"""Pixels of the longer side of a drawn picture; larger ones are shrunk to it."""


def draw_answers(answered: Answered, model: Model, file: BinaryIO) -> None:
    """Write a picture with all answers drawn on it, as PNG."""
    image = _picture(answered.record, model.inputs)
    page = shown(image, model.tasks, answered.predictions, largest=LARGEST)
    # Twice as fast as the usual level, for a tenth more of bytes.
    to_pil(page).save(file, "png", compress_level=3)


def map_endings(predictions: Mapping[str, Prediction]) -> dict[str, str]:
    """The tasks whose answers are maps, and how the names of their files end."""
    return {
        name: ".npy" if isinstance(value, NumberMap) else ".png"
        for name, said in predictions.items()
        for value in maps_of(said)
    }


def write_map(prediction: Prediction, file: BinaryIO) -> None:
    """Write a map in its picture's size.

    Classes as a PNG whose pixels are their numbers, with colours for people; numbers as a NumPy
    array `[H, W]` float32.
    """
    for value in maps_of(prediction):
        pixels = value.as_subclass(Tensor).numpy()
        if isinstance(value, NumberMap):
            np.save(file, pixels.astype(np.float32, copy=False))
            return
        image = PILImage.fromarray(pixels.astype(np.uint8))
        image.putpalette([0, 0, 0, *(side for n in range(255) for side in color_of(n))])
        image.save(file, "png")


def maps_of(prediction: Prediction) -> list[Mask]:
    """What of an answer is a number or a class for every pixel: one map, or none."""
    return [value for value in prediction.values() if isinstance(value, Mask)]


def _picture(record: Record, inputs: Mapping[str, Range | None]) -> Tensor:
    """What of a record a person is shown, `[3, H, W]` uint8: a picture, else a grey map."""
    for source in record.inputs.values():
        if not isinstance(source, MeasuredMap):
            return decode(source)
    for name, source in record.inputs.items():
        grey: Tensor = load_input(source, inputs[name]).as_subclass(Tensor)
        return (grey * 255).to(torch.uint8).expand(3, -1, -1)
    return decode(record.image)
