"""mtcli init: every layout gives a config that trains as it stands."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.test_usage import contents, python, refused
from tests.conftest import Cli
from tests.core.discovery import layouts

SMALL = ("train.epochs=1", "model.trunk=tiny", "model.weights=null", "model.pyramid=16")
QUICK = ("data.size=[32, 32]", "data.workers=0", "train.device=cpu")
CHANGES = [word for text in (*SMALL, *QUICK) for word in ("--set", text)]

BLOODSMEAR = (Path(__file__).parent / "../../../shared/data/bloodsmear").resolve()

LAYOUTS: dict[str, tuple[Callable[[Path], None], dict[str, str], dict[str, int]]] = {
    "class folders": (
        layouts.class_folders,
        {"cls": "classification"},
        {"train": 12, "val": 4},
    ),
    "class folders in splits": (
        layouts.class_folders_in_splits,
        {"cls": "classification"},
        {"train": 18, "val": 9},
    ),
    "splits in class folders": (
        layouts.splits_in_class_folders,
        {"cls": "classification"},
        {"train": 12, "val": 6},
    ),
    "train and test folders": (
        layouts.train_and_test_folders,
        {"cls": "classification"},
        {"train": 17, "val": 3, "test": 6},
    ),
    "roboflow coco": (
        layouts.roboflow_coco,
        {"boxes": "detection"},
        {"train": 8, "val": 3, "test": 2},
    ),
    "coco by split": (
        layouts.coco_by_split,
        {"boxes": "detection", "regions": "segmentation"},
        {"train": 9, "val": 4},
    ),
    "coco keypoints": (
        layouts.coco_keypoints,
        {"points": "keypoints"},
        {"train": 9, "val": 3},
    ),
    "ultralytics": (layouts.ultralytics, {"boxes": "detection"}, {"train": 8, "val": 4}),
    "yolo without yaml": (
        layouts.yolo_without_yaml,
        {"boxes": "detection"},
        {"train": 10, "val": 2},
    ),
    "yolo without names": (
        layouts.yolo_without_names,
        {"boxes": "detection"},
        {"train": 9, "val": 3},
    ),
    "voc devkit": (
        layouts.voc_devkit,
        {"boxes": "detection", "regions": "segmentation"},
        {"train": 8, "val": 4},
    ),
    "voc beside": (
        layouts.voc_beside,
        {"boxes": "detection"},
        {"train": 7, "val": 1, "test": 4},
    ),
    "table": (
        layouts.table,
        {
            "kind": "classification",
            "attributes": "multilabel",
            "tags": "multilabel",
            "cells": "regression",
            "weight": "regression",
        },
        {"train": 12, "val": 4},
    ),
    "tables of splits": (
        layouts.tables_of_splits,
        {"kind": "classification"},
        {"train": 9, "val": 4},
    ),
    "json lines": (
        layouts.json_lines,
        {"kind": "classification", "tags": "multilabel", "count": "regression"},
        {"train": 9, "val": 3},
    ),
    "file names": (layouts.file_names, {"cls": "classification"}, {"train": 14, "val": 4}),
    "masks in parallel": (
        layouts.masks_in_parallel,
        {"regions": "segmentation"},
        {"train": 9, "val": 3},
    ),
    "masks beside": (layouts.masks_beside, {"regions": "segmentation"}, {"train": 9, "val": 3}),
    "masks in splits": (
        layouts.masks_in_splits,
        {"regions": "segmentation"},
        {"train": 8, "val": 4},
    ),
    "depth maps": (layouts.depth_maps, {"d": "depth"}, {"train": 9, "val": 3}),
    "everything": (
        layouts.everything,
        {
            "kind": "classification",
            "boxes": "detection",
            "regions": "segmentation",
            "n": "regression",
        },
        {"train": 8, "val": 4},
    ),
    "two sets": (
        layouts.two_sets,
        {"cut": "classification", "boxes": "detection"},
        {"train": 18, "val": 8},
    ),
}


TRAINED = (
    "class folders in splits",
    "roboflow coco",
    "ultralytics",
    "voc devkit",
    "masks beside",
    "depth maps",
    "everything",
    "two sets",
)
"""Layouts that the quick suite trains; `make test-all` trains them all."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "the data"
    folder.mkdir()
    return folder


