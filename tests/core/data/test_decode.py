"""Pictures of every sort come out upright, as RGB, and broken ones with their name."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from mtcli.core.data.decode import decode, picture_size, verified_size
from mtcli.core.errors import DataError

Array = np.ndarray[Any, np.dtype[Any]]

COLORS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 14
"""Two rows of three pixels, no two of which are alike."""

WHITE = [255, 255, 255]


def pixels(path: Path) -> Array:
    """What `decode` gives, as rows of RGB pixels."""
    tensor = decode(path)
    assert tensor.dtype == torch.uint8
    assert tensor.is_contiguous()
    assert tensor.shape[0] == 3
    return tensor.permute(1, 2, 0).numpy()


def save(picture: Image.Image, name: str, **options: Any) -> Path:
    path = Path(name)
    picture.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.bmp", {}),
        ("a.tiff", {}),
        ("a.webp", {"lossless": True}),
        ("a.PNG", {}),
    ],
)
def test_lossless_formats_are_exact(name: str, options: dict[str, Any]) -> None:
    path = save(Image.fromarray(COLORS), name, **options)

    np.testing.assert_array_equal(pixels(path), COLORS)
    assert verified_size(path) == picture_size(path) == (2, 3)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_lossy_formats_are_near(name: str) -> None:
    row = np.linspace(0, 255, 32, dtype=np.uint8)
    smooth = np.broadcast_to(row[None, :, None], (24, 32, 3)).copy()

    found = pixels(save(Image.fromarray(smooth), name, quality=95))

    assert found.shape == (24, 32, 3)
    assert np.abs(found.astype(int) - smooth).max() <= 8


def test_suffix_does_not_matter() -> None:
    path = save(Image.fromarray(COLORS), "a.jpg", format="PNG")

    np.testing.assert_array_equal(pixels(path), COLORS)


def test_grey_becomes_three_equal_channels() -> None:
    grey = COLORS[:, :, 0]

    found = pixels(save(Image.fromarray(grey), "a.png"))

    np.testing.assert_array_equal(found, np.stack([grey] * 3, axis=2))


def test_black_and_white_becomes_0_and_255() -> None:
    picture = Image.fromarray(np.array([[0, 255, 0]], dtype=np.uint8)).convert("1")

    assert pixels(save(picture, "a.png")).tolist() == [[[0] * 3, WHITE, [0] * 3]]


def test_cmyk_becomes_rgb() -> None:
    picture = Image.new("CMYK", (16, 8), (0, 255, 255, 0))

    found = pixels(save(picture, "a.jpg", quality=95))

    assert found.shape == (8, 16, 3)
    assert np.abs(found.astype(int) - [255, 0, 0]).max() <= 8


@pytest.mark.parametrize(("name", "mode"), [("a.png", "I;16"), ("a.tif", "I;16B")])
def test_sixteen_bits_keep_their_upper_eight(name: str, mode: str) -> None:
    values = np.array([[0, 255, 256], [32768, 65279, 65535]])
    data = values.astype(">u2" if mode.endswith("B") else "<u2").tobytes()

    found = pixels(save(Image.frombytes(mode, (3, 2), data), name))

    assert found[:, :, 0].tolist() == [[0, 0, 1], [128, 254, 255]]
    assert (found == found[:, :, :1]).all()


def test_transparent_lies_on_white() -> None:
    colors = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]], dtype=np.uint8)

    found = pixels(save(Image.fromarray(colors), "a.png"))

    # A fifth of the colour and four fifths of white.
    assert found[0, :2].tolist() == [[200, 100, 0], WHITE]
    assert np.abs(found[0, 2].astype(int) - [244, 224, 204]).max() <= 1


def test_transparent_grey_lies_on_white() -> None:
    picture = Image.merge(
        "LA",
        [
            Image.fromarray(np.array([[10, 10]], dtype=np.uint8)),
            Image.fromarray(np.array([[255, 0]], dtype=np.uint8)),
        ],
    )

    assert pixels(save(picture, "a.png")).tolist() == [[[10] * 3, WHITE]]


def palette(*row: int) -> Image.Image:
    """A row of indices into red, green, blue."""
    picture = Image.new("P", (len(row), 1))
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.putdata(row)
    return picture


@pytest.mark.parametrize("name", ["a.png", "a.gif"])
def test_palette_becomes_its_colors(name: str) -> None:
    found = pixels(save(palette(0, 1, 2), name))

    assert found.tolist() == [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]


@pytest.mark.parametrize("name", ["a.png", "a.gif"])
def test_transparent_entry_of_a_palette_lies_on_white(name: str) -> None:
    found = pixels(save(palette(0, 1, 2), name, transparency=1))

    assert found.tolist() == [[[255, 0, 0], WHITE, [0, 0, 255]]]


def test_half_transparent_entry_of_a_palette_lies_on_white() -> None:
    found = pixels(save(palette(0, 1), "a.png", transparency=bytes([51, 255])))

    assert np.abs(found[0, 0].astype(int) - [255, 204, 204]).max() <= 1
    assert found[0, 1].tolist() == [0, 255, 0]


def test_transparent_color_lies_on_white() -> None:
    path = save(Image.fromarray(COLORS), "a.png", transparency=tuple(COLORS[1, 2].tolist()))

    found = pixels(path)

    assert found[1, 2].tolist() == WHITE
    np.testing.assert_array_equal(found[0], COLORS[0])


# What the file holds, by what its first row and column are in the upright picture.
UPRIGHT: dict[int, Callable[[Array], Array]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: stored[::-1].transpose(1, 0, 2),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: stored[:, ::-1].transpose(1, 0, 2),
}


def turned(name: str, orientation: int, **options: Any) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return save(Image.fromarray(COLORS), name, exif=exif, **options)


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize(
    ("name", "options"), [("a.png", {}), ("a.webp", {"lossless": True}), ("a.tiff", {})]
)
def test_exif_turns_the_picture_upright(
    name: str, options: dict[str, Any], orientation: int
) -> None:
    path = turned(name, orientation, **options)
    expected = UPRIGHT[orientation](COLORS)

    np.testing.assert_array_equal(pixels(path), expected)
    assert picture_size(path) == verified_size(path) == expected.shape[:2]


def test_a_quarter_turn_to_the_right_is_orientation_6() -> None:
    # The camera's top left corner is the upright picture's top right one.
    found = pixels(turned("a.png", 6))

    assert found[0, -1].tolist() == COLORS[0, 0].tolist()
    assert found.shape == (3, 2, 3)


@pytest.mark.parametrize("orientation", [0, 9, 700])
def test_unknown_orientation_is_passed_over(orientation: int) -> None:
    path = turned("a.png", orientation)

    np.testing.assert_array_equal(pixels(path), COLORS)
    assert picture_size(path) == verified_size(path) == (2, 3)


def test_damaged_exif_is_passed_over() -> None:
    buffer = io.BytesIO()
    Image.fromarray(COLORS).save(buffer, "JPEG", quality=100, subsampling=0)
    note = b"Exif\x00\x00not a TIFF header"
    segment = b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note
    data = buffer.getvalue()
    Path("a.jpg").write_bytes(data[:2] + segment + data[2:])

    assert pixels(Path("a.jpg")).shape == (2, 3, 3)
    assert picture_size(Path("a.jpg")) == (2, 3)


LOOKS = [decode, picture_size, verified_size]


@pytest.mark.parametrize("look", LOOKS)
def test_missing_picture_is_named(look: Callable[[Path], object]) -> None:
    with pytest.raises(DataError, match="no such picture") as caught:
        look(Path("nosuch.png"))

    assert caught.value.where == "nosuch.png"


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_file_that_is_no_picture_is_named(look: Callable[[Path], object], content: bytes) -> None:
    Path("a.png").write_bytes(content)

    with pytest.raises(DataError, match="cannot be read") as caught:
        look(Path("a.png"))

    assert caught.value.where == "a.png"
    assert caught.value.mend is not None
    assert "data.on_bad_image: skip" in caught.value.mend


@pytest.mark.parametrize("look", LOOKS)
def test_folder_is_no_picture(look: Callable[[Path], object]) -> None:
    Path("a.png").mkdir()

    with pytest.raises(DataError, match="no such picture"):
        look(Path("a.png"))


@pytest.mark.parametrize("look", [decode, verified_size])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.bmp", "a.gif", "a.tiff"])
def test_truncated_picture_is_named(look: Callable[[Path], object], name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    path = save(Image.fromarray(noise), name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])

    with pytest.raises(DataError, match="cannot be read") as caught:
        look(path)

    assert caught.value.where == name


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp"])
def test_header_alone_gives_the_size(name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    path = save(Image.fromarray(noise), name)
    path.write_bytes(path.read_bytes()[:-200])

    assert picture_size(path) == (20, 30)


def test_sound_picture_is_decoded_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(Image.fromarray(COLORS), "a.png")
    decoded = []
    load_end = PngImageFile.load_end

    def noted(file: PngImageFile) -> None:
        decoded.append(file)
        load_end(file)

    monkeypatch.setattr(PngImageFile, "load_end", noted)

    verified_size(path)

    assert len(decoded) == 1


def test_message_names_the_file_once() -> None:
    path = Path("a.png").resolve()
    path.write_text("no picture")

    with pytest.raises(DataError) as caught:
        decode(path)

    assert caught.value.found is not None
    assert str(path) not in caught.value.found
    assert "file the file" not in caught.value.found


@pytest.mark.parametrize(
    ("values", "seen"), [([0, 100, 200], [0, 100, 200]), ([0, 256, 65535], [0, 1, 255])]
)
def test_a_32_bit_picture_shows_the_bits_that_are_used(values: list[int], seen: list[int]) -> None:
    Image.fromarray(np.array([values], dtype=np.int32)).save("a.tiff")
    assert decode(Path("a.tiff"))[0, 0].tolist() == seen
