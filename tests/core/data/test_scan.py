"""The look at every picture: what it finds, and what it remembers."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtcli.core.config import DataConfig
from mtcli.core.data.decode import verified_size
from mtcli.core.data.inputs import InputSource
from mtcli.core.data.readers.maps import MapFile
from mtcli.core.data.records import Record
from mtcli.core.data.scan import Scanned, cache_folder, scan
from mtcli.core.errors import DataError
from mtcli.core.events import Verifying


@pytest.fixture
def images() -> Path:
    """Three pictures of noise, ten times as wide as their name says."""
    folder = Path("images").resolve()
    folder.mkdir()
    for width in (4, 5, 6):
        noise = np.random.default_rng(width).integers(0, 256, (30, 10 * width), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{width}.png")
    return folder


def cut(path: Path) -> None:
    """Leave the header and half of the pixels."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def config_of(images: Path, **options: object) -> DataConfig:
    values = {"images": images, "splits": {"train": "train.txt"}, "size": [32, 32]}
    return DataConfig.model_validate({**values, **options})


def look(
    images: Path, keys: Sequence[str] = ("4.png", "5.png", "6.png"), **options: object
) -> tuple[list[Verifying], Scanned]:
    """Scan to its end: the events and the result."""
    records = [Record(key, images / key, {}) for key in keys]
    steps = scan(config_of(images, **options), records)
    events = []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as stop:
            result: Scanned = stop.value
            return events, result


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pictures that were decoded whole since the last look at this list."""
    names: list[str] = []

    def noted(path: Path) -> tuple[int, int]:
        names.append(path.name)
        return verified_size(path)

    monkeypatch.setattr("mtcli.core.data.inputs.verified_size", noted)
    return names


def cache_file() -> Path:
    (path,) = (cache_folder() / "verified").glob("*.json")
    return path


def test_records_get_their_sizes(images: Path) -> None:
    _, result = look(images)

    assert [record.size for record in result.records] == [(30, 40), (30, 50), (30, 60)]
    assert result.skipped == ()


def test_order_of_records_is_kept(images: Path) -> None:
    _, result = look(images, ["6.png", "4.png", "5.png"])

    assert [record.key for record in result.records] == ["6.png", "4.png", "5.png"]


def test_each_picture_is_an_event(images: Path) -> None:
    events, _ = look(images)

    assert events == [Verifying(1, 3), Verifying(2, 3), Verifying(3, 3)]


def test_second_look_decodes_nothing(images: Path, decoded: list[str]) -> None:
    _, first = look(images)
    assert sorted(decoded) == ["4.png", "5.png", "6.png"]
    decoded.clear()

    _, second = look(images)

    assert decoded == []
    assert second == first


def test_only_pictures_not_seen_before_are_decoded(images: Path, decoded: list[str]) -> None:
    look(images, ["4.png", "5.png"])
    decoded.clear()

    look(images)
    assert decoded == ["6.png"]
    decoded.clear()

    look(images, ["4.png"])
    look(images)
    assert decoded == []


def test_changed_picture_is_decoded_again(images: Path, decoded: list[str]) -> None:
    look(images)
    decoded.clear()
    Image.new("RGB", (9, 7)).save(images / "5.png")

    _, result = look(images)

    assert decoded == ["5.png"]
    assert result.records[1].size == (7, 9)


def test_picture_of_a_later_time_is_decoded_again(images: Path, decoded: list[str]) -> None:
    look(images)
    decoded.clear()
    path = images / "5.png"
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))

    look(images)

    assert decoded == ["5.png"]


def test_picture_damaged_after_the_first_look_is_found(images: Path) -> None:
    look(images)
    cut(images / "5.png")

    with pytest.raises(DataError, match="cannot be read"):
        look(images)


def test_same_names_in_another_folder_are_decoded(images: Path, decoded: list[str]) -> None:
    look(images)
    decoded.clear()
    other = images.with_name("other")
    images.rename(other)

    look(other)

    assert sorted(decoded) == ["4.png", "5.png", "6.png"]


def test_unreadable_picture_is_never_remembered(images: Path, decoded: list[str]) -> None:
    (images / "5.png").write_text("no picture")

    for _ in range(2):
        decoded.clear()
        _, result = look(images, on_bad_image="skip")
        assert result.skipped == ("5.png",)
        assert [record.key for record in result.records] == ["4.png", "6.png"]
        assert "5.png" in decoded


def test_sound_pictures_are_remembered_beside_an_unreadable_one(
    images: Path, decoded: list[str]
) -> None:
    (images / "5.png").write_text("no picture")
    with pytest.raises(DataError, match="cannot be read"):
        look(images)
    decoded.clear()
    Image.new("RGB", (50, 30)).save(images / "5.png")

    look(images)

    assert decoded == ["5.png"]


def test_unwritable_cache_does_no_harm(
    images: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file").write_text("in the cache's place")
    monkeypatch.setenv("MTCLI_CACHE", str(Path("file") / "cache"))

    for _ in range(2):
        _, result = look(images)
        assert len(result.records) == 3
    assert len(decoded) == 6


def test_cache_that_cannot_be_replaced_does_no_harm(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", full)

    _, result = look(images)

    assert len(result.records) == 3
    assert list((cache_folder() / "verified").iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", '{"4.png": [1', "[]", "null", '{"4.png": 3}', '{"4.png": [1, 2]}', "\x00"]
)
def test_damaged_cache_is_made_anew(images: Path, decoded: list[str], text: str) -> None:
    look(images)
    decoded.clear()
    cache_file().write_text(text)

    _, result = look(images)

    assert len(result.records) == 3
    assert sorted(decoded) == ["4.png", "5.png", "6.png"]
    assert len(json.loads(cache_file().read_text())) == 3


def test_cache_is_not_among_the_pictures(images: Path) -> None:
    before = sorted(path.name for path in images.iterdir())

    look(images)

    assert sorted(path.name for path in images.iterdir()) == before


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"MTCLI_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, Path("/a")),
        ({"MTCLI_CACHE": "", "XDG_CACHE_HOME": "/b"}, Path("/b/mtcli")),
        ({"MTCLI_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "/c"}, Path("/c/.cache/mtcli")),
    ],
)
def test_place_of_the_cache(
    variables: dict[str, str], expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert cache_folder() == expected


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_verify_none_reads_headers_only(images: Path, decoded: list[str], suffix: str) -> None:
    path = images / f"big.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (70, 90), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    cut(path)

    _, result = look(images, ["4.png", path.name], verify="none")

    assert [record.size for record in result.records] == [(30, 40), (70, 90)]
    assert decoded == []


def test_verify_none_remembers_nothing(images: Path, decoded: list[str]) -> None:
    look(images, verify="none")
    assert not cache_folder().exists()

    look(images)
    assert sorted(decoded) == ["4.png", "5.png", "6.png"]


def test_verify_none_finds_what_has_no_header(images: Path) -> None:
    (images / "5.png").write_text("no picture")

    with pytest.raises(DataError, match="cannot be read"):
        look(images, verify="none")


@pytest.mark.parametrize("on_bad_image", ["fail", "skip"])
def test_missing_picture_is_named_before_any_is_decoded(
    images: Path, decoded: list[str], on_bad_image: str
) -> None:
    keys = ["4.png", "no.png", "nor.png"]

    with pytest.raises(DataError, match=r"no such picture \(and 1 more\)") as caught:
        look(images, keys, on_bad_image=on_bad_image)

    assert caught.value.where == str(images / "no.png")
    assert decoded == []


def test_first_unreadable_picture_is_named_and_the_rest_counted(images: Path) -> None:
    for name in ("5.png", "6.png"):
        (images / name).write_bytes(b"")

    with pytest.raises(DataError, match=r"cannot be read \(and 1 more\)") as caught:
        look(images)

    assert caught.value.where == str(images / "5.png")


def test_no_readable_picture_is_an_error(images: Path) -> None:
    for path in images.iterdir():
        path.write_bytes(b"")

    with pytest.raises(DataError, match="not one picture"):
        look(images, on_bad_image="skip")


# Several inputs.


def with_depth(images: Path, depth: Path) -> list[Record]:
    """Two records with a map of the picture's size, and one that lacks it."""
    records = []
    for width in (4, 5, 6):
        picture = images / f"{width}.png"
        inputs: dict[str, InputSource] = {"rgb": picture}
        if width != 6:
            path = depth / picture.name
            path.parent.mkdir(exist_ok=True)
            noise = np.random.default_rng(width).integers(1, 9000, (30, 10 * width))
            Image.fromarray(noise.astype(np.uint16)).save(path)
            inputs["depth"] = MapFile(path, 1.0, 0.0)
        records.append(Record(picture.name, picture, {}, inputs=inputs))
    return records