def config() -> Any:
    return yaml.safe_load(Path("mtcli.yaml").read_text())


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_gives_a_config_of_its_tasks(cli: Cli, data: Path, name: str) -> None:
    build, kinds, counts = LAYOUTS[name]
    build(data)
    before = contents(data)

    answer = cli("init", data, "--yes", "--json")

    assert answer.code == 0, answer.err
    found: Any = answer.json
    assert {task: said["kind"] for task, said in found["tasks"].items()} == kinds
    assert found["splits"]["pictures"] == counts
    assert contents(data) == before
    checked = cli("config", "check", "mtcli.yaml", *CHANGES)
    assert checked.code == 0, checked.err


@pytest.mark.parametrize(
    "name",
    [name if name in TRAINED else pytest.param(name, marks=pytest.mark.slow) for name in LAYOUTS],
)
def test_the_config_of_a_layout_trains(cli: Cli, data: Path, name: str) -> None:
    LAYOUTS[name][0](data)
    assert cli("init", data, "--yes").code == 0

    trained = cli("train", "mtcli.yaml", *CHANGES)

    assert trained.code == 0, trained.err
    assert "no label" not in trained.err


def test_the_blood_smears_give_four_tasks(cli: Cli) -> None:
    if not BLOODSMEAR.is_dir():
        pytest.skip("the blood-smear data is not at ../shared/data (docs/bloodsmear.md)")

    answer = cli("init", BLOODSMEAR, "--yes", "--json")

    assert answer.code == 0, answer.err
    found: Any = answer.json
    labelled = {task: (said["kind"], said["labelled"]) for task, said in found["tasks"].items()}
    assert labelled == {
        "wbc_type": ("classification", 280),
        "boxes": ("detection", 292),
        "regions": ("segmentation", 292),
        "rbc_count": ("regression", 292),
    }
    assert "voc says the same; yolo says the same" in found["tasks"]["boxes"]["why"]
    assert found["splits"]["pictures"] == {"train": 205, "val": 87}
    written = config()
    assert written["data"]["size"] == [256, 320]
    assert written["tasks"]["boxes"]["labels"] == {
        "coco": f"{BLOODSMEAR}/annotations/instances_{{split}}.json"
    }
    assert cli("config", "check", "mtcli.yaml", "--set", "model.weights=null").code == 0


# What the config says.


def test_the_working_folder_is_written_to_and_paths_are_relative(cli: Cli) -> None:
    layouts.everything(Path())

    answer = cli("init", ".", "--yes")

    assert answer.code == 0, answer.err
    assert answer.err == ""
    assert "mtcli data check mtcli.yaml" in answer.out
    assert "mtcli train mtcli.yaml" in answer.out
    assert config() == {
        "data": {
            "images": "images",
            "splits": {"train": "train.txt", "val": "val.txt"},
            "size": [32, 32],
            "augment": ["hflip", {"color_jitter": {"brightness": 0.1, "contrast": 0.1}}],
        },
        "tasks": {
            "kind": {
                "kind": "classification",
                "labels": {"csv": "labels.csv", "key": "image", "column": "kind"},
            },
            "boxes": {"kind": "detection", "labels": {"coco": "boxes.json"}},
            "regions": {
                "kind": "segmentation",
                "labels": {"masks": "masks"},
                "classes": ["background", "class_1", "class_2"],
            },
            "n": {
                "kind": "regression",
                "labels": {"csv": "labels.csv", "key": "image", "column": "n"},
            },
        },
        "model": {"trunk": "tiny", "pyramid": 64},
        "train": {"epochs": 20, "batch_size": 2},
    }
    assert "# labels.csv, column kind: 2 words" in Path("mtcli.yaml").read_text()
    assert all(len(line) <= 100 for line in Path("mtcli.yaml").read_text().splitlines())


