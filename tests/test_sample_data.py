"""The sample data is what its generator makes, small, with labels missing as its page says."""

from __future__ import annotations

import csv
import filecmp
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
    assert len(names) == 3 * 200 + 1 + 3 + 6
    assert filecmp.cmpfiles(first, second, names, shallow=False) == (names, [], [])


def test_what_is_kept_is_what_the_generator_makes(generated: list[Path]) -> None:
    for name in files(generated[0]):
        kept, made = SAMPLE / name, generated[0] / name
        if name.endswith((".csv", ".json", ".txt")):
            assert kept.read_text() == made.read_text(), name
        else:
            # Another version of a codec may write other bytes for the same picture.
            a, b = (np.asarray(Image.open(path), dtype=np.int64) for path in (kept, made))
            assert np.abs(a - b).mean() < 1.0, name


def test_it_is_small() -> None:
    assert sum((SAMPLE / name).stat().st_size for name in files(SAMPLE)) < 2_000_000


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