def result_of(steps: Generator[Verifying, None, Scanned]) -> Scanned:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: Scanned = stop.value
            return result


def test_every_input_is_looked_at_and_one_may_lack(images: Path) -> None:
    records = with_depth(images, Path("depth").resolve())
    result = result_of(scan(config_of(images), records))
    assert [record.size for record in result.records] == [(30, 40), (30, 50), (30, 60)]
    assert [list(r.inputs) for r in result.records] == [["rgb", "depth"], ["rgb", "depth"], ["rgb"]]
    assert result.lacking == {}


@pytest.mark.parametrize("verify", ["full", "none"])
def test_inputs_of_different_sizes_are_refused(images: Path, verify: str) -> None:
    records = with_depth(images, Path("depth").resolve())
    Image.fromarray(np.ones((30, 20), np.uint16)).save("depth/5.png")
    with pytest.raises(DataError) as caught:
        result_of(scan(config_of(images, verify=verify, on_bad_image="skip"), records))
    assert caught.value.what == "inputs of different sizes for one record"
    assert caught.value.where == str(Path("depth/5.png").resolve())
    assert caught.value.found == "30 × 20"
    assert "30 × 50" in str(caught.value.expected)


def test_an_input_that_cannot_be_read_fails_or_is_taken_as_lacking(images: Path) -> None:
    records = with_depth(images, Path("depth").resolve())
    cut(Path("depth/5.png"))
    with pytest.raises(DataError, match="a map that cannot be read"):
        result_of(scan(config_of(images), records))
    result = result_of(scan(config_of(images, on_bad_image="skip"), records))
    assert result.lacking == {"depth": ("5.png",)}
    assert result.skipped == ()
    assert [list(r.inputs) for r in result.records] == [["rgb", "depth"], ["rgb"], ["rgb"]]


