"""Several inputs of a record: found beside the picture, told apart, and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.tv_tensors import Image as TVImage

from mtcli.core.configinputs import InputArrays, InputMaps
from mtcli.core.data.arrays import ArrayRow
from mtcli.core.data.inputs import InputSource, input_size, load_input, locate_inputs
from mtcli.core.data.readers.arrays import NumberRow
from mtcli.core.data.readers.maps import MapFile
from mtcli.core.data.splits import Source
from mtcli.core.errors import DataError
from mtcli.core.maps import NumberMap

NAMES = ("a.jpg", "deep/b.png", "c.jpg")
DEPTH = np.arange(12, dtype=np.uint16).reshape(3, 4) * 100


def here(folder: str) -> Path:
    return Path(folder).resolve()


def put(folder: str, name: str, pixels: object = None) -> Path:
    path = here(folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros((3, 4, 3), np.uint8) if pixels is None else np.asarray(pixels)
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        Image.fromarray(values).save(path)
    return path


@pytest.fixture
def pictures() -> dict[str, Source]:
    return {name: put("rgb", name) for name in NAMES}


def test_others_belong_by_their_path_but_for_the_ending(pictures: dict[str, Source]) -> None:
    first, second = put("depth", "a.png", DEPTH), put("depth", "deep/b.png", DEPTH)
    put("depth", "c_.png", DEPTH)
    located = locate_inputs({"rgb": here("rgb"), "depth": here("depth")}, pictures, "train")
    assert located == {
        "a.jpg": {"rgb": pictures["a.jpg"], "depth": MapFile(first, 1.0, 0)},
        "deep/b.png": {
            "rgb": pictures["deep/b.png"],
            "depth": MapFile(second, 1.0, 0),
        },
        "c.jpg": {"rgb": pictures["c.jpg"]},
    }


@pytest.mark.parametrize(
    ("name", "pixels", "is_map"),
    [
        ("a.png", DEPTH, True),
        ("a.tif", DEPTH.astype(np.float32), True),
        ("a.npy", DEPTH, True),
        ("a.png", DEPTH.astype(np.uint8), False),
        ("a.jpg", None, False),
    ],
)
def test_the_files_tell_what_they_are(
    pictures: dict[str, Source], name: str, pixels: object, is_map: bool
) -> None:
    path = put("other", name, pixels)
    located = locate_inputs({"rgb": here("rgb"), "other": path.parent}, pictures, "train")
    assert located["a.jpg"]["other"] == (MapFile(path, 1.0, 0.0) if is_map else path)


def test_a_damaged_file_does_not_tell(pictures: dict[str, Source]) -> None:
    (put("other", "a.png", DEPTH)).write_bytes(b"no picture")
    put("other", "c.png", DEPTH)
    located = locate_inputs({"rgb": here("rgb"), "other": here("other")}, pictures, "train")
    assert isinstance(located["a.jpg"]["other"], MapFile)


def test_maps_have_their_options(pictures: dict[str, Source]) -> None:
    path = put("rgb", "a_d.png", DEPTH)
    place = InputMaps(maps=Path("rgb").resolve(), suffix="_d", unmeasured=300)
    located = locate_inputs({"rgb": here("rgb"), "depth": place}, pictures, "train")
    assert located["a.jpg"]["depth"] == MapFile(path, 1.0, 300)


def test_two_files_for_one_picture_are_refused(pictures: dict[str, Source]) -> None:
    put("other", "a.png", DEPTH), put("other", "a.npy", DEPTH)
    with pytest.raises(DataError, match="two other files for one picture"):
        locate_inputs({"rgb": here("rgb"), "other": here("other")}, pictures, "train")


def test_the_first_may_be_maps_that_can_be_shown(pictures: dict[str, Source]) -> None:
    source = put("depth", "a.png", DEPTH)
    inputs = {"depth": here("depth"), "rgb": here("rgb")}
    located = locate_inputs(inputs, {"a.png": source}, "train")
    assert located["a.png"] == {"depth": MapFile(source, 1.0, 0.0), "rgb": pictures["a.jpg"]}
    npy = put("depth2", "a.npy", DEPTH)
    with pytest.raises(DataError, match="cannot be shown"):
        locate_inputs({"depth": here("depth2"), "rgb": here("rgb")}, {"a.npy": npy}, "train")


def rows(path: Path, key: str | None, count: int) -> dict[str, Source]:
    return {str(n): ArrayRow(path, key, n) for n in range(count)}


def test_rows_of_arrays_belong_by_their_numbers() -> None:
    path = Path("x.npz").resolve()
    np.savez(path, rgb=np.zeros((2, 3, 4, 3), np.uint8), depth=np.zeros((2, 3, 4), np.float32))
    inputs = {
        "rgb": InputArrays(arrays=path, key="rgb"),
        "d": InputArrays(arrays=path, key="depth"),
    }
    located = locate_inputs(inputs, rows(path, "rgb", 2), "train")
    assert located["1"] == {
        "rgb": ArrayRow(path, "rgb", 1),
        "d": NumberRow(ArrayRow(path, "depth", 1)),
    }


def test_arrays_of_different_counts_are_refused() -> None:
    path = Path("x.npz").resolve()
    np.savez(path, rgb=np.zeros((2, 3, 4), np.uint8), depth=np.zeros((3, 3, 4), np.float32))
    inputs = {
        "rgb": InputArrays(arrays=path, key="rgb"),
        "d": InputArrays(arrays=path, key="depth"),
    }
    with pytest.raises(DataError) as caught:
        locate_inputs(inputs, rows(path, "rgb", 2), "train")
    assert caught.value.what == "3 rows of d for 2 pictures"
    assert "depth" in str(caught.value.where)


def test_a_range_makes_maps_of_an_array_and_of_no_pictures() -> None:
    path = Path("x.npz").resolve()
    np.savez(path, rgb=np.zeros((2, 3, 4, 3), np.uint8), grey=np.zeros((2, 3, 4), np.uint8))
    first = InputArrays(arrays=path, key="rgb")
    pictures = rows(path, "rgb", 2)
    for key, scale, wanted in (
        ("rgb", None, ArrayRow(path, "rgb", 1)),
        ("grey", None, ArrayRow(path, "grey", 1)),
        ("grey", (0.0, 9.0), NumberRow(ArrayRow(path, "grey", 1))),
    ):
        other = InputArrays(arrays=path, key=key, range=scale)
        assert locate_inputs({"a": first, "b": other}, pictures, "train")["1"]["b"] == wanted
    ranged = InputArrays(arrays=path, key="rgb", range=(0, 9))
    for inputs in ({"a": first, "b": ranged}, {"a": ranged, "b": first}):
        with pytest.raises(DataError, match="a range is of maps") as caught:
            locate_inputs(inputs, pictures, "train")
        assert caught.value.where == f"{path}, rgb"
        assert caught.value.found == "shape [2, 3, 4, 3]"


@pytest.mark.parametrize("shape", [(4,), (4, 3, 3)])
def test_a_file_of_another_shape_is_no_map(shape: tuple[int, ...]) -> None:
    path = put("depth", "a.npy", np.zeros(shape))
    with pytest.raises(DataError, match="no map") as caught:
        input_size(MapFile(path, 1.0, 0.0), whole=False)
    assert caught.value.found == f"shape {[*shape]}"


def test_a_map_is_a_share_of_its_range_and_0_where_it_was_not_measured() -> None:
    source = MapFile(put("depth", "a.npy", [[0, 500], [1000, 3000]]), 1.0, 0.0)
    read = load_input(source, (400, 1400))
    assert isinstance(read, NumberMap)
    assert read.dtype == torch.float32
    assert read.flatten().tolist() == pytest.approx([0, 0.1, 0.6, 1])
    low = load_input(source, (-1000, 1000)).tolist()
    assert low == [[0, 0.75], [1, 1]]  # not measured is 0, though 0 is half of this range


def test_a_picture_is_as_it_is_decoded() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 4, 3), dtype=np.uint8)
    read = load_input(put("rgb", "a.png", pixels), None)
    assert isinstance(read, TVImage)
    assert read.permute(1, 2, 0).tolist() == pixels.tolist()


@pytest.mark.parametrize("whole", [True, False])
def test_sizes(whole: bool) -> None:
    np.save("rows.npy", np.ones((2, 5, 6), np.float32))
    row = ArrayRow(Path("rows.npy"), None, 1)
    sources: dict[tuple[int, int], InputSource] = {
        (3, 4): put("a", "a.png"),
        (2, 7): MapFile(put("a", "b.png", np.zeros((2, 7), np.uint16)), 1.0, 0),
        (4, 3): MapFile(put("a", "c.npy", np.zeros((4, 3))), 1.0, 0),
        (5, 6): NumberRow(row),
    }
    assert {size: input_size(source, whole) for size, source in sources.items()} == {
        size: size for size in sources
    }
