"""`mtcli predict`: what comes out on stdout and in folders, in which order, with which code."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mtcli
from mtcli.cli.main import main
from tests.conftest import Cli, make_fused, make_shapes


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures that `trained` learnt from, and no other file."""
    return make_shapes(tmp_path_factory.mktemp("predicted") / "shapes") / "images"


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that says something of every pixel: classes, and a depth."""
    base = tmp_path_factory.mktemp("dense")
    folder = make_fused(base / "shapes")
    (folder / "masks").mkdir()
    for number in range(12):
        mask = np.zeros((64, 64), np.uint8)
        mask[:, 32:] = 1
        Image.fromarray(mask).save(folder / "masks" / f"{number:02d}.png")
    tasks = {
        "seg": {"kind": "segmentation", "labels": {"masks": "masks"}, "classes": ["no", "yes"]},
        "far": {"kind": "depth", "labels": {"maps": "depth", "scale": 0.001}},
    }
    text = (folder / "mtcli.yaml").read_text().replace(", fusion: channels", "")
    text = text.replace("inputs: {rgb: images, depth: depth}", "images: images")
    head, tail = text.split("tasks:")[0], text.split("model:")[1]
    (folder / "dense.yaml").write_text(f"{head}tasks: {json.dumps(tasks)}\nmodel:{tail}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTCLI_CACHE", str(base / "cache"))
        words = ["train", folder / "dense.yaml", "--quiet", "--runs", base / "runs", "--name", "it"]
        assert main([str(word) for word in words]) == 0
    return base / "runs" / "it"


@pytest.fixture(scope="module")
def fused_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run of two inputs, and the folder of its data."""
    base = tmp_path_factory.mktemp("fused")
    folder = make_fused(base / "shapes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MTCLI_CACHE", str(base / "cache"))
        words = ["train", folder / "mtcli.yaml", "--quiet", "--runs", base / "runs", "--name", "it"]
        assert main([str(word) for word in words]) == 0
    return base / "runs" / "it", folder


def _boxes(said: Any) -> list[list[float]]:
    return [item["box"] for item in said["tasks"]["det"]["objects"]]


def test_a_person_reads_a_line_a_picture(cli: Cli, trained: Path, images: Path) -> None:
    answer = cli("predict", trained, images)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert [line.split()[0] for line in lines] == [str(images / f"{n:02d}.png") for n in range(12)]
    assert all("  cls " in line and "  det " in line for line in lines)


def test_json_holds_all_tasks_in_order_whatever_the_batch(
    cli: Cli, trained: Path, images: Path
) -> None:
    said = [cli("predict", trained, images, "--json", "--batch-size", n).json for n in (1, 5)]
    for answer in said:
        rows: Any = answer["predictions"]
        assert [Path(row["image"]).name for row in rows] == [f"{n:02d}.png" for n in range(12)]
        assert all(row["size"] == [64, 64] for row in rows)
        assert set(rows[0]["tasks"]["cls"]["probabilities"]) == {"circle", "square"}
    one: Any
    other: Any
    for one, other in zip(*(answer["predictions"] for answer in said), strict=True):
        np.testing.assert_allclose(_boxes(one)[:5], _boxes(other)[:5], atol=1e-3)


def test_boxes_are_in_the_picture_s_own_pixels(cli: Cli, trained: Path, images: Path) -> None:
    with Image.open(images / "01.png") as opened:
        opened.resize((192, 320), Image.Resampling.NEAREST).save("large.png")
    rows: Any = cli("predict", trained, images / "01.png", "large.png", "--json").json
    small, large = rows["predictions"]
    assert large["size"] == [320, 192]
    found = np.array(_boxes(large))
    for box in _boxes(small)[:10]:
        # The order of boxes that are as sure may be another one.
        assert abs(found - np.array(box) * [3, 5, 3, 5]).max(axis=1).min() < 4


def test_one_task_may_be_asked_alone(cli: Cli, trained: Path, images: Path) -> None:
    rows: Any = cli("predict", trained, images / "00.png", "--tasks", "cls", "--json").json
    assert list(rows["predictions"][0]["tasks"]) == ["cls"]


