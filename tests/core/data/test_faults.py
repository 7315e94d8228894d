"""Readers that shall refuse nothing: every broken item is told, every sound one is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtcli.core.data.faults import skipping
from mtcli.core.data.readers import READERS
from mtcli.core.errors import ConfigError, DataError
from mtcli.core.labels import ObjectsLabel, WordsLabel


def test_the_context_keeps_faults_of_data_and_nothing_else() -> None:
    problems: list[DataError] = []
    with skipping(problems):
        raise DataError("one")
    with skipping(problems):
        raise DataError("two")

    assert [problem.what for problem in problems] == ["one", "two"]
    with pytest.raises(ConfigError), skipping(problems):
        raise ConfigError("of the config")
    with pytest.raises(DataError), skipping(None):
        raise DataError("three")


def csv(folder: Path) -> dict[str, Any]:
    rows = ["image,label", "a.png,x", "b.png", ",x", "c.png,y", "c.png,z", "d.png,y"]
    (folder / "labels.csv").write_text("\n".join(rows))
    return {"csv": str(folder / "labels.csv"), "column": "label"}


def jsonl(folder: Path) -> dict[str, Any]:
    lines = ['{"image": "a.png", "label": "x"}', "{", "[]", '{"label": "x"}', '{"image": "d.png"}']
    (folder / "labels.jsonl").write_text("\n".join(lines))
    return {"jsonl": str(folder / "labels.jsonl"), "column": "label"}


def coco(folder: Path) -> dict[str, Any]:
    images = [{"id": n, "file_name": f"{name}.png"} for n, name in enumerate("abcc")]
    right = {"category_id": 1, "bbox": [1, 1, 5, 5]}
    annotations = [
        {"id": 1, "image_id": 0, **right},
        {"id": 2, "image_id": 9, **right},
        {"id": 3, "image_id": 1, "category_id": 7, "bbox": [1, 1, 5, 5]},
        {"id": 4, "image_id": 1, "category_id": 1, "bbox": [1, 1]},
        {"id": 5, "image_id": 1, **right},
    ]
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "x"}],
    }
    (folder / "boxes.json").write_text(json.dumps(document))
    return {"coco": str(folder / "boxes.json")}


def voc(folder: Path) -> dict[str, Any]:
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>"
    sound = f"<object><name>x</name>{box}</object>"
    (folder / "a.xml").write_text(f"<annotation>{sound}</annotation>")
    (folder / "b.xml").write_text(f"<annotation><object>{box}</object>{sound}</annotation>")
    (folder / "c.xml").write_text("<annotation>")
    (folder / "d.xml").write_text("<html></html>")
    return {"voc": str(folder)}


def yolo(folder: Path) -> dict[str, Any]:
    (folder / "a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (folder / "b.txt").write_text("5 0.5 0.5 0.2 0.2\n0 0.5 0.5 0.2 0.2\n0 0.5 0.5\n0 2 2 1 1\n")
    return {"yolo": str(folder), "names": ["x"]}


@pytest.mark.parametrize(
    ("make", "faults", "kept"),
    [
        (csv, 3, {"a.png": 1, "c.png": 1, "d.png": 1}),
        (jsonl, 3, {"a.png": 1}),
        (coco, 4, {"a.png": 1, "b.png": 1, "c.png": 0}),
        (voc, 3, {"a": 1, "b": 1}),
        (yolo, 3, {"a": 1, "b": 1}),
    ],
)
def test_every_fault_is_told_and_the_rest_is_read(
    make: Callable[[Path], dict[str, Any]], faults: int, kept: dict[str, int], tmp_path: Path
) -> None:
    said = make(tmp_path)
    kind = READERS.get(make.__name__)
    options = kind.Options.model_validate(said, context={"base": tmp_path})
    reader = kind(options)
    with pytest.raises(DataError):
        reader.read("train", kind.gives[0])
    reader.problems = []

    labels = reader.read("train", kind.gives[0])

    assert len(reader.problems) == faults
    assert len({str(problem.parts()) + problem.what for problem in reader.problems}) == faults
    found = {}
    for name, label in labels.items():
        assert isinstance(label.value, WordsLabel | ObjectsLabel)
        value = label.value
        found[name] = len(value.words if isinstance(value, WordsLabel) else value.objects)
    assert found == kept
