"""Working sizes and what follows from the data."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mtcli.core.discovery.listing import Listing
from mtcli.core.discovery.proposal import Proposal
from mtcli.core.discovery.settings import Settings, settings_for
from mtcli.core.discovery.workingsize import working_size
from tests.core.discovery.layouts import numbered, picture

Size = tuple[int, int]


def proposal(kind: str = "classification", **more: object) -> Proposal:
    parts = {"task": "it", "kind": kind, "sources": (), "pictures": frozenset(), "origin": "x"}
    return Proposal(**{**parts, "why": "", **more})  # type: ignore[arg-type]


def chosen(folder: Path, *sizes: Size, task: Proposal | None = None) -> Settings:
    for name, size in zip(numbered(len(sizes)), sizes, strict=True):
        picture(folder / name, size)
    listing = Listing(folder)
    return settings_for(listing, listing.inputs, 100, [task or proposal()])


@pytest.mark.parametrize(
    ("size", "of_class", "of_boxes"),
    [
        ((480, 640), (192, 256), (256, 320)),
        ((640, 480), (256, 192), (320, 256)),
        ((1000, 1000), (256, 256), (320, 320)),
        ((100, 100), (96, 96), (96, 96)),
        ((28, 28), (32, 32), (32, 32)),
        ((40, 200), (64, 192), (64, 192)),
        ((100, 1000), (64, 256), (64, 320)),
        ((48, 64), (64, 64), (64, 64)),
        ((20, 40), (32, 64), (32, 64)),
    ],
)
def test_the_working_size(tmp_path: Path, size: Size, of_class: Size, of_boxes: Size) -> None:
    assert chosen(tmp_path, size).size == of_class
    assert chosen(tmp_path, size, task=proposal("detection")).size == of_boxes


@pytest.mark.parametrize(
    ("size", "resize"),
    [
        ((480, 640), None),  # to 256 × 320, 7 % longer than the picture
        ((48, 64), "letterbox"),  # to 64 × 64
        ((100, 1000), "letterbox"),
        ((28, 28), None),
    ],
)
def test_the_working_size_has_the_pictures_shape(
    tmp_path: Path, size: Size, resize: str | None
) -> None:
    found = chosen(tmp_path, size, task=proposal("detection"))

    assert found.resize == resize
    assert ("which no multiples of 32 are like" in found.size_why) == (resize is not None)


@pytest.mark.parametrize("height", [49, 64, 90, 150, 333, 700])
@pytest.mark.parametrize("width", [50, 80, 129, 260, 512])
def test_a_shape_is_kept_or_bars_are_added(height: int, width: int) -> None:
    (h, w), fits = working_size(height, width, width / height, 256)

    assert h % 32 == w % 32 == 0
    assert 64 <= min(h, w) <= max(h, w) <= 256
    assert fits == (abs(math.log(w / h * height / width)) <= math.log(1.15))


def test_pictures_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    picture(tmp_path / "a.jpg", (96, 128))
    found = settings_for(Listing(tmp_path), ["a.jpg", "b.jpg"], 100, [proposal()])

    assert found.damaged == ("b.jpg",)
    assert found.size == (96, 128)


def test_pictures_of_different_shapes_are_not_distorted(tmp_path: Path) -> None:
    assert chosen(tmp_path, *[(100, 100), (100, 200)] * 4).resize == "letterbox"
    assert chosen(tmp_path, *[(100, 100), (100, 120)] * 4).resize is None


def test_small_pictures_have_a_small_network(tmp_path: Path) -> None:
    assert chosen(tmp_path, (64, 48)).model["trunk"] == "tiny"
    assert chosen(tmp_path, (65, 48)).model["trunk"] != "tiny"


def test_weights_only_where_their_package_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    found = chosen(tmp_path, (200, 200))

    assert found.model == {"trunk": "resnet18", "weights": None}
    assert "pip install" in found.model_why


@pytest.mark.parametrize(
    ("task", "flipped"),
    [
        (proposal(classes=("cat", "dog")), True),
        (proposal(classes=("left", "right")), False),
        (proposal(classes=tuple("0123456789")), False),
        (proposal(classes=("0", "1")), True),
        (proposal(task="letters"), False),
        (proposal("keypoints", classes=("left_eye", "right_eye")), True),  # they change places
    ],
)
def test_what_means_something_else_in_a_mirror(
    tmp_path: Path, task: Proposal, flipped: bool
) -> None:
    assert ("hflip" in chosen(tmp_path, (64, 64), task=task).augment) is flipped


@pytest.mark.parametrize(
    ("training", "size"), [(1, 2), (8, 2), (16, 4), (63, 8), (64, 16), (9999, 16)]
)
def test_small_data_has_small_batches(tmp_path: Path, training: int, size: int) -> None:
    picture(tmp_path / "a.jpg")
    found = settings_for(Listing(tmp_path), ["a.jpg"], training, [proposal()])

    assert found.train == {"epochs": 20, "batch_size": size}