def test_names_of_other_folders_come_from_there(cli: Cli, data: Path) -> None:
    layouts.roboflow_coco(data)

    assert cli("init", data, "--yes").code == 0

    assert config()["tasks"]["boxes"]["labels"] == [
        {"coco": f"{data}/{split}/_annotations.coco.json", "names_from": f"{data}/{split}"}
        for split in ("train", "valid", "test")
    ]


def test_splits_that_the_config_cannot_say_are_listed_beside_it(cli: Cli, data: Path) -> None:
    layouts.voc_devkit(data)

    assert cli("init", data, "-o", "own.yaml", "--yes").code == 0

    lines = Path("own.splits.csv").read_text().splitlines()
    assert lines[0] == "image,split"
    assert [line.split(",")[1] for line in lines[1:]] == ["train"] * 8 + ["val"] * 4
    assert lines[1] == "a00.jpg,train"


def test_a_test_split_stays_what_it_is(cli: Cli, data: Path) -> None:
    layouts.train_and_test_folders(data)

    assert cli("init", data, "--yes").code == 0

    rows = [line.split(",") for line in Path("mtcli.splits.csv").read_text().splitlines()[1:]]
    assert {name for name, split in rows if split == "test"} == {
        f"test/{kind}/{name}" for kind in ("cat", "dog") for name in layouts.numbered(3)
    }
    assert {name.split("/")[0] for name, split in rows if split == "val"} == {"train"}


def test_a_table_may_name_pictures_without_ending(cli: Cli, data: Path) -> None:
    rows = ["id_code,diagnosis"]
    for number, name in enumerate(layouts.numbered(24, ".png")):
        layouts.picture(data / "train_images" / name)
        rows.append(f"{name[:-4]},{number % 3}")
    layouts.text(data / "train.csv", "\n".join(rows) + "\n")

    answer = cli("init", data, "--yes", "--json")

    assert answer.code == 0, answer.err
    found: Any = answer.json
    assert found["tasks"]["diagnosis"]["kind"] == "classification"
    assert sum(found["splits"]["pictures"].values()) == 24
    trained = cli("train", "mtcli.yaml", *CHANGES)
    assert trained.code == 0, trained.err


def test_pictures_of_one_group_are_not_divided(cli: Cli, data: Path) -> None:
    rows = ["image,kind,patient"]
    for number, name in enumerate(layouts.numbered(24)):
        layouts.picture(data / "x" / name)
        rows.append(f"{name},{'ab'[number // 12]},p{number // 3}")
    layouts.text(data / "labels.csv", "\n".join(rows) + "\n")

    answer = cli("init", data, "--yes", "--json")

    assert answer.code == 0, answer.err
    said = config()["data"]
    assert said["group"] == {"csv": f"{data}/labels.csv", "key": "image", "column": "patient"}
    assert said["splits"]["stratify"] == "kind"
    counts: Any = answer.json["splits"]
    assert counts["pictures"] == {"train": 18, "val": 6}


def test_left_and_right_are_not_mirrored(cli: Cli, data: Path) -> None:
    for kind in ("left", "right"):
        layouts.pictures(data / kind, layouts.numbered(8))

    assert cli("init", data, "--yes").code == 0

    assert "hflip" not in config()["data"]["augment"]
    assert "no hflip, since left would become its opposite" in Path("mtcli.yaml").read_text()


def test_one_s_own_words_cannot_break_the_config(cli: Cli, data: Path) -> None:
    kinds = ["a: b", "# no", "null\u2028", "{x}"]
    rows = ["image,'kind: [of]"]
    for number, name in enumerate(layouts.numbered(16)):
        layouts.picture(data / "ä {split} x" / name)
        rows.append(f"{name},{kinds[number % 4]}")
    layouts.text(data / "labels #1.csv", "\n".join(rows) + "\n")

    answer = cli("init", data, "--yes", "--json", "--debug")

    assert answer.code == 0, answer.err
    assert list(config()["tasks"]) == ["kind_of"]


# What is refused.


def nothing_written() -> bool:
    return list(Path().iterdir()) == []


def test_without_a_terminal_yes_is_needed(cli: Cli, data: Path) -> None:
    layouts.class_folders(data)

    refused(cli("init", data), "no terminal", "--yes")
    assert nothing_written()


