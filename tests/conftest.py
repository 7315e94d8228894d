"""What all tests share: small data on disk, and the command line run in this process."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mtcli.cli.main import main

DEVICE = torch.device(os.environ.get("MTCLI_TEST_DEVICE", "cpu"))
"""Where tests of the domain compute; the same suite runs on a GPU."""

CLASSES = ("circle", "square")


@dataclass(frozen=True)
class Answer:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, object]:
        value: dict[str, object] = json.loads(self.out)
        return value


Cli = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test in a folder and with a cache of its own, and torch's generator at a known place."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MTCLI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    torch.manual_seed(0)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run the real `main` on words; gives exit code, stdout and stderr."""

    def run(*words: object) -> Answer:
        capsys.readouterr()
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return run


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """A folder with twelve small pictures of a circle or a square, and its `mtcli.yaml`.

    Two tasks: `cls` (which shape; the picture `03.png` is unlabelled) and `det` (a box around
    it; `04.png` is listed without a box, `05.png` is not listed). One epoch takes a second.
    """
    return make_shapes(tmp_path / "shapes")


def make_shapes(folder: Path, pictures: int = 12, size: tuple[int, int] = (64, 64)) -> Path:
    """Write the data of the fixture `shapes` to a folder; size is height, width."""
    (folder / "images").mkdir(parents=True)
    generator = np.random.default_rng(0)
    names = [f"{number:02d}.png" for number in range(pictures)]
    height, width = size
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    rows: list[list[str]] = []
    for number, name in enumerate(names):
        pixels = generator.integers(0, 60, (height, width, 3), dtype=np.uint8)
        x, y = int(generator.integers(0, width - 32)), int(generator.integers(0, height - 32))
        shape = number % 2
        grid_y, grid_x = np.mgrid[0:32, 0:32]
        inside = (grid_y - 15.5) ** 2 + (grid_x - 15.5) ** 2 < 256 if shape == 0 else True
        patch = pixels[y : y + 32, x : x + 32]
        patch[np.broadcast_to(inside, (32, 32))] = (220, 90 + 100 * shape, 40)
        Image.fromarray(pixels).save(folder / "images" / name)
        rows.append([name, "" if number == 3 else CLASSES[shape]])
        if number != 5:
            images.append({"id": number, "file_name": name, "width": width, "height": height})
            if number != 4:
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": shape + 1,
                        "bbox": [x, y, 32, 32],
                        "area": 1024,
                        "iscrowd": 0,
                    }
                )
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["image", "shape"], *rows])
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": n + 1, "name": name} for n, name in enumerate(CLASSES)],
    }
    (folder / "boxes.json").write_text(json.dumps(document))
    cut = pictures * 2 // 3
    (folder / "train.txt").write_text("\n".join(names[:cut]) + "\n")
    (folder / "val.txt").write_text("\n".join(names[cut:]) + "\n")
    (folder / "mtcli.yaml").write_text(
        """\
data:
  images: images
  splits: {train: train.txt, val: val.txt}
  size: [64, 64]
  workers: 0
tasks:
  cls: {kind: classification, labels: {csv: labels.csv, key: image, column: shape}}
  det: {kind: detection, labels: {coco: boxes.json}}
model: {trunk: tiny, pyramid: 16}
train: {epochs: 1, batch_size: 4, lr: 1.0e-3, device: cpu}
"""
    )
    return folder


LACKING_DEPTH = ("02.png", "09.png")
"""Pictures of `fused`, one of each split, that have no depth."""


@pytest.fixture
def fused(tmp_path: Path) -> Path:
    """The shapes with a depth map for each picture but two, and a config that fuses both."""
    return make_fused(tmp_path / "shapes")


def make_fused(folder: Path) -> Path:
    """Write the data of the fixture `fused` to a folder."""
    make_shapes(folder)
    (folder / "depth").mkdir()
    for number, path in enumerate(sorted((folder / "images").iterdir())):
        if path.name not in LACKING_DEPTH:
            depth = np.full((64, 64), 1000 + 100 * number, np.uint16)
            depth[:8] = 0  # not measured
            Image.fromarray(depth).save(folder / "depth" / path.name)
    config = folder / "mtcli.yaml"
    text = config.read_text().replace("images: images", "inputs: {rgb: images, depth: depth}")
    config.write_text(text.replace("trunk: tiny", "trunk: tiny, fusion: channels"))
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two epochs on the shapes, shared by tests that only read it."""
    base = tmp_path_factory.mktemp("trained")
    folder = make_shapes(base / "shapes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTCLI_CACHE", str(base / "cache"))
        words = ["train", folder / "mtcli.yaml", "--set", "train.epochs=2", "--quiet"]
        code = main([*map(str, words), "--runs", str(base / "runs"), "--name", "run"])
    assert code == 0
    return base / "runs" / "run"
