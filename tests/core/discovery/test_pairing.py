"""Masks and maps, told from pictures by their names and pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mtcli.core.discovery.listing import Listing
from tests.core.discovery.layouts import mask, numbered, picture


def pairings(folder: Path) -> list[tuple[str, str, str, str, int]]:
    return [
        (found.folder, found.base, found.suffix, found.sort, len(found.files))
        for found in Listing(folder).pairings
    ]


def test_two_views_of_one_thing_are_no_masks(tmp_path: Path) -> None:
    for name in numbered(6, ".png"):
        picture(tmp_path / "left" / name)
        picture(tmp_path / "right" / name)

    assert pairings(tmp_path) == []
    assert len(Listing(tmp_path).inputs) == 12


def test_numbered_class_folders_are_no_masks(tmp_path: Path) -> None:
    for kind in ("cat", "dog"):
        for name in numbered(6, ".png"):
            picture(tmp_path / kind / name)

    assert pairings(tmp_path) == []


def test_pictures_of_few_colours_need_a_folder_that_says_so(tmp_path: Path) -> None:
    """Drawings beside drawings: either could be the mask."""
    for name in numbered(6, ".png"):
        mask(tmp_path / "a" / name, [0, 40, 90])
        mask(tmp_path / "b" / name, [0, 1])
        mask(tmp_path / "c_masks" / name, [0, 1])

    assert [found[0] for found in pairings(tmp_path)] == ["c_masks"]


def test_folders_of_splits_are_one_where_pictures_lie_alike(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for name in numbered(4):
            picture(tmp_path / "images" / split / name)
            mask(tmp_path / "masks" / split / f"{name[:-4]}.png", [0, 1])

    assert pairings(tmp_path) == [("masks", "images", "", "mask", 8)]


def test_two_sorts_of_mask_in_one_folder(tmp_path: Path) -> None:
    for name in numbered(4):
        picture(tmp_path / "x" / name)
        for sort in ("road", "car"):
            mask(tmp_path / "y" / f"{name[:-4]}_{sort}.png", [0, 1])

    assert sorted(found[2] for found in pairings(tmp_path)) == ["_car", "_road"]


def test_grey_pictures_are_no_masks(tmp_path: Path) -> None:
    for name in numbered(4, ".png"):
        picture(tmp_path / "x" / name, mode="L")
        picture(tmp_path / "masks" / name, mode="RGB")

    # By its name a folder of masks, by its pixels none: whoever reads masks will say so.
    assert [found[3] for found in pairings(tmp_path)] == ["mask"]


def test_arrays_are_maps(tmp_path: Path) -> None:
    for name in numbered(4):
        picture(tmp_path / "x" / name)
        (tmp_path / "y").mkdir(exist_ok=True)
        np.save(tmp_path / "y" / f"{name[:-4]}.npy", np.linspace(1, 9, 1024).reshape(32, 32))

    assert pairings(tmp_path) == [("y", "x", "", "map", 4)]


def test_hidden_and_ignored_files_and_runs_are_passed_over(tmp_path: Path) -> None:
    for name in ("a/1.jpg", ".b/2.jpg", "c/.3.jpg", "d/4.jpg", "runs/x/predictions/5.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    for name in ("config.yaml", "environment.json", "events.jsonl"):
        (tmp_path / "runs" / "x" / name).touch()

    assert Listing(tmp_path, ["d/*"]).files == ("a/1.jpg",)
    assert Listing(tmp_path, ["d"]).files == ("a/1.jpg",)
    assert Listing(tmp_path, ["*.jpg"]).files == ()
