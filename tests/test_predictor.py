"""Models in Python: a light import, plain typed answers, the same as the command's."""

from __future__ import annotations

import doctest
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch
from PIL import Image

import mtcli
from mtcli import answers, predictor
from mtcli.core.tasks import KINDS
from tests.conftest import Cli, make_fused, make_shapes


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shapes(tmp_path_factory.mktemp("python") / "shapes") / "images"


@pytest.fixture(scope="module")
def model(trained: Path) -> mtcli.Predictor:
    return mtcli.load(trained, device="cpu")


def test_the_import_is_light() -> None:
    heavy = ["torch", "numpy", "PIL", "matplotlib", "pydantic", "typer", "rich"]
    code = f"import sys, mtcli; dir(mtcli); print([n for n in {heavy} if n in sys.modules])"
    said = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(mtcli.__file__).parent.parent)},
    )
    assert said.stdout.strip() == "[]"


def test_what_is_exported_is_documented_and_there() -> None:
    assert sorted(mtcli.__all__) == dir(mtcli)
    for name in mtcli.__all__:
        assert getattr(mtcli, name) is not None
        assert f"`{name}" in (mtcli.__doc__ or "")
    with pytest.raises(AttributeError, match="lod"):
        _ = mtcli.lod


def test_the_examples_run(trained: Path, images: Path) -> None:
    Path("runs").mkdir()
    Path("runs/demo").symlink_to(trained)
    shutil.copy(images / "00.png", "picture.png")
    shutil.copy(images / "01.png", "other.png")
    for module in (mtcli, predictor):
        failed, tried = doctest.testmod(module)
        assert failed == 0
        assert tried > 0


def test_paths_pictures_and_arrays_are_one(model: mtcli.Predictor, images: Path) -> None:
    path = images / "01.png"
    with Image.open(path) as opened:
        picture = opened.copy()
    pixels = np.asarray(picture)
    [plain] = model.predict(path)
    for said in (str(path), picture, pixels, [pixels], iter([path])):
        [result] = model.predict(said)
        assert result.tasks == plain.tasks
        assert result.size == (64, 64)
    assert plain.image == str(path)
    assert model.predict(pixels)[0].image is None
    assert model.predict([]) == []


def test_answers_are_the_command_s(
    cli: Cli, trained: Path, model: mtcli.Predictor, images: Path
) -> None:
    rows: Any = cli("predict", trained, images, "--json").json["predictions"]
    results = mtcli.load(trained, device="cpu").predict(sorted(images.iterdir()))
    assert [result.image for result in results] == [row["image"] for row in rows]
    assert [result.tasks for result in results] == [row["tasks"] for row in rows]
    assert model.tasks == {"cls": "classification", "det": "detection"}
    assert (model.size, model.inputs) == ((64, 64), ())


def test_pictures_are_seen_upright_and_in_colour(model: mtcli.Predictor, images: Path) -> None:
    with Image.open(images / "01.png") as opened:
        turned = opened.transpose(Image.Transpose.ROTATE_90)
        exif = turned.getexif()
        exif[0x0112] = 6
        turned.save("turned.png", exif=exif)
        tall = opened.resize((40, 80)).convert("L")
    [upright] = model.predict("turned.png")
    assert upright["cls"] == model.predict(images / "01.png")[0]["cls"]
    [grey] = model.predict(np.asarray(tall))
    assert grey.size == (80, 40)
    assert grey.tasks == model.predict(tall)[0].tasks


def test_some_tasks_alone(trained: Path, images: Path) -> None:
    [result] = mtcli.load(trained, tasks=["det"], device="cpu").predict(images / "00.png")
    assert list(result.tasks) == ["det"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("none.png", "no such picture"),
        (3, "not a picture: int"),
        ([None], "not a picture: NoneType"),
        (np.zeros((4, 4, 3)), "not a picture"),
        (np.zeros((4, 4, 4), np.uint8), "not a picture"),
        ({"rgb": "a.png"}, "has no name"),
    ],
    ids=["missing", "number", "none", "floats", "channels", "named"],
)
def test_what_is_no_picture(model: mtcli.Predictor, given: Any, told: str) -> None:
    with pytest.raises(mtcli.MtcliError, match=told):
        model.predict(given)


def test_what_is_no_model(trained: Path) -> None:
    with pytest.raises(mtcli.MtcliError, match="no such run"):
        mtcli.load("runs/none")
    with pytest.raises(mtcli.MtcliError, match="no task clz"):
        mtcli.load(trained, tasks=["clz"])
    with pytest.raises(mtcli.MtcliError, match="batch_size"):
        mtcli.load(trained, batch_size=0)


def test_several_inputs_by_name(cli: Cli, tmp_path: Path) -> None:
    folder = make_fused(tmp_path / "fused")
    assert cli("train", folder / "mtcli.yaml", "--quiet", "--name", "it").code == 0
    model = mtcli.load("runs/it", device="cpu")
    rgb, depth = folder / "images/01.png", folder / "depth/01.png"
    with Image.open(depth) as opened:
        metres = np.asarray(opened)
    both, arrays, swapped, alone = model.predict(
        [
            {"rgb": rgb, "depth": depth},
            {"rgb": Image.open(rgb), "depth": metres},
            {"depth": depth, "rgb": rgb},
            {"rgb": rgb},
        ]
    )
    assert both.tasks == arrays.tasks == swapped.tasks
    assert both.tasks != alone.tasks
    for wrong, told in (
        (rgb, "each is named"),
        ({"rgb": rgb, "dpth": depth}, "no input dpth"),
        ({"rgb": rgb, "depth": np.zeros((4, 4, 3))}, "not a measured map"),
        ({}, "lacks an input"),
    ):
        with pytest.raises(mtcli.MtcliError, match=told):
            model.predict(wrong)


TYPES = {
    "classification": answers.ClassificationAnswer,
    "multilabel": answers.MultilabelAnswer,
    "regression": answers.RegressionAnswer,
    "detection": answers.DetectionAnswer,
    "segmentation": answers.SegmentationAnswer,
    "depth": answers.DepthAnswer,
    "keypoints": answers.KeypointsAnswer,
}


@pytest.mark.parametrize("kind", KINDS.names())
def test_every_kind_s_answer_has_its_type(kind: str) -> None:
    chosen = KINDS.get(kind)
    generator = torch.Generator().manual_seed(0)
    examples = [chosen.example(generator, (32, 32)) for _ in range(8)]
    task = chosen.prepare(chosen.Options(), examples)
    target = task.read(examples[0], (32, 32))
    assert target is not None
    said = task.truth(target)
    hints = get_type_hints(TYPES[kind])
    with_map = {*task.to_json(said)} | ({"map"} if "map" in hints else set())
    assert with_map == {name for name in hints if name != "deviation"}
    assert "\n" not in task.summary(said)
    assert task.summary(said)