def test_a_missing_folder(cli: Cli) -> None:
    refused(cli("init", "nosuch", "--yes"), "no such folder", "nosuch")


def test_a_config_is_not_written_over(cli: Cli, data: Path) -> None:
    layouts.class_folders(data)
    Path("mtcli.yaml").write_text("mine")

    refused(cli("init", data, "--yes"), "not written over", "mtcli.yaml", "-o")

    assert Path("mtcli.yaml").read_text() == "mine"


def test_a_list_of_splits_is_not_written_over(cli: Cli, data: Path) -> None:
    layouts.train_and_test_folders(data)
    Path("mtcli.splits.csv").write_text("mine")

    refused(cli("init", data, "--yes"), "not written over", "mtcli.splits.csv", "-o")

    assert Path("mtcli.splits.csv").read_text() == "mine"
    assert not Path("mtcli.yaml").exists()


def test_the_data_s_folder_is_not_written_to(cli: Cli, data: Path) -> None:
    layouts.class_folders(data)
    before = contents(data)

    refused(cli("init", data, "--yes", "-o", data / "mtcli.yaml"), "not written to", "-o")

    assert contents(data) == before


def test_an_empty_folder(cli: Cli, data: Path) -> None:
    answer = cli("init", data, "--yes")

    refused(answer, "no picture in the folder", "class folders, COCO")
    assert max(len(line) for line in answer.err.splitlines() if "wanted" in line) <= 80
    assert nothing_written()


def test_pictures_alone(cli: Cli, data: Path) -> None:
    layouts.pictures(data / "images", layouts.numbered(8))

    refused(cli("init", data, "--yes"), "nothing to learn from", "class folders", "8 pictures")
    assert nothing_written()


@pytest.mark.parametrize("format_", ["csv", "coco", "voc", "yolo"])
def test_labels_of_no_picture_are_named_with_the_nearest(
    cli: Cli, data: Path, format_: str
) -> None:
    layouts.pictures(data / "images", (f"smear_{number}.jpg" for number in range(8)))
    names = [f"smear-{number}.jpg" for number in range(8)]
    if format_ == "csv":
        layouts.text(data / "all.csv", "image,kind\n" + "".join(f"{n},a\n" for n in names))
    elif format_ == "coco":
        layouts.coco(data / "all.json", {name: layouts.boxes_of(1) for name in names})
    else:
        write = layouts.voc if format_ == "voc" else layouts.yolo
        ending = "xml" if format_ == "voc" else "txt"
        for name in names:
            write(data / "all" / f"{name[:-4]}.{ending}", layouts.boxes_of(1))

    answer = cli("init", data, "--yes")

    refused(
        answer, "nothing to learn from: all", "smear-0", "the nearest name is images/smear_0.jpg"
    )
    assert nothing_written()


def test_formats_that_contradict_each_other(cli: Cli, data: Path) -> None:
    layouts.everything(data)
    layouts.voc(data / "voc" / "a03.xml", [("cat", 2, 4, 10, 12)])

    answer = cli("init", data, "--yes")

    refused(answer, "contradict each other in 1 of 12 pictures", "images/a03.jpg", "2 boxes")
    assert "--ignore 'voc/*'" in answer.err
    assert nothing_written()
    again = cli("init", data, "--yes", "--ignore", "voc/*")
    assert again.code == 0, again.err
    assert "yolo says the same" in again.out
    assert "voc" not in again.out


def test_formats_that_contradict_each_other_in_classes(cli: Cli, data: Path) -> None:
    layouts.everything(data)
    for number in (1, 3, 5):
        boxes = [("cat", 2, 4, 10, 12), ("cat", 14, 10, 12, 16)]  # the second one is a dog
        layouts.voc(data / "voc" / f"a{number:02d}.xml", boxes)

    answer = cli("init", data, "--yes")

    refused(answer, "contradict each other in 3 of 12 pictures, 3 boxes", "images/a01.jpg")
    assert "in boxes.json dog at 14, 10, 26, 26; in voc cat at 14, 10, 26, 26" in answer.err
    assert "--ignore 'voc/*'" in answer.err
    assert cli("init", data, "--yes", "--ignore", "voc/*").code == 0


