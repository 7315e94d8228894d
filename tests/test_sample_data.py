"""The sample data is what its generator makes, small, with labels missing as its page says."""

from __future__ import annotations

import csv
import filecmp
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from mtcli.core.configfile import load_config
from mtcli.core.data.gather import load_records
from mtcli.core.data.ranges import find_inputs
from mtcli.recipes.sample import sample_source
from tests.conftest import Cli

SAMPLE = Path(__file__).parent.parent / "sample_data"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folders = [tmp_path_factory.mktemp("sample") for _ in range(2)]
    for folder in folders:
        subprocess.run(
            [sys.executable, str(SAMPLE / "generate.py"), "--out", str(folder)], check=True
        )
    return folders


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_same_seed_gives_the_same_files(generated: list[Path]) -> None:
    first, second = generated
    names = files(first)
    assert names == files(second)
    labels, boxes, crops = 2 + 3 + 9, 2 * 193, 3 * (30 + 15)
    assert len(names) == 3 * 200 + labels + boxes + crops + 2  # few.txt, and the arrays
    assert filecmp.cmpfiles(first, second, names, shallow=False) == (names, [], [])


def test_what_is_kept_is_what_the_generator_makes(generated: list[Path]) -> None:
    for name in files(generated[0]):
        kept, made = SAMPLE / name, generated[0] / name
        # Another version of a codec may write other bytes for the same picture.
        if name.endswith((".jpg", ".png")):
            assert_alike(np.asarray(Image.open(kept)), np.asarray(Image.open(made)), name)
        elif name.endswith(".npz"):
            a, b = np.load(kept), np.load(made)
            assert a.files == b.files
            for key in a.files:
                assert_alike(a[key], b[key], key)
        else:
            assert kept.read_text() == made.read_text(), name


def assert_alike(kept: npt.NDArray[Any], made: npt.NDArray[Any], name: str) -> None:
    assert np.abs(kept.astype(np.int64) - made).mean() < 1.0, name


def test_it_is_small() -> None:
    kept = [name for name in files(SAMPLE) if "__pyc" not in name]
    assert sum((SAMPLE / name).stat().st_size for name in kept) < 2_500_000


def test_a_constant_answer_stays_under_the_bar() -> None:
    rows = list(csv.DictReader((SAMPLE / "labels.csv").read_text().splitlines()))
    scenes = Counter(row["scene"] for row in rows if row["split"] == "val" and row["scene"])
    assert max(scenes.values()) / scenes.total() < 0.6


def test_labels_are_missing_on_purpose_and_one_box_is_degenerate() -> None:
    rows = list(csv.DictReader((SAMPLE / "labels.csv").read_text().splitlines()))
    train = [row for row in rows if row["split"] == "train"]
    assert sum(not row["scene"] for row in train) == 9
    document = json.loads((SAMPLE / "annotations" / "instances_train.json").read_text())
    assert len(train) - len(document["images"]) == 7
    boxed = {annotation["image_id"] for annotation in document["annotations"]}
    assert sum(image["id"] not in boxed for image in document["images"]) == 5
    assert sum(0 in annotation["bbox"][2:] for annotation in document["annotations"]) == 1


def test_lines_of_json_say_what_the_table_says() -> None:
    rows = csv.DictReader((SAMPLE / "labels.csv").read_text().splitlines())
    lines = [json.loads(line) for line in (SAMPLE / "labels.jsonl").read_text().splitlines()]
    for row, line in zip(rows, lines, strict=True):
        assert line["image"] == row["image"]
        assert (line["scene"] or "") == row["scene"]
        assert ("" if line["count"] is None else str(line["count"])) == row["count"]
        tags = "" if line["tags"] is None else "|".join(line["tags"]) or "none"
        assert tags == row["tags"]
        if line["count"] is not None and line["tags"] is not None:
            assert bool(line["count"]) == bool(line["tags"])


def coco_boxes() -> dict[str, list[tuple[str, list[int]]]]:
    """Class and x, y, width, height of every box, by picture."""
    boxes: dict[str, list[tuple[str, list[int]]]] = {}
    for split in ("train", "val", "test"):
        document = json.loads((SAMPLE / f"annotations/instances_{split}.json").read_text())
        names = {category["id"]: category["name"] for category in document["categories"]}
        stems = {image["id"]: Path(image["file_name"]).stem for image in document["images"]}
        boxes |= {stem: [] for stem in stems.values()}
        for item in document["annotations"]:
            boxes[stems[item["image_id"]]].append((names[item["category_id"]], item["bbox"]))
    return boxes


