"""Regions of classes, as polygons or run lengths, drawn to a class map when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from faster_coco_eval.core import mask as rle

from mtcli.core.errors import DataError
from mtcli.core.labels import ClassMapLabel, Deferred
from mtcli.core.maps import IGNORED


@dataclass(frozen=True, slots=True)
class Region:
    """One region of a picture.

    Attributes:
        number: of its class.
        shape: COCO's `segmentation`: polygons `[[x1, y1, x2, y2, …], …]`, or run lengths
            `{"size": [H, W], "counts": …}`.
        where: in which file and annotation, for messages.
    """

    number: int
    shape: Any
    where: str


@dataclass(frozen=True, slots=True)
class DrawnMap(Deferred):
    """A class map from regions; where they overlap the later one is seen.

    Attributes:
        size: height and width of the picture.
        names: what the numbers of the classes mean; 0 is what no region covers.
        regions: in the order in which they are drawn.
    """

    size: tuple[int, int]
    names: tuple[str, ...]
    regions: Sequence[Region]

    def load(self) -> ClassMapLabel:
        """Draw it."""
        numbers = np.zeros(self.size, np.uint8)
        for region in self.regions:
            numbers[_covered(region, self.size)] = region.number
        return ClassMapLabel(torch.from_numpy(numbers), self.names)


def _covered(region: Region, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    height, width = size
    try:
        if isinstance(region.shape, Mapping):
            runs = dict(region.shape)
            if list(runs.get("size", [])) != [height, width]:
                raise DataError(
                    "the run lengths are of another size than the picture",
                    where=region.where,
                    expected=f"size [{height}, {width}]",
                    found=f"size {runs.get('size')}",
                )
            if isinstance(runs.get("counts"), list):
                total = sum(runs["counts"])
                if total != height * width:
                    raise DataError(
                        "the run lengths have a wrong length",
                        where=region.where,
                        expected=f"{height * width} pixels",
                        found=f"{total}",
                    )
                runs = rle.frPyObjects(runs, height, width)
            mask = rle.decode(runs)
        else:
            mask = rle.decode(rle.merge(rle.frPyObjects(_polygons(region), height, width)))
    except DataError:
        raise
    # The library's C++ raises what it likes: ValueError, TypeError, RuntimeError, KeyError.
    except Exception as error:
        raise DataError(
            "a segmentation that is neither polygons nor run lengths",
            where=region.where,
            found=(str(error) or type(error).__name__).splitlines()[0],
        ) from None
    covered: npt.NDArray[np.bool_] = np.asarray(mask).reshape(height, width).astype(bool)
    return covered


def _polygons(region: Region) -> list[list[float]]:
    polygons = region.shape
    for polygon in polygons if isinstance(polygons, list) else [None]:
        if (
            not isinstance(polygon, list)
            or len(polygon) < 6
            or len(polygon) % 2
            or not all(_is_number(value) for value in polygon)
        ):
            raise DataError(
                "a segmentation that is no polygon",
                where=region.where,
                expected="x and y of three points or more",
                found=repr(polygon)[:60],
            )
    checked: list[list[float]] = polygons
    return checked


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and abs(value) < 1e9


CROWD = IGNORED
"""The number of a region of many objects, which is neither taught nor measured."""
