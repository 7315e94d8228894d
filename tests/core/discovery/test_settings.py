"""Working sizes and what follows from the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtcli.core.discovery.listing import Listing
from mtcli.core.discovery.proposal import Proposal
from mtcli.core.discovery.settings import Settings, settings_for
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
        ((40, 200), (32, 192), (32, 192)),
        ((100, 1000), (32, 256), (32, 320)),
    ],
)
def test_the_working_size(tmp_path: Path, size: Size, of_class: Size, of_boxes: Size) -> None:
    assert chosen(tmp_path, size).size == of_class
    assert chosen(tmp_path, size, task=proposal("detection")).size == of_boxes


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