def test_formats_that_contradict_each_other_in_corners(cli: Cli, data: Path) -> None:
    layouts.everything(data)
    layouts.yolo(data / "yolo" / "a00.txt", [("cat", 2, 8, 10, 12)])  # 4 pixels lower

    answer = cli("init", data, "--yes")

    refused(answer, "boxes.json and yolo", "in 1 of 12 pictures, 1 box in all", "--ignore 'yolo/*'")


def test_a_line_that_cannot_be_read_contradicts_nothing(cli: Cli, data: Path) -> None:
    layouts.everything(data)
    path = data / "yolo" / "a01.txt"
    path.write_text(path.read_text().replace("0.", "O.", 1))

    answer = cli("init", data, "--yes")

    assert answer.code == 0, answer.err
    assert "yolo says the same" in answer.out


def test_boxes_counted_from_one_do_not_contradict(cli: Cli, data: Path) -> None:
    layouts.everything(data)
    for number in range(12):
        own = [(k, x + 1, y + 1, w - 1, h - 1) for k, x, y, w, h in layouts.boxes_of(number)]
        layouts.voc(data / "voc" / f"a{number:02d}.xml", own)

    answer = cli("init", data, "--yes")

    assert answer.code == 0, answer.err
    assert "voc says the same; yolo says the same" in answer.out


def test_what_is_passed_over_for_files_beside_pictures_works(cli: Cli, data: Path) -> None:
    layouts.roboflow_coco(data)
    for number, start in ((8, 0), (3, 20), (2, 40)):
        split = {8: "train", 3: "valid", 2: "test"}[number]
        for place, name in enumerate(layouts.numbered(number, start=start)):
            moved = [(k, x + 5, y, w, h) for k, x, y, w, h in layouts.boxes_of(place)]
            layouts.voc(data / split / f"{name[:-4]}.xml", moved)

    answer = cli("init", data, "--yes")

    refused(answer, "contradict")
    said = re.findall(r"--ignore '([^']+)'", answer.err)
    assert said == ["*.xml", "*/_annotations.coco.json"]
    assert cli("init", data, "--yes", "--ignore", said[0]).code == 0
    assert cli("init", data, "--yes", "--ignore", said[1], "-o", "other.yaml").code == 0


def test_a_pattern_that_matches_nothing_is_noted(cli: Cli, data: Path) -> None:
    layouts.class_folders(data)
    answer = cli("init", data, "--yes", "--ignore", "cut/*", "--ignore", "owl")

    assert answer.code == 0
    assert "--ignore 'cut/*' matches nothing" in answer.err
    assert "--ignore 'owl' matches nothing" in answer.err


# What is no class.


def test_names_of_splits_are_no_classes(cli: Cli, data: Path) -> None:
    for split, word, count in (("train", "train", 8), ("val", "valid", 4)):
        for number in range(count):
            layouts.picture(data / "images" / split / f"{word}_{number}.jpg")
            path = data / "labels" / split / f"{word}_{number}.txt"
            layouts.yolo(path, layouts.boxes_of(2 * number))  # a line each
    layouts.text(data / "data.yaml", "train: images/train\nval: images/val\nnames: [cat, dog]\n")

    answer = cli("init", data, "--yes", "--json")

    assert answer.code == 0, answer.err
    found: Any = answer.json
    assert list(found["tasks"]) == ["boxes"]
    assert answer.err == ""
    assert found["splits"]["pictures"] == {"train": 8, "val": 4}


@pytest.mark.parametrize("words", [("im", "iv"), ("train", "valid")])
def test_words_that_follow_from_the_split_are_no_classes(
    cli: Cli, data: Path, words: tuple[str, str]
) -> None:
    names = [f"{words[number > 7]}_{number}.jpg" for number in range(12)]
    layouts.pictures(data / "images", names)
    layouts.text(data / "train.txt", "\n".join(names[:8]))
    layouts.text(data / "val.txt", "\n".join(names[8:]))
    rows = [f"{name},{'ab'[number % 2]}" for number, name in enumerate(names)]
    layouts.text(data / "labels.csv", "\n".join(["image,kind", *rows]))

    answer = cli("init", data, "--yes", "--json")

    assert answer.code == 0, answer.err
    assert list(answer.json["tasks"]) == ["kind"]  # type: ignore[call-overload]