def test_a_broken_picture_is_told_and_the_others_are_done(
    cli: Cli, trained: Path, images: Path
) -> None:
    Path("bad.png").write_bytes(b"no picture")
    words = ["predict", trained, images / "00.png", "bad.png", images / "01.png"]
    answer = cli(*words, "--format", "jsonl", "--batch-size", 2)
    rows = [json.loads(line) for line in answer.out.splitlines()]
    assert answer.code == 1
    assert [Path(row["image"]).name for row in rows] == ["00.png", "bad.png", "01.png"]
    assert "cannot be read" in rows[1]["error"]
    assert rows[2]["tasks"]["cls"]["class"] in ("circle", "square")
    assert "1 of 3 pictures could not be read" in answer.err
    assert "bad.png: a picture that cannot be read" in answer.err
    alone = cli("predict", trained, "bad.png", "--draw", "--out", "out")
    assert alone.code == 1
    assert [path.name for path in Path("out").iterdir()] == ["predictions.json"]


def test_a_list_on_stdin(
    cli: Cli, trained: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{images / '03.png'}\nnone.png\n"))
    answer = cli("predict", trained, "-", "--tasks", "cls")
    assert answer.code == 1
    assert [Path(line.split()[0]).name for line in answer.out.splitlines()] == [
        "03.png",
        "none.png",
    ]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert cli("predict", trained, "-").code == 2


def test_files_go_to_a_folder(cli: Cli, trained: Path, images: Path) -> None:
    pattern = f"{images}/0[0-2].png"
    answer = cli("predict", trained, pattern, "--out", "out", "--draw", "--format", "csv")
    assert answer.code == 0
    names = {path.name for path in Path("out").iterdir()}
    assert names == {"cls.csv", "det.csv", "00.png", "01.png", "02.png"}
    assert "wrote out: cls.csv, det.csv, 3 pictures" in answer.out
    with Path("out/cls.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == 4
    with Image.open("out/00.png") as drawn:
        assert drawn.size[0] == 512
        assert drawn.size[1] > 512
    # Again, with another format: what was there is replaced, and drawn pictures are no inputs.
    again = cli("predict", trained, pattern, "out/..", "--out", "out", "--draw", "--json")
    assert again.code == 0
    assert again.json["pictures"] == 3
    assert again.json["files"] == ["predictions.json"]


def test_drawn_pictures_go_to_predictions_where_nobody_says(
    cli: Cli, trained: Path, images: Path
) -> None:
    shutil.copytree(images, "a/b")
    shutil.copytree(images, "a/c")
    assert cli("predict", trained, "a/b/00.png", "a/c/00.png", "--draw").code == 0
    names = sorted(path.name for path in Path("predictions").iterdir())
    assert names == ["b_00.png", "c_00.png", "predictions.json"]


def test_maps_are_files_in_the_picture_s_size(cli: Cli, dense: Path, images: Path) -> None:
    with Image.open(images / "01.png") as opened:
        opened.resize((90, 50)).save("wide.png")
    answer = cli("predict", dense, "wide.png", "--out", "out", "--draw")
    assert answer.code == 0
    [row] = json.loads(Path("out/predictions.json").read_text())["predictions"]
    assert (row["tasks"]["seg"]["file"], row["tasks"]["far"]["file"]) == (
        "seg/wide.png",
        "far/wide.npy",
    )
    depth = np.load("out/far/wide.npy")
    assert (depth.shape, depth.dtype) == ((50, 90), np.float32)
    assert depth.min() == pytest.approx(row["tasks"]["far"]["depth"]["min"], rel=1e-6)
    with Image.open("out/seg/wide.png") as mask:
        assert mask.mode == "P"
        assert mask.size == (90, 50)
        share = float((np.asarray(mask) == 1).mean())
    assert share == pytest.approx(row["tasks"]["seg"]["masks"]["yes"]["share"])
    with Image.open("out/wide.png") as page:
        assert page.width > 3 * 450  # the picture, and a panel for each map


def test_several_inputs_are_joined_and_may_be_lacking(
    cli: Cli, fused_run: tuple[Path, Path]
) -> None:
    run, folder = fused_run
    words = [f"rgb={folder / 'images'}", f"depth={folder / 'depth'}"]
    rows: Any = cli("predict", run, *words, "--json").json["predictions"]
    assert [len(row["inputs"]) for row in rows] == [2, 2, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2]
    alone: Any = cli("predict", run, words[0], "--json").json["predictions"]
    assert alone[2]["tasks"]["cls"] == rows[2]["tasks"]["cls"]
    assert alone[0]["tasks"]["cls"] != rows[0]["tasks"]["cls"]
    plain = cli("predict", run, folder / "images")
    assert plain.code == 2
    assert "rgb=FOLDER depth=FOLDER" in plain.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["none.png"], "no such file"),
        (["*.bmp"], "no picture matches"),
        (["."], "no picture in the folder"),
        (["IMAGE", "--tasks", "clz"], "did you mean cls?"),
        (["IMAGE", "--format", "jsno"], "did you mean json?"),
        (["IMAGE", "--format", "csv"], "--out DIR"),
        (["IMAGE", "--format", "coco", "--tasks", "cls"], "no task of the model"),
        (["IMAGE", "--json", "--format", "csv"], "--json is the same"),
        (["IMAGE", "--out", "a.json"], "names a folder"),
        (["IMAGE", "--out", "IMAGE/below"], "cannot write"),
        (["IMAGE", "--device", "cuda:99"], "no such device"),
        (["rgb=x"], "has no name"),
    ],
)
def test_wrong_usage_is_told_before_the_work(
    cli: Cli, trained: Path, images: Path, words: list[str], told: str
) -> None:
    image = str(images / "00.png")
    answer = cli("predict", trained, *(word.replace("IMAGE", image) for word in words))
    assert answer.code == 2, answer.err
    assert told in answer.err
    assert answer.out == ""
    assert not any(Path().iterdir())


