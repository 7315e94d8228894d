"""Several inputs of a record: where they lie, and what they are as tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PILImage
from torch import Tensor
from torchvision.tv_tensors import Image

from mtcli.core.configinputs import Input, InputArrays, InputMaps, Range
from mtcli.core.data.arrays import ArrayRow, open_array
from mtcli.core.data.decode import SIXTEEN_BIT, decode, picture_size, reporting, verified_size
from mtcli.core.data.pictures import picture_endings
from mtcli.core.data.readers import stem
from mtcli.core.data.readers.arrays import NumberRow
from mtcli.core.data.readers.maps import ENDINGS, MapFile
from mtcli.core.data.siblings import files_by_stem
from mtcli.core.data.splits import Source, split_array
from mtcli.core.errors import DataError
from mtcli.core.maps import UNMEASURED, NumberMap

MeasuredMap = MapFile | NumberRow
InputSource = Source | MeasuredMap
"""Where an input lies: a picture's file or row, or a measured map's."""

LOOKED_AT = 8
"""Files that are opened to tell pictures from maps, where the first of them are damaged."""


def locate_inputs(
    inputs: Mapping[str, Input], pictures: Mapping[str, Source], split: str
) -> dict[str, dict[str, InputSource]]:
    """For each picture its inputs by name; one that has no file or row of its own is lacking.

    Args:
        inputs: of a task; the first is that of the pictures.
        pictures: of the split, by their names.
        split: its name.

    Raises:
        DataError: a folder has no file for it, an array not as many rows as the first, or the
            first is no picture that can be shown.
    """
    first, *others = inputs
    located: dict[str, dict[str, InputSource]] = {
        picture: {first: source}
        for picture, source in _as_they_are(inputs[first], pictures).items()
    }
    for name in others:
        for picture, source in _located(name, inputs[name], pictures, split).items():
            located[picture][name] = source
    return located


def load_input(source: InputSource, scale: Range | None) -> Image | NumberMap:
    """A picture `[3, H, W]` uint8 RGB; or of a measured map `[H, W]` float32 in [0, 1].

    Args:
        source: where it lies.
        scale: the numbers of a map that become 0 and 1, what is beyond them too; what was not
            measured becomes 0. None of a picture.

    Raises:
        DataError: it cannot be read.
    """
    if not isinstance(source, MeasuredMap):
        return Image(decode(source))
    assert scale is not None, "checked with the records"
    return on_range(source.load().values, scale)


def on_range(values: Tensor, scale: Range) -> NumberMap:
    """Measured numbers `[H, W]` in [0, 1] between the two of a range; 0 where not measured."""
    low, high = scale
    shares = ((values - low) / (high - low)).clamp(0, 1)
    return NumberMap(torch.where(values == UNMEASURED, 0.0, shares))


def input_size(source: InputSource, whole: bool) -> tuple[int, int]:
    """Height and width of an input, upright.

    Args:
        source: where it lies.
        whole: whether all of it is decoded, and not its header alone.

    Raises:
        DataError: it is missing, damaged, or not what it is taken for.
    """
    if not isinstance(source, MeasuredMap):
        return verified_size(source) if whole else picture_size(source)
    if whole:
        height, width = source.load().values.shape
    elif isinstance(source, NumberRow):
        height, width = open_array(source.place.path, source.place.key).shape[1:]
    elif source.path.suffix.lower() == ".npy":
        array = open_array(source.path)
        if array.ndim != 2:
            raise _no_map("the array is no map", "[H, W]", array.shape, source.path)
        height, width = array.shape
    else:
        return picture_size(source.path)
    return height, width


def place_of(source: InputSource) -> Path | ArrayRow:
    """The file or row of an input, for messages."""
    if isinstance(source, NumberRow):
        return source.place
    return source.path if isinstance(source, MapFile) else source


def _as_they_are(place: Input, pictures: Mapping[str, Source]) -> Mapping[str, InputSource]:
    """The pictures themselves, as the maps that they may be."""
    if isinstance(place, InputArrays):
        row = next((p for p in pictures.values() if isinstance(p, ArrayRow)), None)
        is_map = row is not None and _holds_maps(row.path, row.key, place.range)
    else:
        is_map = isinstance(place, InputMaps) or _are_maps(_files(pictures.values()))
    if not is_map:
        return pictures
    for source in pictures.values():
        if isinstance(source, ArrayRow) or source.suffix.lower() == ".npy":
            raise DataError(
                "the first of several inputs names the pictures, and these cannot be shown",
                where=source,
                expected="a folder of pictures, 16-bit ones perhaps, or an array of uint8",
                mend="name another input first",
            )
    return {
        picture: _map_file(source, place)
        for picture, source in pictures.items()
        if isinstance(source, Path)
    }


def _located(
    name: str, place: Input, pictures: Mapping[str, Source], split: str
) -> dict[str, InputSource]:
    if isinstance(place, InputArrays):
        return _rows(name, place, pictures, split)
    if isinstance(place, InputMaps):
        files = files_by_stem(place.maps, ENDINGS, place.suffix, sort=name)
    else:
        files = files_by_stem(place, (*sorted(picture_endings()), ".npy"), sort=name)
    found = {p: files[stem(p)] for p in pictures if stem(p) in files}
    if not isinstance(place, InputMaps) and not _are_maps(files.values()):
        return dict(found)
    return {picture: _map_file(path, place) for picture, path in found.items()}


def _rows(
    name: str, place: InputArrays, pictures: Mapping[str, Source], split: str
) -> dict[str, InputSource]:
    path, key = split_array(place.arrays, place.key, split)
    count = len(open_array(path, key))
    is_map = _holds_maps(path, key, place.range)
    found: dict[str, InputSource] = {}
    for picture, source in pictures.items():
        assert isinstance(source, ArrayRow), "checked with the config"
        pictures_there = len(open_array(source.path, source.key))
        if count != pictures_there:
            raise DataError(
                f"{count} rows of {name} for {pictures_there} pictures",
                where=_name(path, key),
                expected=f"{pictures_there} rows",
                found=f"{pictures_there} pictures in {source.path}",
            )
        row = ArrayRow(path, key, source.row)
        found[picture] = NumberRow(row) if is_map else row
    return found


def _map_file(path: Path, place: Input) -> MapFile:
    unmeasured = place.unmeasured if isinstance(place, InputMaps) else UNMEASURED
    return MapFile(path, 1.0, unmeasured)


def _files(sources: Iterable[Source]) -> list[Path]:
    return [source for source in sources if isinstance(source, Path)]


def _are_maps(paths: Iterable[Path]) -> bool:
    """Whether files hold measured numbers: `.npy`, or one channel of 16 bits and more.

    The first that can be opened speaks for all.
    """
    for path in [*paths][:LOOKED_AT]:
        if path.suffix.lower() == ".npy":
            return True
        try:
            with reporting(path), PILImage.open(path) as opened:
                return opened.mode in (*SIXTEEN_BIT, "F")
        except DataError:
            continue
    return False


def _holds_maps(path: Path, key: str | None, scale: Range | None) -> bool:
    array = open_array(path, key)
    if scale is not None and array.ndim != 3:
        raise _no_map("a range is of maps", "[N, H, W]", array.shape, _name(path, key))
    return array.ndim == 3 and (scale is not None or array.dtype != np.uint8)


def _no_map(what: str, expected: str, shape: tuple[int, ...], where: object) -> DataError:
    return DataError(
        what, where=where, expected=f"an array of shape {expected}", found=f"shape {[*shape]}"
    )


def _name(path: Path, key: str | None) -> str:
    return str(path) if key is None else f"{path}, {key}"