def half_named(data: Path) -> None:
    """Names of two words, and a table of the same pictures that says something else."""
    rows = ["image,kind"]
    for number in range(24):
        name = f"{('north', 'south')[number % 2]}_{number}.jpg"
        layouts.picture(data / "x" / name)
        rows.append(f"{name},{'ab'[number // 2 % 2]}")
    layouts.text(data / "labels.csv", "\n".join(rows))


def test_words_of_file_names_beside_labels_are_not_taken_unasked(cli: Cli, data: Path) -> None:
    half_named(data)

    answer = cli("init", data, "--yes", "--json")

    assert answer.code == 0, answer.err
    assert list(answer.json["tasks"]) == ["kind"]  # type: ignore[call-overload]
    assert "not taken" in answer.err
    assert "file names such as north_0.jpg" in answer.err


def test_a_task_that_cannot_be_trained_is_left_out(cli: Cli, data: Path) -> None:
    layouts.everything(data)
    path = data / "labels.csv"
    rows = path.read_text().splitlines()
    # One class only in the training pictures, the first eight.
    rows = [f"{row},{'tone' if number < 9 else 'two'}" for number, row in enumerate(rows)]
    path.write_text("\n".join(["image,kind,n,other", *rows[1:]]))

    answer = cli("init", data, "--yes", "--json")

    assert answer.code == 0, answer.err
    assert list(answer.json["tasks"]) == ["kind", "boxes", "regions", "n"]  # type: ignore[call-overload]
    assert "other is left out (labels.csv, other): a classification needs two classes" in answer.err
    assert "# Not used: other (labels.csv, other)" in Path("mtcli.yaml").read_text()


# What is noted.


def test_files_of_one_fault_are_noted_once(cli: Cli, data: Path) -> None:
    layouts.class_folders(data)
    for number in range(5):
        layouts.text(data / "lists" / f"train_{number}.txt", f"gone_{number}.jpg\n")

    answer = cli("init", data, "--yes")

    assert answer.code == 0, answer.err
    assert answer.err.count("note") == 1
    assert "5 files such as lists/train_0.txt are alike: lists gone_0.jpg, which is no picture" in (
        answer.err
    )


@pytest.mark.parametrize(("ending", "separator"), [("csv", ";"), ("csv", "\t"), ("tsv", "\t")])
def test_a_table_without_commas_is_told_with_its_columns(
    cli: Cli, data: Path, ending: str, separator: str
) -> None:
    layouts.class_folders(data)
    rows = [["image", "weight", "split"]]
    for number, name in enumerate(layouts.numbered(8)):
        rows.append([f"cat/{name}", f"{number}.5", "val" if number > 5 else "train"])
    layouts.text(data / f"all.{ending}", "\n".join(map(separator.join, rows)))

    answer = cli("init", data, "--yes")

    assert answer.code == 0, answer.err
    assert "its columns are image, weight, split (save it with commas)" in answer.err
    written = Path("mtcli.yaml").read_text()
    assert f"# Not used: all.{ending} is passed over" in written
    assert "no split is there" not in written + answer.out
    assert "what tells the splits cannot be read" in answer.out


def test_broken_rows_are_noted_and_not_the_end(cli: Cli, data: Path) -> None:
    rows = ["image,weight"]
    for number, name in enumerate(layouts.numbered(60)):
        layouts.picture(data / "x" / name)
        rows.append(f"{name},{'heavy' if number == 7 else number * 1.5}")
    rows[20] = "a19.jpg"
    layouts.text(data / "labels.csv", "\n".join(rows))

    answer = cli("init", data, "--yes", "--json")

    assert answer.code == 0, answer.err
    found: Any = answer.json
    assert found["tasks"]["weight"]["kind"] == "regression"
    assert found["faults"] == 2
    assert "2 faults in the labels, the first: " in answer.err
    checked = cli("data", "check", "mtcli.yaml", "--set", "model.weights=null")
    assert "line 9" in checked.out + checked.err
    assert "line 21" in checked.out + checked.err


