"""Boxes and points from YOLO's text files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from mtcli.core.data.readers.yolo import YoloOptions, YoloReader
from mtcli.core.errors import DataError
from mtcli.core.labels import LabelValue, Object, ObjectsLabel, Point, PointsLabel

NAMES = ["cat", "dog"]
BOX = "0.5 0.5 0.2 0.4"
CORNERS: Any = pytest.approx((0.4, 0.3, 0.6, 0.7))


def write(text: str | bytes, name: str = "labels/a.txt") -> Path:
    path = Path(name).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def open_yolo(path: str = "labels", **options: Any) -> YoloReader:
    return YoloReader(YoloOptions.model_validate({"yolo": path, **options}))


def objects(
    path: str = "labels", split: str = "train", **options: Any
) -> dict[str, tuple[Object, ...]]:
    """The objects of each labelled picture."""
    reader = open_yolo(path, **{"names": NAMES, **options})
    found = {}
    for name, label in reader.read(split, ObjectsLabel).items():
        assert isinstance(label.value, ObjectsLabel)
        assert label.value.relative
        found[name] = label.value.objects
    return found


def points(path: str = "labels", **options: Any) -> dict[str, PointsLabel]:
    """The points of each labelled picture."""
    found = {}
    for name, label in open_yolo(path, **options).read("train", PointsLabel).items():
        assert isinstance(label.value, PointsLabel)
        assert label.value.relative
        found[name] = label.value
    return found


# --- lines ------------------------------------------------------------------------------------


def test_centre_and_size_become_corners() -> None:
    write(f"0 {BOX}\n1 0.25 0.75 0.5 0.5\n")

    cat, dog = objects()["a"]

    assert (cat.name, cat.box, cat.crowd) == ("cat", CORNERS, False)
    assert dog.name == "dog"
    assert dog.box == pytest.approx((0.0, 0.5, 0.5, 1.0))


def test_shares_become_pixels_of_the_picture() -> None:
    write("0 0.5 0.25 0.2 0.5\n")
    value = open_yolo(names=NAMES).read("train", ObjectsLabel)["a"].load()
    assert isinstance(value, ObjectsLabel)

    (cat,) = value.in_pixels((100, 200)).objects

    assert cat.box == pytest.approx((80.0, 0.0, 120.0, 50.0))


@pytest.mark.parametrize(
    "text",
    [f"0 {BOX}\r\n\r\n", f"\n  0\t{BOX.replace(' ', '   ')}  \n", f"0.0 {BOX}", f"\ufeff0 {BOX}"],
)
def test_lines_are_parted_in_any_way(text: str) -> None:
    write(text)

    assert objects()["a"][0].box == CORNERS


@pytest.mark.parametrize("text", ["", "\n", "  \n\n"])
def test_an_empty_file_is_labelled_and_empty(text: str) -> None:
    write(text)

    assert objects() == {"a": ()}


def test_names_keep_their_letters_and_spaces() -> None:
    long = "x" * 200
    for name in ("sub/0001", "Grün und süß 日本", long, "a.b"):
        write(f"0 {BOX}", f"labels/{name}.txt")

    assert set(objects()) == {"sub/0001", "Grün und süß 日本", long, "a.b"}


def test_the_box_around_a_polygon_is_taken() -> None:
    write("1 0.2 0.5 0.4 0.1 0.3 0.9\n")

    assert objects()["a"] == (Object("dog", (0.2, 0.1, 0.4, 0.9)),)


def test_boxes_may_reach_over_the_border() -> None:
    write("0 0.05 0.5 0.2 0.4\n")

    assert objects()["a"][0].box == pytest.approx((-0.05, 0.3, 0.15, 0.7))


@pytest.mark.parametrize("share", ["-0.001", "1.001", "1.0005"])
def test_what_rounding_put_outside_stays(share: str) -> None:
    write(f"0 {share} 0.5 0.2 0.4\n")

    assert len(objects()["a"]) == 1


BROKEN: dict[str, tuple[str, str]] = {
    "four numbers": ("0 0.5 0.5 0.2", "4 numbers in a line"),
    "one number": ("0", "1 numbers in a line"),
    "with a confidence": (f"0 {BOX} 0.93", "6 numbers in a line"),
    "odd polygon": (f"0 {BOX} 0.2 0.3 0.4", "8 numbers in a line"),
    "a name": (f"cat {BOX}", "no number"),
    "a comma": ("0 0,5 0.5 0.2 0.4", "no number"),
    "class beyond": (f"2 {BOX}", "class number"),
    "class below": (f"-1 {BOX}", "class number"),
    "half a class": (f"0.5 {BOX}", "class number"),
    "no class": (f"nan {BOX}", "class number"),
    "endless class": (f"inf {BOX}", "class number"),
    "beyond the border": ("0 1.002 0.5 0.2 0.4", "outside the picture"),
    "before the border": ("0 0.5 -0.002 0.2 0.4", "outside the picture"),
    "negative width": ("0 0.5 0.5 -0.2 0.4", "outside the picture"),
    "pixels": ("0 320 240 100 50", "outside the picture"),
    "NaN": ("0 0.5 0.5 nan 0.4", "outside the picture"),
    "polygon outside": ("0 0.2 0.5 0.4 0.1 0.3 1.9", "outside the picture"),
}


@pytest.mark.parametrize(("line", "what"), BROKEN.values(), ids=BROKEN)
def test_a_broken_line_is_named(line: str, what: str) -> None:
    path = write(f"0 {BOX}\n\n{line}\n")

    with pytest.raises(DataError, match=what) as caught:
        objects()

    assert caught.value.where == f"{path}, line 3"
    assert caught.value.exit_code == 2


def test_a_class_beyond_tells_which_there_are() -> None:
    write(f"7 {BOX}\n")

    with pytest.raises(DataError) as caught:
        objects()

    assert caught.value.expected == "0 to 1"
    assert caught.value.found == "7"


def test_a_file_in_another_encoding_is_named() -> None:
    path = write(b"0 0.5 \xff")

    with pytest.raises(DataError, match="UTF-8") as caught:
        objects()

    assert caught.value.where == str(path)


# --- points -----------------------------------------------------------------------------------


def test_points_are_visible_hidden_or_missing() -> None:
    write(f"0 {BOX} 0.1 0.2 2 0.3 0.4 1 0.9 0.9 0\n")

    assert points(points=["a", "b", "c"]) == {
        "a": PointsLabel(
            ("a", "b", "c"), (Point(0.1, 0.2), Point(0.3, 0.4, visible=False), None), True
        )
    }


def test_points_of_two_numbers_are_visible_but_at_0_0() -> None:
    write(f"0 {BOX} 0.1 0.2 0 0.4 0 0\n")

    found = points(points=["a", "b", "c"])["a"].points

    assert found == (Point(0.1, 0.2), Point(0.0, 0.4), None)


def test_rounded_points_on_the_border_are_inside() -> None:
    write(f"0 {BOX} 1.0004 -0.0004 2\n")

    assert points(points=["a"])["a"].points == (Point(1.0, 0.0),)


def test_an_empty_file_has_all_points_missing() -> None:
    write("")

    assert points(points=["a", "b"])["a"].points == (None, None)


def test_boxes_of_lines_with_points() -> None:
    write(f"0 {BOX} 0.1 0.2 0.3 0.4\n1 {BOX}\n")

    found = objects(points=["a", "b"])["a"]

    assert [(item.name, item.box) for item in found] == [("cat", CORNERS), ("dog", CORNERS)]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (f"0 {BOX} 0.1 0.2 0.3", "8 numbers in a line"),
        (f"0 {BOX} 0.1 0.2", "7 numbers in a line"),
        (f"0 {BOX} 0.1 0.2 2 0.3 0.4 2 0.5 0.6 2", "14 numbers in a line"),
        ("0 0.5 0.5 0.2", "4 numbers in a line"),
        (f"0 {BOX}", "without points"),
        (f"0 {BOX} 0.1 0.2 3 0.3 0.4 2", "visibility"),
        (f"0 {BOX} 0.1 0.2 0.5 0.3 0.4 2", "visibility"),
        (f"0 {BOX} 0.1 1.2 2 0.3 0.4 2", "outside the picture"),
        (f"0 {BOX} 0.1 0.2 0.3 nan", "outside the picture"),
        (f"-1 {BOX} 0.1 0.2 0.3 0.4", "class number"),
    ],
)
def test_a_broken_line_of_points_is_named(line: str, what: str) -> None:
    path = write(f"{line}\n")

    with pytest.raises(DataError, match=what) as caught:
        points(points=["a", "b"])

    assert caught.value.where == f"{path}, line 1"


def test_two_objects_with_points_are_refused() -> None:
    path = write(f"0 {BOX} 0.1 0.2\n\n0 {BOX} 0.1 0.2\n")

    with pytest.raises(DataError, match="2 objects with points") as caught:
        points(points=["a"])

    assert caught.value.where == f"{path}, line 3"


# --- a folder ---------------------------------------------------------------------------------


def test_a_folder_s_keys_are_below_the_images_folder() -> None:
    assert open_yolo().folder is None


def test_names_are_needed() -> None:
    write("")

    with pytest.raises(DataError, match="nothing names the classes") as caught:
        objects(names=None)
    assert caught.value.where == str(Path("labels").resolve())
    assert "names" in str(caught.value.expected)

    with pytest.raises(DataError, match="nothing names the points") as caught:
        points(names=NAMES)
    assert "points" in str(caught.value.expected)


def test_a_list_of_classes_among_the_labels_is_no_label() -> None:
    write("cat\r\n big dog \n\n", "labels/classes.txt")
    write(f"1 {BOX}")

    assert objects(names=None)["a"][0].name == "big dog"
    assert objects()["a"][0].name == "dog"
    assert set(objects()) == {"a"}


@pytest.mark.parametrize("names", [[], ["cat", "cat"], "cat"])
def test_names_that_are_none_are_refused(names: object) -> None:
    with pytest.raises(ValidationError):
        objects(names=names)
    with pytest.raises(ValidationError):
        points(points=names)


def test_split_stands_for_itself_in_the_path() -> None:
    write(f"0 {BOX}", "labels/train/a.txt")

    assert set(objects("labels/{split}")) == {"a"}
    assert set(objects("labels")) == {"train/a"}
    with pytest.raises(DataError, match="no such label folder") as caught:
        objects("labels/{split}", "val")
    assert caught.value.where == str(Path("labels/val").resolve())


def test_a_folder_without_files_is_named() -> None:
    Path("labels").mkdir()

    with pytest.raises(DataError, match="no label file") as caught:
        objects()

    assert caught.value.where == str(Path("labels").resolve())


# --- a data.yaml ------------------------------------------------------------------------------


def described(document: Mapping[str, Any], name: str = "set/data.yaml") -> Path:
    return write(yaml.safe_dump(dict(document), allow_unicode=True), name)


def picture(name: str, line: str | None = f"0 {BOX}") -> None:
    """A picture of `set`, and its label where it has one."""
    write("", f"set/{name}.jpg")
    if line is not None:
        write(line, f"set/{name.replace('images', 'labels')}.txt")


def of_yaml(**options: Any) -> dict[str, tuple[Object, ...]]:
    return objects("set/data.yaml", **{"names": None, **options})


USUAL = {"train": "images/train", "val": "images/val", "names": {0: "cat", 1: "dog"}}


def test_labels_are_found_as_yolo_finds_them() -> None:
    picture("images/train/a")
    picture("images/train/sub/b ä", "1 0.5 0.5 0.1 0.1")
    picture("images/train/unlabelled", None)
    picture("images/val/c", "")
    write("0 0 0", "set/labels/train/no picture.txt")
    described(USUAL)

    found = of_yaml()

    assert {name: [item.name for item in own] for name, own in found.items()} == {
        "images/train/a": ["cat"],
        "images/train/sub/b ä": ["dog"],
        "images/val/c": [],
    }


def test_keys_are_below_the_data_yaml() -> None:
    assert open_yolo("set/data.yaml").folder == Path("set").resolve()
    assert open_yolo("set/{split}/data.yml").folder == Path("set").resolve()


def test_pictures_may_be_elsewhere() -> None:
    picture("images/train/a")
    described({**USUAL, "path": "../set"}, "config/data.yaml")

    assert set(objects("config/data.yaml")) == {"../set/images/train/a"}


@pytest.mark.parametrize("root", [None, ".", "../set", "nosuch/set", "absolute"])
def test_path_is_the_data_yaml_s_folder_or_below_it(root: str | None) -> None:
    picture("images/train/a")
    path = str(Path("set").resolve()) if root == "absolute" else root
    described(USUAL if root is None else {**USUAL, "path": path})

    assert set(of_yaml()) == {"images/train/a"}


def test_one_step_up_too_many_is_passed_over() -> None:
    # As Roboflow writes it.
    picture("train/images/a")
    picture("valid/images/b")
    described({"train": "../train/images", "val": "../valid/images", "nc": 1, "names": ["cat"]})

    assert set(of_yaml()) == {"train/images/a", "valid/images/b"}


def test_the_last_images_folder_counts() -> None:
    write("", "set/images/x/images/a.jpg")
    write(f"0 {BOX}", "set/images/x/labels/a.txt")
    described({**USUAL, "train": "images/x"})

    assert set(of_yaml()) == {"images/x/images/a"}


def test_labels_may_lie_beside_the_pictures() -> None:
    picture("train/a")
    described({**USUAL, "train": "train"})

    assert set(of_yaml()) == {"train/a"}


def test_several_folders_and_lists_of_pictures() -> None:
    picture("images/x/a")
    picture("images/y/b")
    picture("images/z/c")
    write("./images/y/b.jpg\n\nimages\\z\\c.jpg\r\n", "set/list.txt")
    described({**USUAL, "train": ["images/x", "list.txt"]})

    assert set(of_yaml()) == {"images/x/a", "images/y/b", "images/z/c"}


def test_a_list_may_name_whole_paths() -> None:
    picture("images/x/a")
    write(str(Path("set/images/x/a.jpg").resolve()), "elsewhere/list.txt")
    described({**USUAL, "train": "../elsewhere/list.txt"})

    assert set(of_yaml()) == {"images/x/a"}


def test_a_split_that_the_data_yaml_does_not_know_takes_what_there_is() -> None:
    picture("images/train/a")
    described(USUAL)

    assert set(of_yaml(split="fold1")) == {"images/train/a"}


def test_names_of_the_config_come_first() -> None:
    picture("images/train/a")
    described(USUAL)

    assert of_yaml(names=["lion"])["images/train/a"][0].name == "lion"


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["cat"], "cat"), ({0: "cat"}, "cat"), ({0: 7}, "7"), ({3: "x", 0: "ä b"}, "ä b")],
)
def test_names_are_a_list_or_a_mapping(names: object, expected: str) -> None:
    picture("images/train/a")
    described({**USUAL, "names": names})

    assert of_yaml()["images/train/a"][0].name == expected


BROKEN_YAML: dict[str, tuple[Mapping[str, Any], str, str]] = {
    "no split's pictures": ({"train": "images/nosuch"}, "no pictures at images/nosuch", ", train"),
    "one of several": ({"train": ["images/train", "x"]}, "no pictures at x", ", train"),
    "no labels": ({"train": "images/bare"}, "none of the 1 pictures of train", ", train"),
    "no pictures": ({"train": "labels"}, "none of the 0 pictures of train", ", train"),
    "no splits": ({"train": None, "val": None}, "names no pictures", ""),
    "no names": ({"names": None}, "nothing names the classes", ""),
    "names of one word": ({"names": "cat"}, "names are no names", ", names"),
    "names of truth": ({"names": [True, False]}, "names are no names", ", names"),
    "names by name": ({"names": {"cat": 0}}, "names are no names", ", names"),
    "names below 0": ({"names": {-1: "cat"}}, "names are no names", ", names"),
    "empty names": ({"names": []}, "names are no names", ", names"),
    "nc": ({"nc": 3}, "nc and names differ", ", nc"),
    "kpt_shape": ({"kpt_shape": [17]}, "kpt_shape", ", kpt_shape"),
    "kpt_shape of 4": ({"kpt_shape": [2, 4]}, "kpt_shape", ", kpt_shape"),
    "kpt_shape of none": ({"kpt_shape": [0, 3]}, "kpt_shape", ", kpt_shape"),
    "kpt_shape and names": (
        {"kpt_shape": [1, 3], "kpt_names": ["a", "b"]},
        "kpt_shape and kpt_names",
        ", kpt_shape",
    ),
    "kpt_names": ({"kpt_names": "nose"}, "kpt_names are no names", ", kpt_names"),
    "kpt_names twice": ({"kpt_names": ["a", "a"]}, "stands twice", ", kpt_names"),
    "kpt_names by class": ({"kpt_names": {0: ["a"], 1: ["b"]}}, "different points", ", kpt_names"),
}


@pytest.mark.parametrize(("parts", "what", "key"), BROKEN_YAML.values(), ids=BROKEN_YAML)
def test_a_broken_data_yaml_is_named(parts: Mapping[str, Any], what: str, key: str) -> None:
    picture("images/train/a")
    picture("images/bare/a", None)
    path = described({**USUAL, **parts})

    with pytest.raises(DataError, match=what) as caught:
        of_yaml()

    assert caught.value.where == f"{path}{key}"


@pytest.mark.parametrize(
    ("content", "what", "line"),
    [
        (b"train: [\nnames: x", "not valid YAML", ", line 2"),
        (b"a: 2024-13-45", "not valid YAML", ""),
        (b"- train\n- val\n", "not a data.yaml", ""),
        (b"", "not a data.yaml", ""),
        (b"names: [\xff]", "UTF-8", ""),
        (b"names: !!python/object:os.system x", "not valid YAML", ", line 1"),
    ],
)
def test_what_is_no_yaml_is_named(content: bytes, what: str, line: str) -> None:
    path = write(content, "set/data.yaml")

    with pytest.raises(DataError, match=what) as caught:
        of_yaml()

    assert caught.value.where == f"{path}{line}"


def test_a_missing_data_yaml_is_named() -> None:
    with pytest.raises(DataError, match="no such label file") as caught:
        of_yaml()

    assert caught.value.where == str(Path("set/data.yaml").resolve())


POSE = {**USUAL, "kpt_shape": [2, 3]}
POSE_LINE = f"0 {BOX} 0.1 0.2 2 0.3 0.4 1"


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ({}, ("point 1", "point 2")),
        ({"kpt_names": ["nose", "tail"]}, ("nose", "tail")),
        ({"kpt_names": {0: "nose", 1: "tail"}}, ("nose", "tail")),
        ({"kpt_names": {0: ["nose", "tail"]}}, ("nose", "tail")),
        ({"kpt_names": {0: ["nose", "tail"], 1: ["nose", "tail"]}}, ("nose", "tail")),
        ({"kpt_names": ["nose", "tail"], "kpt_shape": None}, ("nose", "tail")),
    ],
)
def test_points_are_named_by_the_data_yaml(
    parts: Mapping[str, Any], names: tuple[str, ...]
) -> None:
    picture("images/train/a", POSE_LINE)
    described({**POSE, **parts})

    assert points("set/data.yaml") == {
        "images/train/a": PointsLabel(
            names, (Point(0.1, 0.2), Point(0.3, 0.4, visible=False)), relative=True
        )
    }


def test_points_of_the_config_come_first() -> None:
    picture("images/train/a", POSE_LINE)
    path = described(POSE)

    assert points("set/data.yaml", points=["x", "y"])["images/train/a"].names == ("x", "y")
    with pytest.raises(DataError, match="another number of points") as caught:
        points("set/data.yaml", points=["x"])
    assert caught.value.where == str(path)
    assert "2 points" in str(caught.value.found)


def test_kpt_shape_says_how_many_numbers_a_point_has() -> None:
    picture("images/train/a", f"0 {BOX} 0.1 0.2 0.3 0.4")
    described(POSE)

    with pytest.raises(DataError, match="9 numbers in a line") as caught:
        points("set/data.yaml")

    assert caught.value.where == f"{Path('set/labels/train/a.txt').resolve()}, line 1"
    assert caught.value.expected == "class, x, y, width, height, and 3 numbers for each of 2 points"


def test_flip_idx_says_which_points_change_places() -> None:
    picture("images/train/a", POSE_LINE)
    described({**POSE, "kpt_names": ["ear a", "ear b"], "flip_idx": [1, 0]})

    assert points("set/data.yaml")["images/train/a"].swaps == (("ear a", "ear b"),)


@pytest.mark.parametrize("order", [[0], [0, 2], "10", [1, 1], [0, None]])
def test_a_flip_idx_that_is_none_is_named(order: object) -> None:
    picture("images/train/a", POSE_LINE)
    path = described({**POSE, "flip_idx": order})

    with pytest.raises(DataError, match="flip_idx is no exchange of points") as caught:
        points("set/data.yaml")

    assert caught.value.where == f"{path}, flip_idx"


def test_boxes_of_a_pose_data_set_are_its_boxes() -> None:
    picture("images/train/a", POSE_LINE)
    described(POSE)

    assert of_yaml()["images/train/a"][0].box == CORNERS


# --- writing ----------------------------------------------------------------------------------


def test_example_is_read_back() -> None:
    values: dict[str, LabelValue] = {
        "sub/a.png": ObjectsLabel((Object("ä b", (0.25, 0.5, 0.75, 1.0)),), relative=True),
        "b": ObjectsLabel((), relative=True),
    }

    given = YoloReader.example(Path.cwd(), values)

    labels = YoloReader(YoloOptions.model_validate(given)).read("train", ObjectsLabel)
    assert {key: label.value for key, label in labels.items()} == {
        "sub/a": values["sub/a.png"],
        "b": values["b"],
    }


@pytest.mark.parametrize(
    "value",
    [
        ObjectsLabel((Object("a", (1.0, 2.0, 3.0, 4.0)),)),
        ObjectsLabel((Object("a", (0.0, 0.0, 1.0, 1.0), crowd=True),), relative=True),
        PointsLabel(("a",), (Point(1.0, 2.0),)),
    ],
)
def test_pixels_and_crowds_cannot_be_written(value: LabelValue) -> None:
    with pytest.raises(ValueError, match=r"a\.png"):
        YoloReader.example(Path.cwd(), {"a.png": value})
