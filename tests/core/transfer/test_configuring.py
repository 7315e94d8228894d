"""The config of a transfer: the user's word, and the origin's where the user says nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

from mtcli.core.configsplits import SplitColumn
from mtcli.core.errors import CheckpointError, ConfigError, UsageError
from mtcli.core.transfer.configuring import Asked, Configured, configure
from tests.conftest import Cli


def asked(origin: Path, config: Path | None = None, **said: Any) -> Configured:
    plain: dict[str, Any] = {"tasks": None, "added": None, "transfer": {}, "train": {}, "sets": []}
    return configure(Asked({"all": str(origin)}, config, **{**plain, **said}))


def rewritten(shapes: Path, name: str, **sections: Any) -> Path:
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    path = shapes / name
    path.write_text(yaml.safe_dump({**document, **sections}))
    return path


def detector(folder: Path, blocks: int, deep: bool) -> Path:
    """A file with what tells a Faster R-CNN of torchvision: names, and the pyramid's width."""
    names = [f"layer3.{block}.conv1.weight" for block in range(blocks)] + ["layer4.0.conv1.weight"]
    names += ["layer1.0.conv3.weight"] if deep else []
    tensors = {f"backbone.body.{name}": torch.zeros(1) for name in names}
    tensors |= {
        f"backbone.fpn.inner_blocks.{number}.0.weight": torch.zeros(24, 1, 1, 1)
        for number in range(4)
    }
    tensors["roi_heads.box_head.fc6.weight"] = torch.zeros(1)
    path = folder / "detector.safetensors"
    save_file(tensors, path)
    return path


@pytest.mark.parametrize(
    ("blocks", "deep", "trunk"),
    [
        (2, False, "resnet18"),
        (6, False, "resnet34"),
        (6, True, "resnet50"),
        (23, True, "resnet101"),
    ],
)
def test_a_published_detector_says_what_network_it_is_of(
    shapes: Path, blocks: int, deep: bool, trunk: str
) -> None:
    file = detector(shapes, blocks, deep)
    bare = rewritten(shapes, "bare.yaml", model={})
    found = asked(file, bare).config
    assert (found.model.trunk, found.model.pyramid) == (trunk, 24)
    options: Any = found.tasks["det"].options
    assert (options.head, options.layout) == ("faster_rcnn", "torchvision")
    assert tuple(options.levels) == ("p2", "p3", "p4", "p5")
    assert found.transfer is not None
    assert found.transfer.origin == {"all": str(file.resolve())}
    # Another trunk that the user names stays, and so do the heads on it.
    other = asked(file, shapes / "mtcli.yaml").config
    untouched: Any = other.tasks["det"].options
    assert (other.model.trunk, untouched.head, untouched.layout) == ("tiny", "fcos", "mtcli")


def test_the_file_of_a_checkpoint_is_the_checkpoint(trained: Path) -> None:
    folder = (trained / "checkpoints" / "best").resolve()
    found = asked(folder / "model.safetensors")
    assert found.path == trained / "config.yaml"
    assert found.config.transfer is not None
    assert found.config.transfer.origin == {"all": str(folder)}


def test_the_last_word_is_a_set(trained: Path, shapes: Path) -> None:
    found = asked(
        trained,
        shapes / "mtcli.yaml",
        train={"epochs": 3},
        sets=["train.epochs=5", "model.pyramid=8", "transfer.parts=[trunk]"],
    ).config
    assert (found.train.epochs, found.model.pyramid) == (5, 8)
    assert found.transfer is not None
    assert found.transfer.parts == ("trunk",)


def test_weights_of_the_trunk_are_not_loaded_below_the_origin_s(
    trained: Path, shapes: Path
) -> None:
    model = {"trunk": "tiny", "pyramid": 16, "weights": "side.safetensors"}
    assert asked(trained, rewritten(shapes, "w.yaml", model=model)).config.model.weights is None


def test_weights_of_the_trunk_are_loaded_where_the_origin_brings_only_heads(
    trained: Path, shapes: Path
) -> None:
    side = str(shapes / "side.safetensors")
    path = rewritten(shapes, "w.yaml", model={"trunk": "tiny", "pyramid": 16, "weights": side})
    heads = {"parts": ["heads"]}
    assert asked(trained, path, transfer=heads).config.model.weights == side


