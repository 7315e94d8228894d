"""Several inputs from the disk to the numbers: trained, resumed, measured, with some missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtcli.core.checkpoint import load_model
from mtcli.core.fusion import FUSIONS
from mtcli.core.run import Run
from tests.conftest import Cli, make_shapes
from tests.recipes.test_resume import assert_equal, final_state, terminate_at, without_times


def words(folder: Path, name: str, *changes: str) -> list[str]:
    sets = [word for change in changes for word in ("--set", change)]
    return ["train", str(folder / "mtcli.yaml"), "--name", name, "--quiet", *sets]


def measured(cli: Cli, *more: object) -> dict[str, Any]:
    answer = cli("eval", "runs/it", "--json", *more)
    assert answer.code == 0, answer.err
    tasks: dict[str, Any] = answer.json["tasks"]  # type: ignore[assignment]
    return tasks


@pytest.mark.parametrize("fusion", FUSIONS.names())
def test_every_fusion_trains_and_its_numbers_are_those_of_the_evaluation(
    cli: Cli, fused: Path, fusion: str
) -> None:
    trained = cli(*words(fused, "it", f"model.fusion={fusion}", "train.input_dropout=0.3"))
    assert trained.code == 0, trained.err
    kept = json.loads(Path("runs/it/metrics.json").read_text())["tasks"]
    assert measured(cli) == kept
    model, _ = load_model(Run.open(Path("runs/it")).checkpoint("best"))
    assert model.inputs == {"rgb": None, "depth": (1000, 1700)}
    assert len(list(Path("runs/it/predictions").glob("*.png"))) == 4


def test_the_range_is_the_training_s_wherever_it_is_measured(cli: Cli, fused: Path) -> None:
    assert cli(*words(fused, "it")).code == 0
    same = measured(cli)
    for path in (fused / "depth").iterdir():
        if path.stem < "08":  # the training's own: nothing is asked of them any more
            Image.fromarray(np.full((64, 64), 60000, np.uint16)).save(path)
    assert measured(cli) == same
    text = (fused / "mtcli.yaml").read_text().replace(", fusion: channels", "")
    (fused / "other.yaml").write_text(text)
    assert measured(cli, "--config", fused / "other.yaml") == same


def test_without_an_input_it_is_as_if_no_picture_had_it(cli: Cli, fused: Path) -> None:
    # Trained longer, so that depth counts.
    assert cli(*words(fused, "it", "train.epochs=3", "model.fusion=stack")).code == 0
    table = cli("eval", "runs/it", "--without", "depth")
    assert "4 pictures without depth" in table.out
    answer: Any = cli("eval", "runs/it", "--without", "depth", "--json").json
    assert answer["without"] == ["depth"]
    assert answer["images"] == 4
    for path in (fused / "depth").iterdir():
        if path.stem >= "09":
            path.unlink()
    (fused / "depth/08.png").unlink()
    assert measured(cli) == answer["tasks"]


def test_pictures_without_another_input_are_left_out(cli: Cli, fused: Path) -> None:
    assert cli(*words(fused, "it")).code == 0
    answer = cli("eval", "runs/it", "--without", "rgb", "--json")
    assert answer.json["images"] == 3  # 09.png has no depth
    assert "1 pictures left out: they have no other input" in answer.err


@pytest.mark.parametrize(
    ("without", "what", "mend"),
    [
        ("dept", "no such input", "did you mean depth?"),
        ("rgb,depth", "nothing would be left", "some of rgb, depth"),
        (",", "--without names no input", ""),
    ],
)
def test_what_cannot_be_left_out(cli: Cli, fused: Path, without: str, what: str, mend: str) -> None:
    assert cli(*words(fused, "it")).code == 0
    answer = cli("eval", "runs/it", "--without", without)
    assert answer.code == 2
    assert what in answer.err
    assert mend in answer.err


def test_of_one_picture_nothing_can_be_left_out(cli: Cli, trained: Path) -> None:
    answer = cli("eval", trained, "--without", "depth")
    assert answer.code == 2
    assert "no such input" in answer.err
    assert "one picture" in answer.err


def test_other_data_has_the_same_inputs(cli: Cli, fused: Path, trained: Path) -> None:
    assert cli(*words(fused, "it")).code == 0
    plain = make_shapes(Path("plain"))
    answer = cli("eval", "runs/it", "--config", plain / "mtcli.yaml")
    assert answer.code == 2
    assert "the data has other inputs than the network" in answer.err
    assert "data.inputs: rgb, depth" in answer.err
    answer = cli("eval", trained, "--config", fused / "mtcli.yaml")
    assert answer.code == 2
    assert "the data has other inputs than the network" in answer.err


@pytest.mark.slow
@pytest.mark.parametrize("fusion", FUSIONS.names())
def test_a_terminated_run_ends_where_an_undisturbed_one_does(
    cli: Cli, fused: Path, monkeypatch: pytest.MonkeyPatch, fusion: str
) -> None:
    changes = [f"model.fusion={fusion}", "train.input_dropout=0.4", "train.epochs=2"]
    changes += ["train.batch_size=2", "data.augment=[hflip]"]
    with monkeypatch.context() as patched:
        terminate_at(patched, 6)
        assert cli(*words(fused, "stopped", *changes)).code == 143
    assert cli("train", "--resume", "runs/stopped", "--quiet").code == 0
    assert cli(*words(fused, "whole", *changes)).code == 0
    assert_equal(final_state(Path("runs/stopped")), final_state(Path("runs/whole")))
    assert without_times(Path("runs/stopped")) == without_times(Path("runs/whole"))


def test_different_tasks_bring_different_inputs(cli: Cli, fused: Path) -> None:
    other = make_shapes(Path("other").resolve())
    changes = [
        f"tasks.det.inputs={{heat: {other / 'images'}}}",
        f"tasks.det.labels={{coco: {other / 'boxes.json'}}}",
        f"tasks.det.splits={{train: {other / 'train.txt'}, val: {other / 'val.txt'}}}",
        "model.fusion=stack",
    ]
    trained = cli(*words(fused, "it", *changes))
    assert trained.code == 0, trained.err
    assert set(measured(cli)) == {"cls", "det"}
    model, _ = load_model(Run.open(Path("runs/it")).checkpoint("best"))
    assert list(model.inputs) == ["rgb", "depth", "heat"]


@pytest.mark.slow
def test_folds_and_looks_take_inputs(cli: Cli, fused: Path) -> None:
    config = fused / "mtcli.yaml"
    assert cli("data", "check", config).code == 0
    assert cli("data", "stats", config, "--output", "stats.png").code == 0
    preview = cli("data", "preview", config, "--output", "looks.png")
    assert preview.code == 0, preview.err
    assert cli("data", "plan", config).code == 0
    assert cli("models", "show", config).code == 0
    answer = cli("train", config, "--folds", "2", "--name", "cv", "--quiet")
    assert answer.code == 0, answer.err
    refused = cli("eval", "runs/cv", "--without", "depth")
    assert refused.code == 2
    assert "one checkpoint at a time" in refused.err