def test_what_is_missing_is_told_without_waiting_for_torch(trained: Path) -> None:
    code = (
        "import sys; from mtcli.cli.main import main; "
        f"codes = [main(['predict', {str(trained)!r}, 'none.png']), "
        "main(['predict', 'runs/none', 'none.png']), main(['predict', '--help'])]; "
        "print(codes, 'torch' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(mtcli.__file__).parent.parent)},
    )
    assert said.stdout.splitlines()[-1] == "[2, 2, 0] False"
    assert "no such file or folder" in said.stderr


def test_a_model_that_is_not_there(cli: Cli, images: Path) -> None:
    answer = cli("predict", "runs/none", images)
    assert answer.code == 2
    assert "no such run or checkpoint" in answer.err


def test_a_picture_is_not_replaced_by_what_is_drawn_on_it(
    cli: Cli, trained: Path, images: Path
) -> None:
    shutil.copy(images / "00.png", "00.png")
    before = Path("00.png").read_bytes()
    answer = cli("predict", trained, "00.png", "--draw", "--out", ".")
    assert answer.code == 2
    assert Path("00.png").read_bytes() == before


@pytest.mark.slow
def test_an_interruption_leaves_whole_files_alone(trained: Path, images: Path) -> None:
    for copy in range(60):
        shutil.copytree(images, f"many/{copy}")
    words = ["predict", str(trained), "many", "--draw", "--out", "out", "--quiet"]
    with subprocess.Popen(
        [sys.executable, "-m", "mtcli", *words],
        env={**os.environ, "PYTHONPATH": str(Path(mtcli.__file__).parent.parent)},
    ) as running:
        until = time.monotonic() + 60
        while time.monotonic() < until and not [*Path().glob("out/*.png")]:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
    left = [*Path("out").iterdir()]
    assert left
    assert all(path.suffix == ".png" for path in left)
    for path in left:
        with Image.open(path) as opened:
            opened.load()