def test_without_its_picture_a_record_is_left_out_whatever_else_it_has(images: Path) -> None:
    records = with_depth(images, Path("depth").resolve())
    cut(images / "5.png")
    result = result_of(scan(config_of(images, on_bad_image="skip"), records))
    assert result.skipped == ("5.png",)
    assert [record.key for record in result.records] == ["4.png", "6.png"]


def test_maps_too_are_decoded_once(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = with_depth(images, Path("depth").resolve())
    first = result_of(scan(config_of(images), records))
    monkeypatch.setattr(MapFile, "load", lambda _: pytest.fail("decoded again"))
    assert result_of(scan(config_of(images), records)) == first


def test_a_map_that_was_sound_for_other_options_is_decoded_again(images: Path) -> None:
    records = with_depth(images, Path("depth").resolve())
    minus = np.full((30, 40), -1, np.float32)
    Image.fromarray(minus).save(Path("depth/4.tif"))
    source = MapFile(Path("depth/4.tif").resolve(), 1.0, -1)
    records[0] = replace(records[0], inputs={"rgb": records[0].image, "depth": source})
    result_of(scan(config_of(images), records))
    other = replace(source, unmeasured=0.0)
    records[0] = replace(records[0], inputs={"rgb": records[0].image, "depth": other})
    with pytest.raises(DataError, match="negative"):
        result_of(scan(config_of(images), records))
