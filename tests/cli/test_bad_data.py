"""Mistakes in pictures and labels: each is named with its file, ends with 2, leaves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Answer, Cli

Document = dict[str, Any]


def refused(answer: Answer, *words: str) -> None:
    """The command was refused with one message that holds these words."""
    assert answer.code == 2, answer.err
    assert answer.out == ""
    assert answer.err.count("error  ") == 1
    for word in words:
        assert word in answer.err
    assert not Path("runs").exists()


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def change_boxes(folder: Path, change: Callable[[Document], object]) -> None:
    path = folder / "boxes.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


# Pictures.


def test_missing_pictures_are_counted_and_one_is_named(cli: Cli, shapes: Path) -> None:
    for name in ("01.png", "02.png", "06.png"):
        (shapes / "images" / name).unlink()

    answer = cli("train", shapes / "mtcli.yaml")

    refused(answer, "no such picture", str(shapes / "images" / "01.png"), "and 2 more")


def test_missing_validation_picture_is_named(cli: Cli, shapes: Path) -> None:
    (shapes / "images" / "10.png").unlink()

    refused(cli("train", shapes / "mtcli.yaml"), str(shapes / "images" / "10.png"))


def test_missing_picture_is_not_skipped(cli: Cli, shapes: Path) -> None:
    (shapes / "images" / "01.png").unlink()

    answer = cli("train", shapes / "mtcli.yaml", "--set", "data.on_bad_image=skip")

    refused(answer, "no such picture", "01.png")


def test_missing_images_folder_is_named(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", "data.images=pictures")

    refused(answer, str(shapes / "pictures"), "data.images")


def test_file_that_is_no_picture_is_named(cli: Cli, shapes: Path) -> None:
    (shapes / "images" / "02.png").write_text("no picture")

    answer = cli("train", shapes / "mtcli.yaml")

    refused(answer, "cannot be read", str(shapes / "images" / "02.png"), "data.on_bad_image: skip")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp"])
def test_truncated_picture_is_named(cli: Cli, shapes: Path, suffix: str) -> None:
    name = f"02.{suffix}"
    picture = Image.open(shapes / "images" / "02.png").convert("RGB")
    picture.save(shapes / "images" / name)
    cut(shapes / "images" / name)
    for file in ("train.txt", "labels.csv"):
        rewrite(shapes / file, "02.png", name)

    answer = cli("train", shapes / "mtcli.yaml")

    refused(answer, "cannot be read", str(shapes / "images" / name))


def test_unreadable_pictures_are_counted(cli: Cli, shapes: Path) -> None:
    for name in ("00.png", "03.png", "07.png"):
        (shapes / "images" / name).write_bytes(b"")

    refused(
        cli("train", shapes / "mtcli.yaml"), "00.png", "and 2 more", "mtcli data check lists all"
    )


def test_unreadable_pictures_are_left_out_where_asked_for(cli: Cli, shapes: Path) -> None:
    cut(shapes / "images" / "02.png")
    (shapes / "images" / "09.png").write_text("no picture")

    answer = cli("train", shapes / "mtcli.yaml", "--set", "data.on_bad_image=skip")

    assert answer.code == 0, answer.err
    assert "1 unreadable picture of train left out (02.png)" in answer.err
    assert "1 unreadable picture of val left out (09.png)" in answer.err
    assert "7 train, 3 val pictures" in answer.err
    assert answer.err.count("02.png") == 1


def test_not_one_readable_picture_is_refused(cli: Cli, shapes: Path) -> None:
    for number in range(8, 12):
        (shapes / "images" / f"{number:02d}.png").write_bytes(b"")

    answer = cli("train", shapes / "mtcli.yaml", "--set", "data.on_bad_image=skip")

    refused(answer, "not one picture", "08.png")


def test_task_whose_labelled_pictures_are_all_left_out_is_refused(cli: Cli, shapes: Path) -> None:
    (shapes / "labels.csv").write_text("image,shape\n00.png,circle\n01.png,square\n")
    for name in ("00.png", "01.png"):
        (shapes / "images" / name).write_bytes(b"")

    answer = cli("train", shapes / "mtcli.yaml", "--set", "data.on_bad_image=skip")

    assert answer.code == 2, answer.err
    assert "tasks.cls" in answer.err
    assert not Path("runs").exists()


def test_picture_that_was_never_verified_fails_the_work(cli: Cli, shapes: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(shapes / "images" / "02.jpg")
    cut(shapes / "images" / "02.jpg")
    for file in ("train.txt", "labels.csv"):
        rewrite(shapes / file, "02.png", "02.jpg")

    answer = cli("train", shapes / "mtcli.yaml", "--set", "data.verify=none")

    assert answer.code == 1
    assert str(shapes / "images" / "02.jpg") in answer.err
    assert "though it could be before" not in answer.err


# Splits.


def test_missing_list_is_named(cli: Cli, shapes: Path) -> None:
    (shapes / "val.txt").unlink()

    answer = cli("train", shapes / "mtcli.yaml")

    refused(answer, "data.splits.val", str(shapes / "val.txt"), "a picture on each line")


def test_split_that_is_a_folder_without_pictures_is_named(cli: Cli, shapes: Path) -> None:
    (shapes / "held_out").mkdir()
    (shapes / "held_out" / "notes.txt").write_text("08.png\n")

    answer = cli("train", shapes / "mtcli.yaml", "--set", "data.splits.val=held_out")

    refused(answer, "split val is empty", str(shapes / "held_out"))


def test_list_in_another_encoding_is_named(cli: Cli, shapes: Path) -> None:
    (shapes / "val.txt").write_bytes("09.png\né.png\n".encode("latin-1"))

    refused(cli("train", shapes / "mtcli.yaml"), "data.splits.val", str(shapes / "val.txt"))


@pytest.mark.parametrize("text", ["", "\n  \n"])
def test_empty_list_is_named(cli: Cli, shapes: Path, text: str) -> None:
    (shapes / "val.txt").write_text(text)

    refused(cli("train", shapes / "mtcli.yaml"), "split val is empty", str(shapes / "val.txt"))


def test_split_column_of_a_missing_file_is_named(cli: Cli, shapes: Path) -> None:
    splits = "{csv: splits.csv, key: image, column: split}"

    answer = cli("train", shapes / "mtcli.yaml", "--set", f"data.splits={splits}")

    refused(answer, "no such file", str(shapes / "splits.csv"))


def test_split_column_in_a_folder_is_refused(cli: Cli, shapes: Path) -> None:
    splits = "{csv: images, key: image, column: split}"

    answer = cli("train", shapes / "mtcli.yaml", "--set", f"data.splits={splits}")

    refused(answer, str(shapes / "images"))


def test_split_that_the_column_lacks_is_named(cli: Cli, shapes: Path) -> None:
    (shapes / "splits.csv").write_text("image,split\n00.png,train\n01.png,train\n02.png,vall\n")
    splits = "{csv: splits.csv, key: image, column: split}"

    answer = cli("train", shapes / "mtcli.yaml", "--set", f"data.splits={splits}")

    refused(answer, "no such split: val", "did you mean vall?")


# Labels in a CSV file.


def test_missing_label_file_is_named(cli: Cli, shapes: Path) -> None:
    (shapes / "labels.csv").unlink()

    refused(cli("train", shapes / "mtcli.yaml"), "no such label file", str(shapes / "labels.csv"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("shape", "shapes", ["no column shape", "image, shapes", "did you mean shapes?"]),
        ("image", "picture", ["no column image", "picture, shape"]),
        ("01.png,square", "01.png", ["too short", "labels.csv, line 3"]),
        ("01.png,square", ",square", ["names no picture", "labels.csv, line 3"]),
        ("01.png,square", '01.png,"square', ["not a CSV file"]),
        ("01.png,square", "00.png,square", ["00.png has two labels", "line 3", "line 2"]),
    ],
)
def test_broken_csv_is_named_with_its_line(
    cli: Cli, shapes: Path, old: str, new: str, words: list[str]
) -> None:
    rewrite(shapes / "labels.csv", old, new)

    refused(cli("train", shapes / "mtcli.yaml"), str(shapes / "labels.csv"), *words)


def test_empty_csv_is_named(cli: Cli, shapes: Path) -> None:
    (shapes / "labels.csv").write_text("")

    refused(cli("train", shapes / "mtcli.yaml"), str(shapes / "labels.csv"), "no column image")


def test_csv_in_another_encoding_is_named(cli: Cli, shapes: Path) -> None:
    (shapes / "labels.csv").write_bytes("image,shape\n00.png,Dreiéck\n".encode("latin-1"))

    refused(cli("train", shapes / "mtcli.yaml"), str(shapes / "labels.csv"), "UTF-8")


def test_class_that_is_not_listed_is_named_with_its_line(cli: Cli, shapes: Path) -> None:
    rewrite(shapes / "labels.csv", "02.png,circle", "02.png,cirle")

    answer = cli("train", shapes / "mtcli.yaml", "--set", "tasks.cls.classes=[circle, square]")

    refused(
        answer, "tasks.cls", '"cirle"', f"{shapes / 'labels.csv'}, line 4", "did you mean circle?"
    )


def test_class_that_only_validation_has_is_named(cli: Cli, shapes: Path) -> None:
    rewrite(shapes / "labels.csv", "10.png,circle", "10.png,hexagon")

    answer = cli("train", shapes / "mtcli.yaml")

    refused(answer, "tasks.cls", '"hexagon"', "labels.csv, line 12", "circle, square")


def test_labels_of_no_training_picture_are_refused(cli: Cli, shapes: Path) -> None:
    text = (shapes / "labels.csv").read_text()
    (shapes / "labels.csv").write_text(text.replace(".png", ".jpeg"))

    refused(cli("train", shapes / "mtcli.yaml"), "tasks.cls", "no picture", "00.png")


def test_a_table_may_leave_the_endings_out(cli: Cli, shapes: Path) -> None:
    text = (shapes / "labels.csv").read_text()
    (shapes / "labels.csv").write_text(text.replace(".png", ""))

    answer = cli("config", "check", shapes / "mtcli.yaml")
    assert answer.code == 0, answer.err
    assert "cls  classification  7 labelled" in answer.out


def test_endings_left_out_of_twins_are_refused(cli: Cli, shapes: Path) -> None:
    text = (shapes / "labels.csv").read_text()
    (shapes / "labels.csv").write_text(text.replace(".png", ""))
    (shapes / "images/00.png").rename(shapes / "images/01.jpg")
    (shapes / "train.txt").write_text(
        (shapes / "train.txt").read_text().replace("00.png", "01.jpg")
    )

    refused(cli("config", "check", shapes / "mtcli.yaml"), "differ in their ending only")


def test_labels_of_validation_pictures_alone_are_refused(cli: Cli, shapes: Path) -> None:
    (shapes / "labels.csv").write_text("image,shape\n08.png,circle\n09.png,square\n")

    refused(cli("train", shapes / "mtcli.yaml"), "tasks.cls", "no picture of the training split")


def test_single_class_is_refused(cli: Cli, shapes: Path) -> None:
    text = (shapes / "labels.csv").read_text()
    (shapes / "labels.csv").write_text(text.replace("square", "circle"))

    refused(cli("train", shapes / "mtcli.yaml"), "tasks.cls", "two classes or more", "circle")


# Labels in a COCO file.


def test_missing_coco_file_of_a_split_is_named(cli: Cli, shapes: Path) -> None:
    answer = cli(
        "train", shapes / "mtcli.yaml", "--set", "tasks.det.labels.coco=boxes_{split}.json"
    )

    refused(answer, "no such label file", str(shapes / "boxes_train.json"), "boxes_{split}.json")


def test_coco_file_cut_short_is_named(cli: Cli, shapes: Path) -> None:
    cut(shapes / "boxes.json")

    refused(cli("train", shapes / "mtcli.yaml"), str(shapes / "boxes.json"), "cut short")


BROKEN_COCO: dict[str, tuple[Callable[[Document], object], list[str]]] = {
    "broken category": (
        lambda d: d["annotations"][3].update(category_id=77),
        ["category 77", "annotation 4", "1 (circle), 2 (square)"],
    ),
    "broken image": (
        lambda d: d["annotations"][3].update(image_id=77),
        ["image 77", "annotation 4"],
    ),
    "three numbers": (
        lambda d: d["annotations"][3].update(bbox=[1, 2, 3]),
        ["annotation 4", "four numbers", "[1, 2, 3]"],
    ),
    "NaN": (
        lambda d: d["annotations"][3].update(bbox=[1, 2, 3, float("nan")]),
        ["annotation 4", "nan"],
    ),
    "too large": (lambda d: d["annotations"][3].update(bbox=[1, 2, 3, 10**400]), ["annotation 4"]),
    "no number": (lambda d: d["annotations"][3].update(bbox=[1, 2, 3, True]), ["annotation 4"]),
    "no list": (lambda d: d["annotations"][3].update(bbox="1 2 3 4"), ["annotation 4"]),
    "no box": (lambda d: d["annotations"][3].pop("bbox"), ["annotation 4", "bbox"]),
    "no image": (lambda d: d["annotations"][3].pop("image_id"), ["annotation 4", '"image_id"']),
    "no id": (lambda d: d["annotations"][3].pop("id"), ["annotation", '"id"']),
    "no category name": (lambda d: d["categories"][0].pop("name"), ["category 1", '"name"']),
    "no file name": (lambda d: d["images"][0].pop("file_name"), ["image 0", '"file_name"']),
    "id of no kind": (lambda d: d["images"][0].update(id=None), ["image", '"id"']),
    "file listed twice": (
        lambda d: d["images"].append({"id": 99, "file_name": "00.png"}),
        ["00.png", "twice"],
    ),
    "image id twice": (
        lambda d: d["images"].append({"id": 0, "file_name": "05.png"}),
        ["image 0", "twice"],
    ),
    "category id twice": (
        lambda d: d["categories"].append({"id": 1, "name": "star"}),
        ["category 1", "twice"],
    ),
    "no annotations": (lambda d: d.pop("annotations"), ['"annotations"']),
    "no list of categories": (lambda d: d.update(categories={"1": "a"}), ['"categories"']),
    "no entry": (lambda d: d["images"].append("06.png"), ['"images"']),
}


@pytest.mark.parametrize(("change", "words"), BROKEN_COCO.values(), ids=BROKEN_COCO)
def test_broken_coco_file_is_named(
    cli: Cli, shapes: Path, change: Callable[[Document], object], words: list[str]
) -> None:
    change_boxes(shapes, change)

    refused(cli("train", shapes / "mtcli.yaml"), str(shapes / "boxes.json"), *words)


def test_coco_file_without_a_box_is_refused(cli: Cli, shapes: Path) -> None:
    change_boxes(shapes, lambda d: d.update(annotations=[]))

    refused(cli("train", shapes / "mtcli.yaml"), "tasks.det", "boxes to learn from")


def test_coco_file_that_is_a_list_is_named(cli: Cli, shapes: Path) -> None:
    (shapes / "boxes.json").write_text("[]")

    refused(cli("train", shapes / "mtcli.yaml"), str(shapes / "boxes.json"), "not a COCO file")


def test_category_that_is_not_listed_is_named(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", "tasks.det.classes=[circles, square]")

    refused(answer, "tasks.det", '"circle"', "boxes.json, image 0", "did you mean circles?")


def test_boxes_of_no_training_picture_are_refused(cli: Cli, shapes: Path) -> None:
    change_boxes(shapes, lambda d: [i.update(file_name="a/" + i["file_name"]) for i in d["images"]])

    refused(cli("train", shapes / "mtcli.yaml"), "tasks.det", "no picture", "00.png")


# Not mistakes, but said.


def test_mended_boxes_are_counted_once(cli: Cli, shapes: Path, trained: Path) -> None:
    def spoil(document: Document) -> None:
        boxes = {a["image_id"]: a for a in document["annotations"]}
        boxes[8].update(bbox=[10, 10, 0, 20])
        boxes[9].update(bbox=[70, 10, 20, 20])
        boxes[10].update(bbox=[-10, 10, 40, 20])
        boxes[11].update(bbox=[10, 10, 20, -5])

    change_boxes(shapes, spoil)

    answer = cli("eval", trained, "--config", shapes / "mtcli.yaml")

    assert answer.code == 0, answer.err
    for said in (
        "det: 2 × box without area dropped (08.png, 11.png)",
        "det: 1 × box outside the picture dropped (09.png)",
        "det: 1 × box across the border clipped (10.png)",
    ):
        assert answer.err.count(said) == 1
        assert said not in answer.out


def test_boxes_that_lie_right_are_not_remarked(cli: Cli, shapes: Path, trained: Path) -> None:
    answer = cli("eval", trained, "--config", shapes / "mtcli.yaml")

    assert answer.code == 0
    assert answer.err == ""
