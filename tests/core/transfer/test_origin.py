"""Where weights come from, and under which of our names they come."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from mtcli.core.blueprint import MAIN, Architecture, SideTrunk
from mtcli.core.building import build_network
from mtcli.core.config import TransferConfig
from mtcli.core.description import Model
from mtcli.core.errors import ConfigError
from mtcli.core.published import named_as_ours
from mtcli.core.task import AnyTask
from mtcli.core.tasks.detection import Detection, DetectionFacts, DetectionOptions
from mtcli.core.transfer.build import plan_transfer
from mtcli.core.transfer.origin import read_origin, with_our_names
from mtcli.core.transfer.plan import make_plan
from tests.core.transfer.networks import cls, det, network_of, origin_of

BOTH = {"cls": cls("ab"), "det": det("ab")}
KINDS = {"cls": "classification", "det": "detection"}


def test_a_run_brings_its_tensors_classes_and_kinds(trained: Path) -> None:
    origin = read_origin(str(trained), network_of(BOTH).trunk_names(MAIN), "tiny")
    assert origin.kinds == KINDS
    assert origin.classes == {"cls": ("circle", "square"), "det": ("circle", "square")}
    assert origin.model is not None
    assert origin.model.architecture.trunk == "tiny"
    assert {name.split(".")[0] for name in origin.tensors} == {"trunk", "pyramid", "heads"}


def test_a_file_in_a_checkpoint_s_folder_is_the_checkpoint(trained: Path) -> None:
    file = trained / "checkpoints" / "best" / "model.safetensors"
    origin = read_origin(str(file), network_of(BOTH).trunk_names(MAIN), "tiny")
    assert origin.classes == {"cls": ("circle", "square"), "det": ("circle", "square")}
    assert origin.model is not None


def test_a_file_of_ours_brings_heads_whose_kind_nobody_knows(trained: Path) -> None:
    file = Path(shutil.copy(trained / "checkpoints" / "best" / "model.safetensors", "alone.st"))
    file = file.rename("alone.safetensors")
    origin = read_origin(str(file), network_of(BOTH).trunk_names(MAIN), "tiny")
    assert origin.heads == ("cls", "det")
    assert origin.model is None
    assert not origin.classes


def test_a_head_gets_another_name_with_all_that_is_known_of_it() -> None:
    before = origin_of(BOTH)
    origin = with_our_names(before, {"cls": "shape"}, {"shape": "classification"})
    assert origin.heads == ("shape", "det")
    assert origin.classes["shape"] == ("a", "b")
    old, new = "heads.cls.classifier.weight", "heads.shape.classifier.weight"
    assert torch.equal(origin.tensors[new], before.tensors[old])
    assert old not in origin.tensors
    assert len(origin.tensors) == len(before.tensors)


def test_two_heads_may_change_places() -> None:
    before = origin_of({"one": cls("ab"), "two": cls("xy")})
    kinds = dict.fromkeys(["one", "two"], "classification")
    origin = with_our_names(before, {"one": "two", "two": "one"}, kinds)
    assert origin.classes == {"two": ("a", "b"), "one": ("x", "y")}
    name = "heads.{}.classifier.bias"
    assert torch.equal(origin.tensors[name.format("one")], before.tensors[name.format("two")])
    assert not origin.aside


def test_a_head_whose_name_another_takes_is_left_and_said_so() -> None:
    tasks = {"one": cls("ab"), "two": cls("ab")}
    before = origin_of(tasks)
    origin = with_our_names(before, {"one": "two"}, {"two": "classification"})
    name = "heads.two.classifier.bias"
    assert torch.equal(origin.tensors[name], before.tensors["heads.one.classifier.bias"])
    assert torch.equal(origin.aside[name], before.tensors[name])
    plan = make_plan(network_of({"two": tasks["two"]}), {"two": tasks["two"]}, [origin])
    said = [(row.fate, row.why) for row in plan.rows if row.tensor == name]
    assert said == [("copied", ""), ("left", "the origin's own two: another head was asked for")]
    plan.require_all()


def test_two_heads_cannot_become_one() -> None:
    origin = origin_of({"one": cls("ab"), "two": cls("ab")})
    with pytest.raises(ConfigError, match="two tasks of the origin become new") as error:
        with_our_names(origin, {"one": "new", "two": "new"}, {"new": "classification"})
    assert error.value.found == "one, two"


@pytest.mark.parametrize(
    ("names", "what", "mend"),
    [
        ({"clas": "cls"}, "--map clas=cls: the origin has no task clas", "did you mean cls?"),
        ({"det": "boxes"}, "--map det=boxes: there is no task boxes here", "there is: cls, det"),
        ({"det": "cls"}, "--map det=cls: a head of another kind", None),
    ],
)
def test_a_name_that_nothing_has(names: dict[str, str], what: str, mend: str) -> None:
    with pytest.raises(ConfigError) as error:
        with_our_names(origin_of(BOTH), names, KINDS)
    assert (error.value.what, error.value.mend) == (what, mend)


def test_an_origin_named_for_a_task_brings_its_head_alone() -> None:
    origin = with_our_names(origin_of(BOTH), {}, KINDS, "det")
    assert origin.heads == ("det",)
    assert {*origin.classes} == {"det"}
    assert not any(name.startswith("heads.cls.") for name in origin.tensors)
    assert any(name.startswith("heads.cls.") for name in origin.aside), "left, not forgotten"


def test_an_origin_of_one_task_needs_no_name() -> None:
    origin = with_our_names(origin_of({"old": cls("ab")}), {}, KINDS, "cls")
    assert origin.heads == ("cls",)


def test_an_origin_of_several_tasks_does_not_guess() -> None:
    origin = origin_of({"one": cls("ab"), "two": cls("ab")})
    with pytest.raises(ConfigError, match="--from cls=run-1: it has no task cls") as error:
        with_our_names(origin, {}, KINDS, "cls")
    assert error.value.mend == "it has one, two; --map OLD=cls says which"
    assert with_our_names(origin, {"two": "cls"}, KINDS, "cls").heads == ("cls",)


@pytest.mark.slow
def test_a_published_detector_gives_person_and_car_their_rows(tmp_path: Path) -> None:
    from torchvision.models import detection
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

    torch.manual_seed(0)
    theirs = detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    file = tmp_path / "coco.safetensors"
    save_file(theirs.state_dict(), file)
    published = named_as_ours(theirs.state_dict())
    assert published is not None
    said = {"head": published.head, "layout": published.layout, "levels": published.levels}
    tasks: dict[str, AnyTask] = {
        "boxes": Detection(
            DetectionOptions.model_validate(said),
            DetectionFacts(classes=("car", "zebra crossing", "person")),
        )
    }
    network = network_of(tasks, "resnet50", pyramid=256)
    fresh = network.state_dict()["heads.boxes.roi_heads.box_predictor.cls_score.bias"].clone()
    read = read_origin(str(file), network.trunk_names(MAIN), "resnet50")
    origin = with_our_names(read, {}, {"boxes": "detection"})
    plan = make_plan(network, tasks, [origin])
    plan.apply(network)
    assert {row.fate for row in plan.rows if row.tensor.startswith(("trunk.", "pyramid."))} <= {
        "copied",
        "fresh",  # BatchNorm's counters, which a frozen BatchNorm has not
    }
    names = FasterRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]
    scores = theirs.roi_heads.box_predictor.cls_score.bias
    ours = network.state_dict()["heads.boxes.roi_heads.box_predictor.cls_score.bias"]
    assert ours[0] == scores[0], "the background"
    assert ours[1] == scores[names.index("car")]
    assert ours[3] == scores[names.index("person")]
    assert ours[2] == fresh[2]
    plan.require_all()


def test_a_published_classifier_fills_trunk_and_native_head(tmp_path: Path) -> None:
    import timm

    from mtcli.core.weights import imagenet_classes

    names = imagenet_classes()
    theirs: Any = timm.create_model("test_resnet", pretrained=False)
    file = tmp_path / "imagenet.safetensors"
    save_file(theirs.state_dict(), file)
    tasks = {"animal": cls((names[7], "house cat", names[1]), head="native")}
    network = network_of(tasks, "test_resnet")
    read = read_origin(str(file), network.trunk_names(MAIN), "test_resnet")
    origin = with_our_names(read, {}, {"animal": "classification"})
    plan = make_plan(network, tasks, [origin])
    plan.apply(network)
    assert {row.fate for row in plan.rows if row.tensor.startswith("trunk.")} == {"copied"}
    weight = theirs.get_classifier().weight
    ours = network.state_dict()["heads.animal.fc.weight"]
    assert torch.equal(ours[0], weight[7])
    assert torch.equal(ours[2], weight[1])
    assert {row.fate for row in plan.rows if row.tensor.startswith("heads.")} == {"adapted"}


def test_what_is_left_bears_the_origin_s_own_name() -> None:
    before = origin_of({"old": cls("ab"), "other": cls("ab")})
    origin = with_our_names(
        before, {"old": "cls", "other": "tag"}, dict.fromkeys(["cls", "tag"], "classification")
    )
    assert {n.split(".")[1] for n in origin.only("cls").aside} == {"other"}
    other = {"cls": det("ab")}
    plan = make_plan(network_of(other), other, [origin.only("cls")], require=False)
    left = {row.tensor for row in plan.rows if row.fate == "left"}
    assert "heads.old.classifier.weight" in left


def test_a_file_fills_the_trunk_beside_where_there_is_no_other(tmp_path: Path) -> None:
    import timm

    theirs: Any = timm.create_model("test_resnet", pretrained=False)
    file = tmp_path / "published.safetensors"
    save_file(theirs.state_dict(), file)
    tasks: dict[str, AnyTask] = {"cls": cls("ab")}
    facts = Architecture(
        "tiny", 16, 0.0, trunks={"side": SideTrunk("test_resnet")}, uses={"cls": "side"}
    )
    network = build_network(facts, tasks)
    settings = TransferConfig(origin={"all": str(file)}, parts=("conv",), strict=True)
    plan = plan_transfer(settings, network, Model(facts, tasks, (64, 64), "stretch"))
    own = {name for name in network.state_dict() if name.startswith("trunks.side.")}
    assert plan.copied == own