def elsewhere(shapes: Path, folder: Path, **sections: Any) -> Path:
    """A config in another folder that knows one task of its own, `new`."""
    folder.mkdir()
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    labels = {"csv": str(shapes / "labels.csv"), "key": "image", "column": "shape"}
    document["tasks"] = {"new": {"kind": "classification", "labels": labels}}
    document["data"]["images"] = str(shapes / "images")
    document["data"]["splits"] = {s: str(shapes / f"{s}.txt") for s in ("train", "val")}
    path = folder / "mtcli.yaml"
    path.write_text(yaml.safe_dump({**document, **sections}))
    return path


def test_a_task_added_keeps_the_places_of_the_old_ones(
    trained: Path, shapes: Path, tmp_path: Path
) -> None:
    """The new task's config knows nothing of the old ones: their labels are where they were."""
    path = elsewhere(shapes, tmp_path / "other")
    found = asked(trained, path, added="new")
    assert found.known == ("cls", "det")
    assert [*found.config.tasks] == ["cls", "det", "new"]
    assert found.config.transfer is not None
    assert found.config.transfer.keep == ("cls", "det")
    old = yaml.safe_load((trained / "config.yaml").read_text())
    assert str(found.config.tasks["det"].images) == old["data"]["images"]
    assert found.config.tasks["new"].images is None
    assert asked(trained, path, added="new", tasks=["det"]).known == ("det",)
    with pytest.raises(UsageError, match="the config has no such task"):
        asked(trained, path, added="newer")
    with pytest.raises(UsageError, match="no such task: dett") as error:
        asked(trained, path, added="new", tasks=["cls", "dett"])
    assert error.value.mend == "did you mean det?"
    with pytest.raises(UsageError, match="keeps none of the origin's tasks"):
        asked(trained, path, added="new", tasks=["new"])


def changed(trained: Path, name: str, **data: Any) -> Path:
    """A copy of the run whose config says other things of its data."""
    run = Path(name)
    shutil.copytree(trained, run, symlinks=True)
    document = yaml.safe_load((run / "config.yaml").read_text())
    document["data"] |= data
    (run / "config.yaml").write_text(yaml.safe_dump(document))
    return run


DRAWN = {"fractions": {"train": 0.5, "val": 0.5}, "made": "splits.csv"}


def test_a_draw_of_the_origin_holds_for_its_tasks(
    trained: Path, shapes: Path, tmp_path: Path
) -> None:
    run = changed(trained, "drawn", splits=DRAWN)
    found = asked(run, elsewhere(shapes, tmp_path / "other"), added="new").config
    column = {"csv": str(run.resolve() / "splits.csv"), "key": "image", "column": "split"}
    splits = found.tasks["det"].splits
    assert isinstance(splits, SplitColumn)
    assert splits.model_dump(mode="json") == column
    assert found.tasks["new"].splits is None


def test_a_fold_has_no_other_task_beside_it(trained: Path, shapes: Path, tmp_path: Path) -> None:
    run = changed(trained, "fold", folds={"csv": "../folds.csv", "fold": 1})
    with pytest.raises(ConfigError, match="divided into folds"):
        asked(run, elsewhere(shapes, tmp_path / "other"), added="new")
    assert asked(run).config.data.folds is not None


def test_origins_bring_their_plug_ins_where_that_is_allowed(trained: Path, shapes: Path) -> None:
    one, two = changed(trained, "one"), changed(trained, "two")
    plugin = shapes / "of_two.py"
    plugin.write_text("")
    (two / "config.yaml").write_text(
        (two / "config.yaml").read_text().replace("cls:", "shape:") + f"plugins: [{plugin}]\n"
    )
    origins = {"cls": str(one), "shape": str(two)}
    merged = Asked(origins, None, None, None, {"merge": "average"}, {}, [])
    with pytest.raises(ConfigError, match="not imported unasked"):
        configure(merged)
    found = configure(replace(merged, allow_plugins=True)).config
    assert [*found.tasks] == ["cls", "shape"]
    assert found.plugins == (str(plugin),)


