"""What a config may say of several inputs of a record, such as colour and depth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from mtcli.core.configsplits import ImageArrays, has_key
from mtcli.core.options import InputPath, Options


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] >= bounds[1]:
        raise ValueError(f"two numbers, the lower one first, found {list(bounds)}")
    return bounds


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
Share = Annotated[float, Field(ge=0, lt=1)]


class InputMaps(Options):
    """An input that is a number for every pixel: 16-bit PNG, TIFF or `.npy` files."""

    maps: InputPath
    """The folder."""
    suffix: str = ""
    """What stands behind the picture's name: `_depth` for `a.jpg` and `a_depth.png`."""
    range: Range | None = None
    """The numbers that become 0 and 1, what is beyond them too; null: the least and the most that
    the training split's maps show."""
    unmeasured: float | Literal["nan"] = 0.0
    """The file's number that says: not measured here; or `nan`. 0 says so too."""


class InputArrays(ImageArrays):
    """An input that is the rows of an array: pictures of uint8, or else maps `[N, H, W]`."""

    range: Range | None = None
    """As of maps in files."""


Input = Annotated[
    Annotated[InputMaps, Tag("<maps>")]
    | Annotated[InputArrays, Tag("<arrays>")]
    | Annotated[InputPath, Tag("<folder>")],
    Discriminator(lambda value: _sort(value)),
]
Inputs = Annotated[dict[str, Input], Field(min_length=1)]


def first_place(inputs: Mapping[str, Path | InputMaps | InputArrays]) -> Path | ImageArrays:
    """Where the pictures are that name the records: the first input's."""
    first = next(iter(inputs.values()))
    return first.maps if isinstance(first, InputMaps) else first


def _sort(value: object) -> str:
    if has_key(value, InputMaps, "maps"):
        return "<maps>"
    return "<arrays>" if has_key(value, InputArrays, "arrays") else "<folder>"