@pytest.mark.parametrize("layout", ["voc", "yolo"])
def test_a_broken_file_among_others_is_noted(cli: Cli, data: Path, layout: str) -> None:
    build = {"voc": layouts.voc_beside, "yolo": layouts.yolo_without_names}[layout]
    build(data)
    broken = data / {"voc": "train/a02.xml", "yolo": "a02.txt"}[layout]
    broken.write_text({"voc": "<annotation><object>", "yolo": "cat 0.5 0.5 0.1 0.1\n"}[layout])

    answer = cli("init", data, "--yes")

    assert answer.code == 0, answer.err
    assert "a fault in the labels" in answer.err
    assert broken.name in answer.err


def test_numbers_alone_are_divided(cli: Cli, data: Path) -> None:
    rows = [f"{name},{number * 1.5}" for number, name in enumerate(layouts.numbered(40))]
    layouts.pictures(data / "x", layouts.numbered(40))
    layouts.text(data / "labels.csv", "\n".join(["image,weight", *rows]))

    answer = cli("init", data, "--yes", "--json")

    assert answer.code == 0, answer.err
    assert answer.json["splits"]["pictures"] == {"train": 30, "val": 10}  # type: ignore[index]


def test_odd_classes_and_damaged_pictures_are_noted(cli: Cli, data: Path) -> None:
    kinds = ["green"] * 10 + ["red"] * 10 + ["gren"] * 2 + ["rde"] * 2
    rows = ["image,kind"]
    for name, kind in zip(layouts.numbered(24), kinds, strict=True):
        layouts.picture(data / "x" / name)
        rows.append(f"{name},{kind}")
    (data / "x" / "a04.jpg").write_bytes(b"cut short")
    layouts.text(data / "labels.csv", "\n".join(rows))

    answer = cli("init", data, "--yes", "--json")

    assert answer.code == 0, answer.err
    found: Any = answer.json
    assert found["notes"] == [
        "kind: gren (2) is nearly green (10): is it misspelt?",
        "kind: rde has 2 only",
        "a picture cannot be read (x/a04.jpg): mtcli data check mtcli.yaml lists all",
    ]
    assert "gren (2) is nearly green (10)" in Path("mtcli.yaml").read_text()


def test_where_all_pictures_come_from_is_said(cli: Cli, data: Path) -> None:
    layouts.two_sets(data)

    answer = cli("init", data, "--yes")

    assert " splits  18 train, 8 val\n" in answer.out
    why = "{train,val}.txt list the pictures: train 8, val 4; cut has pictures of its own: "
    assert f"   {why}train 10, val 4\n" in answer.out


# How it looks.


