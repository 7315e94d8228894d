"""The config of a transfer: the user's word, and the origin's where the user says nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

from mtcli.core.errors import ConfigError, UsageError
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
    # Another trunk that the user names stays.
    assert asked(file, shapes / "mtcli.yaml").config.model.trunk == "tiny"


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


def test_a_task_added_keeps_the_places_of_the_old_ones(
    trained: Path, shapes: Path, tmp_path: Path
) -> None:
    """The new task's config knows nothing of the old ones: their labels are where they were."""
    (tmp_path / "other").mkdir()
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    labels = {"csv": str(shapes / "labels.csv"), "key": "image", "column": "shape"}
    document["tasks"] = {"new": {"kind": "classification", "labels": labels}}
    document["data"] |= {part: str(shapes / part) for part in ("images",)}
    document["data"]["splits"] = {s: str(shapes / f"{s}.txt") for s in ("train", "val")}
    path = tmp_path / "other" / "mtcli.yaml"
    path.write_text(yaml.safe_dump(document))
    found = asked(trained, path, added="new")
    assert found.known == ("cls", "det")
    assert [*found.config.tasks] == ["cls", "det", "new"]
    old = yaml.safe_load((trained / "config.yaml").read_text())
    assert str(found.config.tasks["det"].images) == old["data"]["images"]
    assert found.config.tasks["new"].images is None
    assert asked(trained, path, added="new", tasks=["det"]).known == ("det",)
    with pytest.raises(UsageError, match="the config has no such task"):
        asked(trained, path, added="newer")


def test_a_weight_file_is_no_network_to_add_to(shapes: Path, tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(UsageError, match="--add-task needs a trained network"):
        asked(tmp_path / "a.safetensors", shapes / "mtcli.yaml", added="cls")


def test_a_file_alone_says_nothing_of_data(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(ConfigError, match="no config given, and none found"):
        asked(tmp_path / "a.safetensors")


def test_trunks_beside_come_along_with_the_tasks_that_use_them(cli: Cli, shapes: Path) -> None:
    side = {"trunk": "tiny", "lr": 0.5}
    model = {"trunk": "tiny", "pyramid": 16, "trunks": {"side": side}}
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    document["tasks"]["cls"]["trunk"] = "side"
    path = rewritten(shapes, "apart.yaml", model=model, tasks=document["tasks"])
    assert cli("train", path, "--tasks", "cls", "--name", "apart", "-q").code == 0
    # The user's config knows cls, but of no trunk beside.
    found = asked(Path("runs/apart"), rewritten(shapes, "bare.yaml", model={})).config
    assert found.tasks["cls"].trunk == "side"
    assert found.model.trunks["side"].trunk == "tiny"
    assert found.tasks["det"].trunk is None