LAMP = """
from mtcli.core.tasks import KINDS
from mtcli.core.tasks.classification import Classification


@KINDS.add("lamp")
class Lamp(Classification):
    kind = "lamp"
"""


def test_the_plug_ins_of_the_user_s_config_come_before_the_origin(
    trained: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the config is only found: the user's folder is the user's."""
    run = changed(trained, "lamps").resolve()
    model = run / "checkpoints" / "best" / "model.json"
    description = json.loads(model.read_text())
    description["tasks"]["cls"]["kind"] = "lamp"
    model.write_text(json.dumps({**description, "plugins": ["lamps.py"]}))
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    document["tasks"]["cls"]["kind"] = "lamp"
    rewritten(shapes, "mtcli.yaml", tasks=document["tasks"], plugins=["lamps.py"])
    (shapes / "lamps.py").write_text(LAMP)
    with pytest.raises(CheckpointError, match="needs plug-ins"):
        asked(run)
    monkeypatch.chdir(shapes)
    assert asked(run).config.tasks["cls"].kind == "lamp"


@pytest.mark.parametrize(
    ("sections", "what"),
    [
        ({"tasks": {"cls": None}}, "tasks.cls: wrong value"),
        ({"tasks": {"det": ["kind"]}}, "tasks.det: wrong value"),
        ({"tasks": ["cls"]}, "tasks: wrong value"),
        ({"tasks": None}, "tasks: the config names no task"),
        ({"model": "tiny"}, "model: wrong value"),
        ({"model": {"trunks": 5}}, "model.trunks: wrong value"),
        ({"train": 5}, "train: wrong value"),
        ({"data": []}, "data: wrong value"),
    ],
)
@pytest.mark.parametrize("sort", ["run", "file"])
def test_what_a_config_cannot_be_is_said(
    trained: Path, shapes: Path, sections: dict[str, Any], what: str, sort: str
) -> None:
    origin = trained if sort == "run" else detector(shapes, 2, False)
    with pytest.raises(ConfigError, match=what):
        asked(origin, rewritten(shapes, "wrong.yaml", **sections))


def test_a_weight_file_is_no_network_to_add_to(shapes: Path, tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(UsageError, match="--add-task needs a trained network"):
        asked(tmp_path / "a.safetensors", shapes / "mtcli.yaml", added="cls")


def test_a_file_alone_says_nothing_of_data(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(ConfigError, match="no config given, and none found"):
        asked(tmp_path / "a.safetensors")


def test_trunks_beside_come_along_with_the_tasks_that_use_them(cli: Cli, shapes: Path) -> None:
    side: dict[str, Any] = {"trunk": "tiny", "lr": 0.5}
    model: dict[str, Any] = {"trunk": "tiny", "pyramid": 16, "trunks": {"side": side}}
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    document["tasks"]["cls"]["trunk"] = "side"
    path = rewritten(shapes, "apart.yaml", model=model, tasks=document["tasks"])
    assert cli("train", path, "--tasks", "cls", "--name", "apart", "-q").code == 0
    # The user's config knows cls, but of no trunk beside.
    found = asked(Path("runs/apart"), rewritten(shapes, "bare.yaml", model={})).config
    assert found.tasks["cls"].trunk == "side"
    assert found.model.trunks["side"].trunk == "tiny"
    assert found.tasks["det"].trunk is None
    # One of another trunk has none beside it.
    other = rewritten(shapes, "other.yaml", model={"trunk": "resnet18"})
    assert asked(Path("runs/apart"), other).config.tasks["cls"].trunk is None
    # What the config alone knows of a trunk beside stays.
    model["trunks"]["side"] |= {"weights": "side.pth", "lr": 0.25}
    path = rewritten(shapes, "apart.yaml", model=model)
    for part, weights in {"trunk": str(shapes / "side.pth"), "conv": None}.items():
        merged = asked(Path("runs/apart"), path, transfer={"parts": [part]}).config.model
        assert (merged.trunks["side"].lr, merged.trunks["side"].weights) == (0.25, weights)
