"""A preview shows what the network gets: boxes where the augmentation moved them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtcli.core.config import Config
from mtcli.core.configfile import load_config
from mtcli.core.data.gather import load_records
from mtcli.core.events import Noted
from mtcli.core.ops.drawing import BAD, color_of
from mtcli.recipes.preview import Previewed, Wanted, preview
from tests.conftest import make_shapes

SCALE = 8
"""From the working size of 64 to the 512 pixels of a tile."""

LEFT = 20
"""Pixels of paper beside the first tile."""


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shapes(tmp_path_factory.mktemp("preview") / "shapes")


def _config(folder: Path, *sets: str) -> Config:
    return load_config(folder / "mtcli.yaml", [*sets])


def _preview(config: Config, path: Path, wanted: Wanted) -> tuple[Previewed, list[str]]:
    notes, running = [], preview(config, path, wanted)
    try:
        while True:
            event = next(running)
            notes += [event.text] if isinstance(event, Noted) else []
    except StopIteration as end:
        found: Previewed = end.value
        return found, notes


def _columns(path: Path, color: tuple[int, int, int]) -> tuple[int, int] | None:
    """The first and last column of a picture with pixels of a colour."""
    with Image.open(path) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    columns = np.flatnonzero((pixels == color).all(axis=2).any(axis=0))
    return (int(columns[0]), int(columns[-1])) if len(columns) else None


def _only(folder: Path, name: str, config: Config) -> Config:
    """The config with one picture in the training split."""
    (folder / "one.txt").write_text(f"{name}\n04.png\n")
    places: Any = config.data.splits
    splits = {**places, "train": folder / "one.txt"}
    return config.model_copy(update={"data": config.data.model_copy(update={"splits": splits})})


def _box(folder: Path, number: int) -> tuple[int, int]:
    document = json.loads((folder / "boxes.json").read_text())
    [box] = [a["bbox"] for a in document["annotations"] if a["image_id"] == number]
    return box[0], box[0] + box[2]


@pytest.mark.parametrize("number", [1, 6])
def test_boxes_follow_the_picture(shapes: Path, number: int) -> None:
    sets = ("tasks.cls.classes=[circle, square]", "data.augment=[{hflip: {p: 1}}]")
    config = _only(shapes, f"{number:02d}.png", _config(shapes, *sets))
    x1, x2 = _box(shapes, number)
    color = color_of(0)  # the only class of the boxes there are
    for wanted, ends in (
        (Wanted(number=1, draws=0), (x1, x2)),
        (Wanted(number=1), (64 - x2, 64 - x1)),
    ):
        _preview(config, Path("a.png"), wanted)
        first, last = _columns(Path("a.png"), color) or (0, 0)
        assert first == LEFT + SCALE * ends[0]
        assert last == LEFT + SCALE * ends[1] - 1


def test_each_picture_in_a_row_of_draws(shapes: Path) -> None:
    config = _config(shapes, "data.augment=[{hflip: {p: 1}}]")
    found, _ = _preview(config, Path("a.png"), Wanted(number=2, draws=2))
    assert found.shown == 2
    with Image.open("a.png") as picture:
        assert picture.width == LEFT + 3 * (512 + LEFT)


def test_other_splits_are_not_augmented(shapes: Path) -> None:
    wanted = Wanted(split="val", number=1)
    for name, sets in (("a.png", ["data.augment=[{hflip: {p: 1}}]"]), ("b.png", [])):
        _preview(_config(shapes, *sets), Path(name), wanted)
    with Image.open("a.png") as one, Image.open("b.png") as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))


def test_the_same_words_give_the_same_picture_and_a_seed_another(shapes: Path) -> None:
    config = _config(shapes, "data.augment=[hflip]")
    for name, seed in (("a.png", 0), ("b.png", 0), ("c.png", 1)):
        _preview(config, Path(name), Wanted(number=2, seed=seed))
    a, b, c = (Path(name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert a == b
    assert a != c


def test_a_label_that_a_crop_made_untrue_is_told(shapes: Path) -> None:
    (shapes / "counts.csv").write_text(
        "image,n\n" + "".join(f"{n:02d}.png,{n}\n" for n in range(12))
    )
    text = (shapes / "mtcli.yaml").read_text()
    (shapes / "count.yaml").write_text(
        text.replace(
            "model:",
            "  n: {kind: regression, labels: {csv: counts.csv, key: image, column: n}}\nmodel:",
        )
    )
    for steps, told in (("[]", False), ("[{crop: {scale: [0.2, 0.3]}}]", True)):
        config = load_config(shapes / "count.yaml", [f"data.augment={steps}"], ["n"])
        _preview(config, Path("a.png"), Wanted(number=1))
        assert (_columns(Path("a.png"), BAD) is not None) == told


def test_every_class_is_shown_and_others_are_named(shapes: Path) -> None:
    config = _config(shapes)
    assert _preview(config, Path("a.png"), Wanted(number=3))[0].missed == {}
    found, _ = _preview(config, Path("a.png"), Wanted(number=1))
    assert set(found.missed) == {"cls", "det"}
    records = load_records(config.data, config.tasks, "train")
    assert found.pictures == len(records)


def test_a_broken_picture_that_is_not_chosen_is_nobody_s_concern(tmp_path: Path) -> None:
    folder = make_shapes(tmp_path / "other")
    config = _config(folder)
    shown, _ = _preview(config, Path("a.png"), Wanted(number=2))
    (folder / "images" / "05.png").write_bytes(b"no picture")
    skipping = _config(folder, "data.on_bad_image=skip")
    assert shown.pictures == 8
    found, notes = _preview(skipping, Path("b.png"), Wanted(number=8))
    assert found.shown == 7
    assert any("unreadable" in note for note in notes)