@pytest.mark.parametrize("columns", [60, 80])
def test_reasons_stand_below_on_lines_of_their_own(
    cli: Cli, data: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    layouts.table(data)
    monkeypatch.setattr("mtcli.console.output.PIPE_WIDTH", columns)

    answer = cli("init", data, "--yes")

    lines = answer.out.splitlines()
    assert all(line == line.rstrip() for line in lines)
    assert all(len(line) <= columns for line in lines)
    place = next(n for n, line in enumerate(lines) if line.startswith(" kind "))
    assert lines[place].split() == ["kind", "classification", "16", "labelled"]
    assert lines[place + 1].startswith("   info/all.csv, column kind: 2 words")


def test_boxes_of_other_classes_do_not_contradict(cli: Cli, data: Path) -> None:
    names = layouts.numbered(12)
    layouts.pictures(data / "images", names)
    layouts.coco(data / "pets.json", {name: layouts.boxes_of(n) for n, name in enumerate(names)})
    for name in names:
        layouts.voc(data / "faces" / f"{name[:-4]}.xml", [("face", 1, 1, 9, 9)])

    answer = cli("init", data, "--yes", "--json")

    assert answer.code == 0, answer.err
    assert list(answer.json["tasks"]) == ["boxes", "boxes_2"]  # type: ignore[call-overload]


def test_a_fault_in_a_clear_format_is_noted(cli: Cli, data: Path) -> None:
    layouts.coco_by_split(data)
    path = data / "instances_train.json"
    path.write_text(path.read_text().replace('"category_id": 2', '"category_id": 7'))

    answer = cli("init", data, "--yes")

    assert answer.code == 0, answer.err
    # 4 boxes of a class that is none, and 2 in val of the class that train lacks now.
    assert "6 faults in the labels, the first: category 7 of annotation 3" in answer.err
    assert "mtcli data check mtcli.yaml lists all" in answer.err
    assert "next  mtcli data check mtcli.yaml   (lists the faults noted above)" in answer.out


def test_what_training_would_refuse_is_said_and_nothing_stays(cli: Cli, data: Path) -> None:
    layouts.coco_by_split(data)
    for split in ("train", "val"):
        path = data / f"instances_{split}.json"
        text = path.read_text()
        path.write_text(text.replace('"annotations": [{', '"annotations": [5, {'))

    answer = cli("init", data, "--yes")

    refused(answer, "instances_train.json")
    assert "mend   or " not in answer.err
    assert nothing_written()


def test_what_is_broken_is_noted_beside_what_is_not(cli: Cli, data: Path) -> None:
    layouts.class_folders(data)
    layouts.text(data / "cut.json", '{"images": [')

    answer = cli("init", data, "--yes")

    assert answer.code == 0
    assert "note   cut.json looks like a COCO file, but is no JSON" in answer.err


def test_too_few_pictures_to_be_split(cli: Cli, data: Path) -> None:
    layouts.text(data / "labels.csv", "image,score\na00.jpg,0.5\na01.jpg,0.7\n")
    layouts.pictures(data, layouts.numbered(2))

    refused(cli("init", data, "--yes"), "too few")
    assert nothing_written()


def test_light_answers_import_no_torch() -> None:
    script = """\
import sys
from mtcli.cli.main import main
for words in ("--help", "--no", "nosuch -y", "."):
    assert main(["init", *words.split()]) == (0 if words == "--help" else 2), words
    assert not {"torch", "numpy", "PIL"} & set(sys.modules), words
"""
    done = python("-c", script)

    assert done.returncode == 0, done.stderr


# In a terminal.


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have a terminal in which somebody gives these answers."""

    def give(text: str) -> None:
        monkeypatch.setattr("mtcli.cli.init._is_asked", lambda yes: not yes)
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    return give


def test_each_task_is_asked_for(cli: Cli, data: Path, answers: Callable[[str], None]) -> None:
    layouts.everything(data)
    answers("y\nN\n\nno\n")

    answer = cli("init", data)

    assert answer.code == 0, answer.err
    assert list(config()["tasks"]) == ["kind", "regions"]
    assert "boxes  detection\n   boxes.json: 18 boxes of cat, dog on 12 pictures" in answer.err


def test_an_open_kind_is_chosen(cli: Cli, data: Path, answers: Callable[[str], None]) -> None:
    rows = [f"{name},{number % 3}" for number, name in enumerate(layouts.numbered(18))]
    layouts.text(data / "labels.csv", "image,x\n" + "\n".join(rows))
    layouts.pictures(data, layouts.numbered(18))
    answers("what\nregression\n")

    answer = cli("init", data)

    assert answer.code == 0, answer.err
    assert config()["tasks"]["x"]["kind"] == "regression"


def test_words_of_file_names_beside_labels_are_asked_for(
    cli: Cli, data: Path, answers: Callable[[str], None]
) -> None:
    half_named(data)
    answers("\n\n")

    assert "[yes/no] (no)" in cli("init", data).err
    assert list(config()["tasks"]) == ["kind"]


def test_no_task_at_all(cli: Cli, data: Path, answers: Callable[[str], None]) -> None:
    layouts.class_folders(data)
    answers("no\n")

    assert "no task is wanted" in cli("init", data).err
    assert nothing_written()


def test_answers_that_end(cli: Cli, data: Path, answers: Callable[[str], None]) -> None:
    layouts.everything(data)
    answers("yes\n")

    answer = cli("init", data)

    assert answer.code == 2
    assert "the answers ended" in answer.err
    assert nothing_written()
