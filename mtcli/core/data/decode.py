"""Picture files to RGB pixels, upright as a person sees them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFile, ImageOps
from torch import Tensor

from mtcli.core.data.arrays import Array, ArrayRow, open_array
from mtcli.core.errors import DataError

ORIENTATION = 0x0112
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def decode(path: Path | ArrayRow) -> Tensor:
    """The picture as `[3, H, W]` uint8 RGB.

    Turned upright by its EXIF note; grey becomes RGB; 16 bits become the upper 8; what is
    transparent lies on white.

    Raises:
        DataError: the file is missing, damaged, cut short, or no picture.
    """
    if isinstance(path, ArrayRow):
        row = np.array(_row(path))
        grey = row[..., None] if row.ndim == 2 else row
        return torch.from_numpy(grey).expand(-1, -1, 3).permute(2, 0, 1).contiguous()
    with reporting(path), Image.open(path) as opened:
        return pixels_of(opened)


def pixels_of(image: Image.Image) -> Tensor:
    """An open picture as `decode` has it."""
    pixels = np.array(_to_rgb(ImageOps.exif_transpose(image)), dtype=np.uint8)
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def picture_size(path: Path | ArrayRow) -> tuple[int, int]:
    """Height and width of the upright picture, from the file's header alone.

    Raises:
        DataError: the file is missing, or its header is damaged or no picture's.
    """
    if isinstance(path, ArrayRow):
        height, width = _row(path).shape[:2]
        return height, width
    with reporting(path), Image.open(path) as opened:
        return _upright_size(opened)


def verified_size(path: Path | ArrayRow) -> tuple[int, int]:
    """Height and width of the upright picture, all of whose data was decoded.

    Raises:
        DataError: the file is missing, damaged, cut short, or no picture.
    """
    if isinstance(path, ArrayRow):
        return picture_size(path)
    with reporting(path), Image.open(path) as opened:
        opened.load()
        return _upright_size(opened)


def _row(place: ArrayRow) -> Array:
    """The pixels of a row, `[H, W]` or `[H, W, 3]` uint8, still on the disk."""
    array = open_array(place.path, place.key)
    shape = array.shape[1:]
    if array.dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))):
        raise DataError(
            "the array holds no pictures",
            where=place.path,
            expected="uint8 of shape [N, H, W] or [N, H, W, 3]",
            found=f"{array.dtype} of shape {list(array.shape)}",
        )
    row: Array = array[place.row]
    return row


def _upright_size(opened: Image.Image) -> tuple[int, int]:
    width, height = opened.size
    # Pillow turns a TIFF by itself; and of a PNG without the note in its header it would read
    # all the data to look for one behind it.
    if opened.format == "TIFF" or (opened.format == "PNG" and "exif" not in opened.info):
        return height, width
    turned = 5 <= opened.getexif().get(ORIENTATION, 1) <= 8
    return (width, height) if turned else (height, width)


class reporting:  # noqa: N801 - reads as a phrase where it is used
    """Turns whatever Pillow raises into one DataError that names the file."""

    def __init__(self, path: Path, what: str = "picture") -> None:
        self._path = path
        self._what = what

    def __enter__(self) -> None:
        assert not ImageFile.LOAD_TRUNCATED_IMAGES

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError | IsADirectoryError):
            raise DataError(f"no such {self._what}", where=self._path) from None
        if isinstance(error, DataError):
            return
        # Pillow's decoders raise nearly anything on damaged input: OSError, SyntaxError,
        # ValueError, struct.error, zlib.error, DecompressionBombError.
        if isinstance(error, Exception):
            reason = str(error).replace(f" {str(self._path)!r}", "") or type(error).__name__
            raise DataError(
                f"a {self._what} that cannot be read",
                where=self._path,
                found=reason,
                mend="replace the file, or leave such pictures out: data.on_bad_image: skip"
                if self._what == "picture"
                else None,
            ) from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in SIXTEEN_BIT:
        # Pillow's own conversion clips at 255 and shows nothing but white.
        values = np.asarray(image, dtype=np.int64)
        # Mode I holds 32 bits, of which files use 8, 16 or all.
        bits = 16 if image.mode != "I" else max(8, int(values.max(initial=0)).bit_length())
        bits = bits if bits <= 8 else max(16, bits)
        image = Image.fromarray((values >> (bits - 8)).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