def test_every_format_has_the_same_boxes() -> None:
    boxes = coco_boxes()
    assert {path.stem for path in (SAMPLE / "voc").iterdir()} == set(boxes)
    assert {path.stem for path in (SAMPLE / "yolo/labels").iterdir()} == set(boxes)
    for name, own in boxes.items():
        voc = []
        for item in ET.parse(SAMPLE / f"voc/{name}.xml").iter("object"):
            x1, y1, x2, y2 = (
                int(item.findtext(f"bndbox/{side}", ""))
                for side in ("xmin", "ymin", "xmax", "ymax")
            )
            voc.append((item.findtext("name"), [x1 - 1, y1 - 1, x2 - x1 + 1, y2 - y1 + 1]))
        assert voc == own
        yolo = []
        for line in (SAMPLE / f"yolo/labels/{name}.txt").read_text().splitlines():
            kind, x, y, width, height = line.split()
            shares = np.array([x, y, width, height], float) * (128, 96, 128, 96)
            corner = shares[:2] - shares[2:] / 2
            yolo.append((("ball", "box", "star")[int(kind)], [*corner, *shares[2:]]))
        assert [kind for kind, _ in yolo] == [kind for kind, _ in own]
        for (_, found), (_, box) in zip(yolo, own, strict=True):
            assert found == pytest.approx(box, abs=1e-3)


def test_crops_are_few_small_and_of_their_own_split() -> None:
    for split, scenes in (("train", range(140)), ("val", range(140, 180))):
        for kind in ("ball", "box", "star"):
            paths = list((SAMPLE / "crops" / split / kind).iterdir())
            assert len(paths) == {"train": 30, "val": 15}[split]
            assert {np.asarray(Image.open(path)).shape for path in paths} == {(40, 40, 3)}
            assert all(int(path.name.split("_")[1]) in scenes for path in paths)


def test_arrays_are_like_those_of_mnist() -> None:
    arrays = np.load(SAMPLE / "arrays/shapes.npz")
    for split, rows in (("train", 270), ("val", 80)):
        assert arrays[f"x_{split}"].shape == (rows, 28, 28)
        assert arrays[f"x_{split}"].dtype == arrays[f"y_{split}"].dtype == np.uint8
        shares = np.bincount(arrays[f"y_{split}"]) / rows
        assert len(shares) == 3
        assert shares.max() < 0.5


def test_within_reach_are_the_boxes_of_objects_that_depth_shows_near() -> None:
    shares = []
    for split in ("train", "val", "test"):
        every, near = (
            json.loads((SAMPLE / f"annotations/{name}_{split}.json").read_text())
            for name in ("instances", "reach")
        )
        assert near["images"] == every["images"]
        assert [item["id"] for item in near["annotations"]] == [
            number for number, _ in enumerate(near["annotations"], start=1)
        ]
        kept = {(item["image_id"], *item["bbox"]) for item in near["annotations"]}
        shares.append(len(kept) / len(every["annotations"]))
        for item in every["annotations"]:
            if 0 in item["bbox"]:
                continue
            stem = f"scene_{item['image_id']:04d}"
            depth = np.asarray(Image.open(SAMPLE / f"depth/{stem}.png"))
            outline = Image.new("1", (128, 96))
            for polygon in item["segmentation"]:
                ImageDraw.Draw(outline).polygon(polygon, fill=1)
            # What hides it is less than half of its outline, and a surface up to 6 cm nearer.
            median = np.median(depth[np.asarray(outline)])
            if abs(median - 1720) > 60:
                assert ((item["image_id"], *item["bbox"]) in kept) == (median < 1720), stem
    assert all(0.3 < share < 0.75 for share in shares)


def test_the_config_of_fusion_fuses_colour_and_depth() -> None:
    config = load_config(SAMPLE / "fusion.yaml")
    records = load_records(config.data, config.tasks, "train")
    assert all(list(record.inputs) == ["rgb", "depth"] for record in records)
    low, high = find_inputs(config, records)["depth"] or (0, 0)
    assert 700 < low < high < 4400


def test_the_command_writes_a_copy_that_trains(cli: Cli) -> None:
    answer = cli("sample", "copy")
    assert answer.code == 0
    assert "mtcli train copy/mtcli.yaml" in answer.out
    assert files(Path("copy")) == [name for name in files(sample_source()) if "__pyc" not in name]
    assert cli("config", "check", "copy/mtcli.yaml").code == 0


def test_the_command_does_not_write_over_anything(cli: Cli) -> None:
    Path("there").mkdir()
    Path("there/mine.txt").write_text("mine")
    answer = cli("sample", "there")
    assert answer.code == 2
    assert "not empty" in answer.err
    assert files(Path("there")) == ["mine.txt"]
