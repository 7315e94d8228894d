"""What files say of answers, kind by kind, and of pictures that cannot be read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from pycocotools.coco import COCO
from torch import Tensor
from torchvision.tv_tensors import Mask

from mtcli.core.data.records import Record
from mtcli.core.errors import UsageError
from mtcli.core.maps import NumberMap
from mtcli.core.ops.boxes import as_boxes
from mtcli.core.prediction.answered import Answered, rounded
from mtcli.core.prediction.choosing import check_form, check_overwriting
from mtcli.core.prediction.formats import FORMATS
from mtcli.core.task import AnyTask
from mtcli.core.tasks import KINDS

SIZE = (4, 6)


def _task(kind: str, options: Mapping[str, Any], **facts: Any) -> AnyTask:
    chosen = KINDS.get(kind)
    task: AnyTask = chosen(
        chosen.Options.model_validate(options), chosen.Facts.model_validate(facts)
    )
    return task


REGRESSION = {"means": (0.0, 0.0), "deviations": (1.0, 1.0), "median_errors": (1.0, 1.0)}
TASKS = {
    "cls": _task("classification", {}, classes=("cat", "dog")),
    "tags": _task("multilabel", {}, classes=("wet", "old")),
    "size": _task("regression", {"names": ["age", "mass"]}, **REGRESSION),
    "det": _task("detection", {}, classes=("cat", "dög")),
    "seg": _task("segmentation", {}, classes=("background", "tree")),
    "far": _task("depth", {}, mean=1.0, mean_log=0.0),
    "ends": _task("keypoints", {}, points=("tip", "end")),
}


def _predictions(boxes: int = 2) -> dict[str, dict[str, Tensor]]:
    tree = torch.zeros(SIZE, dtype=torch.uint8)
    tree[1:3, 2:5] = 1
    corners = [[1.0, 0.5, 3.0, 2.5], [0.0, 0.0, 6.0, 4.0]][:boxes]
    places = as_boxes([[1, 2, 1, 2], [5, 3, 5, 3]], SIZE)
    return {
        "cls": {"probabilities": torch.tensor([0.25, 0.75])},
        "tags": {"probabilities": torch.tensor([0.75, 0.875])},
        "size": {"numbers": torch.tensor([1.5, -2.0], dtype=torch.float64)},
        "det": {
            "boxes": as_boxes(torch.tensor(corners).reshape(-1, 4), SIZE),
            "scores": torch.tensor([0.75, 0.5])[:boxes],
            "labels": torch.tensor([1, 0])[:boxes],
        },
        "seg": {"classes": Mask(tree)},
        "far": {"depth": NumberMap(torch.full(SIZE, 2.5))},
        "ends": {"points": places, "scores": torch.tensor([0.5, 0.25])},
    }


def _record(key: str) -> Record:
    return Record(key, Path(key), {})


ANSWERED = [
    Answered(_record("none.png"), SIZE, _predictions(boxes=0)),
    Answered(_record("bad.png"), error="no such picture"),
    Answered(_record("a,b.png"), SIZE, _predictions()),
]


def _written(form: str, *tasks: str) -> dict[str, str]:
    own = {name: TASKS[name] for name in tasks or TASKS}
    chosen = FORMATS.get(form)
    files = {name: io.StringIO() for name in chosen.names(own)}
    writer = chosen(own, "runs/it", files)
    for answered in ANSWERED:
        said = {name: one for name, one in answered.predictions.items() if name in own}
        maps = {"seg": "seg/x.png"} if "seg" in said else {}
        writer.add(Answered(answered.record, answered.size, said, answered.error), maps)
    writer.end({"pictures": 3, "failed": 1})
    return {name: file.getvalue() for name, file in files.items()}


def test_lines_are_objects_of_which_each_is_a_picture() -> None:
    [text] = _written("jsonl").values()
    none, bad, full = map(json.loads, text.splitlines())
    assert bad == {"image": "bad.png", "error": "no such picture"}
    assert none["tasks"]["det"] == {"objects": []}
    assert (full["image"], full["size"]) == ("a,b.png", [4, 6])
    assert full["tasks"]["det"]["objects"][0] == {
        "class": "dög",
        "score": 0.75,
        "box": [1.0, 0.5, 3.0, 2.5],
    }
    assert full["tasks"]["seg"]["file"] == "seg/x.png"
    assert "dög" in text


def test_one_object_names_the_model_and_holds_the_same() -> None:
    [text] = _written("json").values()
    said = json.loads(text)
    [lines] = _written("jsonl").values()
    assert said.pop("predictions") == [json.loads(line) for line in lines.splitlines()]
    assert said["model"] == "runs/it"
    assert said["tasks"]["det"] == "detection"
    assert (said["pictures"], said["failed"]) == (3, 1)


def test_a_table_a_task() -> None:
    tables = {name: list(csv.reader(io.StringIO(text))) for name, text in _written("csv").items()}
    assert tables["cls.csv"] == [
        ["image", "class", "probabilities.cat", "probabilities.dog"],
        ["none.png", "dog", "0.25", "0.75"],
        ["a,b.png", "dog", "0.25", "0.75"],
    ]
    assert tables["tags.csv"][1][:2] == ["none.png", "wet;old"]
    assert tables["size.csv"][:2] == [
        ["image", "numbers.age", "numbers.mass"],
        ["none.png", "1.5", "-2.0"],
    ]
    assert tables["det.csv"] == [
        ["image", "class", "score", "x1", "y1", "x2", "y2"],
        ["a,b.png", "dög", "0.75", "1.0", "0.5", "3.0", "2.5"],
        ["a,b.png", "cat", "0.5", "0.0", "0.0", "6.0", "4.0"],
    ]
    assert tables["seg.csv"][:2] == [
        ["image", "masks.background.share", "masks.tree.share", "file"],
        ["none.png", "0.75", "0.25", "seg/x.png"],
    ]
    assert tables["ends.csv"][1] == ["none.png", "tip", "1.0", "2.0", "0.5"]
    assert len({len(row) for row in tables["far.csv"]}) == 1


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools'
def test_coco_files_are_read_by_coco_s_own_program(capsys: pytest.CaptureFixture[str]) -> None:
    files = _written("coco")
    assert set(files) == {"det.coco.json", "seg.coco.json", "ends.coco.json"}
    found = {}
    for name, text in files.items():
        Path(name).write_text(text)
        found[name.split(".")[0]] = COCO(name)
    det = found["det"]
    assert det.imgs[3]["file_name"] == "a,b.png"
    assert set(det.imgs) == {1, 3}
    first, second = det.loadAnns(det.getAnnIds(imgIds=[3]))
    assert det.cats[first["category_id"]]["name"] == "dög"
    assert (first["bbox"], first["area"], first["score"]) == ([1.0, 0.5, 2.0, 2.0], 4.0, 0.75)
    assert len(det.loadRes([first, second]).anns) == 2
    seg = found["seg"]
    [_, tree] = seg.anns.values()  # one of each picture; a background is nothing that was found
    assert seg.cats[tree["category_id"]]["name"] == "tree"
    assert tree["bbox"] == [2.0, 1.0, 3.0, 2.0]
    assert seg.annToMask(tree).sum() == tree["area"] == 6
    [ends] = found["ends"].loadAnns([1])
    assert ends["keypoints"] == [1.0, 2.0, 2, 5.0, 3.0, 2]
    assert found["ends"].cats[1]["keypoints"] == ["tip", "end"]


def test_a_file_of_nothing_is_whole_too() -> None:
    own = {"det": TASKS["det"]}
    for form in FORMATS.names():
        chosen = FORMATS.get(form)
        files = {name: io.StringIO() for name in chosen.names(own)}
        chosen(own, "it", files).end({})
        [text] = (file.getvalue() for file in files.values())
        assert form in ("csv", "jsonl") or json.loads(text)


def test_what_a_format_cannot_say_is_told_before() -> None:
    coco, table = FORMATS.get("coco"), FORMATS.get("csv")
    with pytest.raises(UsageError, match="no task of the model"):
        check_form("coco", coco, {"cls": TASKS["cls"]}, to_folder=True)
    with pytest.raises(UsageError, match="a file a task, and 7"):
        check_form("csv", table, TASKS, to_folder=False)
    assert check_form("csv", table, {"det": TASKS["det"]}, to_folder=False) == ["det.csv"]
    assert len(check_form("csv", table, TASKS, to_folder=True)) == 7


def test_pictures_are_not_replaced_by_what_is_drawn_on_them() -> None:
    Path("a.png").write_bytes(b"")
    with pytest.raises(UsageError, match="would be replaced"):
        check_overwriting(Path(), ["a.png"], [_record("a.png")])
    check_overwriting(Path(), ["a.png"], [_record("b/a.png"), _record("a.jpg")])


def test_numbers_have_as_many_digits_as_they_know() -> None:
    said = rounded({"a": [0.1 + 0.2, 1 / 3, 12], "b": "1/3", "c": float(torch.tensor(0.1))})
    assert said == {"a": [0.3, 0.3333333, 12], "b": "1/3", "c": 0.1}
