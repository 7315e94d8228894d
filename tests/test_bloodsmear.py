"""Real labels: the benchmark's config on the blood-smear pictures, where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mtcli.core.assembly import assemble
from mtcli.core.configfile import load_config
from mtcli.core.data.prepare import check_pictures_and_labels
from mtcli.core.data.records import read_target
from mtcli.core.events import Noted
from mtcli.core.task import Target

CONFIG = Path(__file__).parent.parent / "benchmarks" / "bloodsmear" / "mtcli.yaml"
DATA = (CONFIG.parent / "../../../shared/data/bloodsmear").resolve()

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the blood-smear data is not at ../shared/data (docs/bloodsmear.md)"
)


def test_labels_classes_and_flaws_are_those_that_the_data_has() -> None:
    config = load_config(CONFIG, ["model.weights=null", "model.trunk=tiny"])
    assembly = assemble(config)
    train, val = assembly.records["train"], assembly.records["val"]

    assert (len(train), len(val)) == (205, 87)
    assert sum("cls" in record.labels for record in train) == 194
    assert sum("cls" in record.labels for record in val) == 86
    assert all("det" in record.labels for record in [*train, *val])
    assert assembly.model.tasks["cls"].facts.model_dump()["classes"] == (
        "basophil",
        "eosinophil",
        "lymphocyte",
        "monocyte",
        "neutrophil",
    )
    assert assembly.model.tasks["det"].facts.model_dump()["classes"] == ("platelet", "rbc", "wbc")

    said = []
    for split, records in (("train", train), ("val", val)):
        checked = check_pictures_and_labels(config.data, records, assembly.model.tasks, split)
        said += [event.text for event in checked if isinstance(event, Noted)]
    assert sum("1 × box without area dropped" in text for text in said) == 2


SIZE = (480, 640)


def _boxes(labels: dict[str, object]) -> dict[str, Target]:
    """The detection targets of both splits, by picture."""
    sets = ["model.weights=null", "model.trunk=tiny", f"tasks.det.labels={json.dumps(labels)}"]
    assembly = assemble(load_config(CONFIG, sets, only=["det"]))
    task = assembly.model.tasks["det"]
    found = {}
    for record in (*assembly.records["train"], *assembly.records["val"]):
        target = read_target(task, "det", record, SIZE)
        assert target is not None
        found[record.key] = target
    return found


@pytest.mark.parametrize(
    "labels",
    [{"voc": f"{DATA}/voc"}, {"yolo": f"{DATA}/yolo", "names": ["platelet", "rbc", "wbc"]}],
    ids=["voc", "yolo"],
)
def test_boxes_are_the_same_as_in_coco(labels: dict[str, object]) -> None:
    coco = _boxes({"coco": f"{DATA}/annotations/instances_{{split}}.json"})
    found = _boxes(labels)

    assert len(found) == 292
    assert found.keys() == coco.keys()
    for key, target in found.items():
        # YOLO's shares have six digits: a millionth of 640 pixels.
        torch.testing.assert_close(target.pop("boxes"), coco[key].pop("boxes"), rtol=0, atol=1e-3)
        assert target.keys() == coco[key].keys()
        assert all(torch.equal(tensor, coco[key][name]) for name, tensor in target.items())
