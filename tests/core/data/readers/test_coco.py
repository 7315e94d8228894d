"""Boxes from COCO files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_coco_eval.core import mask as rle

from mtcli.core.data.readers.coco import CocoOptions, CocoReader
from mtcli.core.errors import DataError
from mtcli.core.labels import (
    ClassMapLabel,
    LabelValue,
    Object,
    ObjectsLabel,
    Point,
    PointsLabel,
)


def image(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "file_name": name}


def box(picture: int, category: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": 5, "image_id": picture, "category_id": category, "bbox": [1, 2, 3, 4], **more}


def document(*annotations: dict[str, Any], **parts: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "images": [image(7, "a.png"), image(3, "b.png")],
        "annotations": list(annotations),
        "categories": [{"id": 1, "name": "cat"}, {"id": 90, "name": "dog"}],
    }
    return {**whole, **parts}


def write(content: object, name: str = "boxes.json") -> Path:
    path = Path(name).resolve()
    path.write_text(json.dumps(content))
    return path


def reader(path: Path) -> CocoReader:
    return CocoReader(CocoOptions.model_validate({"coco": str(path)}))


def objects(content: object) -> dict[str, tuple[Object, ...]]:
    """The objects of each labelled picture."""
    labels = reader(write(content)).read("train", ObjectsLabel)
    return {
        key: label.value.objects
        for key, label in labels.items()
        if isinstance(label.value, ObjectsLabel)
    }


def test_boxes_become_corners_with_their_class() -> None:
    found = objects(document(box(7), box(3, 90, bbox=[0.5, 0.25, 10, 20.5])))

    assert found["a.png"] == (Object("cat", (1.0, 2.0, 4.0, 6.0)),)
    assert found["b.png"] == (Object("dog", (0.5, 0.25, 10.5, 20.75)),)


def test_boxes_of_a_picture_keep_their_order() -> None:
    found = objects(document(box(7, 90), box(3), box(7, 1)))

    assert [item.name for item in found["a.png"]] == ["dog", "cat"]


@pytest.mark.parametrize(
    ("more", "crowd"), [({}, False), ({"iscrowd": 0}, False), ({"iscrowd": 1}, True)]
)
def test_crowd_flag_is_kept(more: dict[str, Any], crowd: bool) -> None:
    assert objects(document(box(7, **more)))["a.png"][0].crowd is crowd


def test_picture_listed_without_boxes_is_labelled_and_empty() -> None:
    assert objects(document(box(7)))["b.png"] == ()


def test_picture_that_is_not_listed_is_absent() -> None:
    found = objects(document(images=[image(7, "a.png")]))

    assert list(found) == ["a.png"]


def test_boxes_outside_the_picture_are_read_as_they_stand() -> None:
    found = objects(document(box(7, bbox=[-5, -5, 2, 0])))

    assert found["a.png"][0].box == (-5.0, -5.0, -3.0, -5.0)


def test_backslashes_in_names_become_slashes() -> None:
    assert list(objects(document(images=[image(1, "sub\\a.png")]))) == ["sub/a.png"]


def test_ids_may_be_text() -> None:
    found = objects(
        document(
            box(7, image_id="x", category_id="c"),
            images=[{"id": "x", "file_name": "a.png"}],
            categories=[{"id": "c", "name": "cat"}],
        )
    )

    assert found["a.png"][0].name == "cat"


def test_a_category_without_a_name_is_refused() -> None:
    with pytest.raises(DataError, match='category 2 has no "name"') as caught:
        objects(document(box(7), categories=[{"id": 1, "name": "cat"}, {"id": 2}]))

    assert caught.value.where == str(Path.cwd() / "boxes.json")


def test_byte_order_mark_is_passed_over() -> None:
    path = write(document(box(7)))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert len(reader(path).read("train", ObjectsLabel)) == 2


def test_label_knows_its_file_and_image() -> None:
    path = write(document())

    assert reader(path).read("train", ObjectsLabel)["a.png"].where == f"{path}, image 7"


def test_split_stands_for_itself_in_the_path() -> None:
    write(document(images=[image(1, "a.png")]), "boxes_train.json")
    write(document(images=[image(1, "b.png")]), "boxes_val.json")
    both = reader(Path("boxes_{split}.json"))

    assert list(both.read("train", ObjectsLabel)) == ["a.png"]
    assert list(both.read("val", ObjectsLabel)) == ["b.png"]
    with pytest.raises(DataError, match="no such label file") as caught:
        both.read("test", ObjectsLabel)
    assert caught.value.where is not None
    assert caught.value.where.endswith("boxes_test.json")
    assert caught.value.mend is not None
    assert "boxes_{split}.json" in caught.value.mend


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "image": (document(box(8)), 'image 8 of annotation 5 is not in "images"'),
    "category": (document(box(7, 2)), 'category 2 of annotation 5 is not in "categories"'),
    "three numbers": (document(box(7, bbox=[1, 2, 3])), '"bbox" of annotation 5'),
    "NaN": (document(box(7, bbox=[1, 2, 3, float("nan")])), '"bbox" of annotation 5'),
    "infinite": (document(box(7, bbox=[1, 2, 3, float("inf")])), '"bbox" of annotation 5'),
    "too large": (document(box(7, bbox=[1, 2, 3, 10**400])), '"bbox" of annotation 5'),
    "text": (document(box(7, bbox=["1", "2", "3", "4"])), '"bbox" of annotation 5'),
    "null": (document(box(7, bbox=None)), '"bbox" of annotation 5'),
    "truth": (document(box(7, bbox=[1, 2, 3, True])), '"bbox" of annotation 5'),
    "file twice": (document(images=[image(1, "a.png"), image(2, "a.png")]), "listed twice"),
    "image id twice": (document(images=[image(1, "a.png"), image(1, "b.png")]), "image 1"),
    "category id twice": (
        document(categories=[{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}]),
        "category 1",
    ),
    "no images": ({"annotations": [], "categories": []}, 'no list "images"'),
    "no mapping": (document(annotations=[5]), 'no list "annotations"'),
}


@pytest.mark.parametrize(("content", "what"), BROKEN.values(), ids=BROKEN)
def test_broken_file_is_named(content: dict[str, Any], what: str) -> None:
    with pytest.raises(DataError, match=what) as caught:
        objects(content)

    assert caught.value.where is not None
    assert caught.value.where.startswith(str(Path.cwd() / "boxes.json"))


def test_broken_category_lists_the_others() -> None:
    with pytest.raises(DataError) as caught:
        objects(document(box(7, 2)))

    assert caught.value.found == "category ids 1 (cat), 90 (dog)"


def test_file_cut_short_is_named_with_its_line() -> None:
    path = write(document())
    path.write_text(json.dumps(document(), indent=1)[:60])

    with pytest.raises(DataError, match="cut short") as caught:
        reader(path).read("train", ObjectsLabel)

    assert caught.value.where is not None
    assert caught.value.where.startswith(f"{path}, line ")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"images": ' + "9" * 5000 + "}"])
def test_json_of_no_use_is_named(text: str) -> None:
    path = Path("boxes.json").resolve()
    path.write_text(text)

    with pytest.raises(DataError, match="no JSON of any use") as caught:
        reader(path).read("train", ObjectsLabel)

    assert caught.value.where == str(path)


def test_file_in_another_encoding_is_named() -> None:
    Path("boxes.json").write_bytes('{"é": 1}'.encode("latin-1"))

    with pytest.raises(DataError, match="UTF-8"):
        reader(Path("boxes.json")).read("train", ObjectsLabel)


def test_example_is_read_back() -> None:
    values: dict[str, LabelValue] = {
        "a.png": ObjectsLabel((Object("cat", (1.0, 2.0, 4.0, 6.0), crowd=True),)),
        "sub/b.png": ObjectsLabel(()),
        "c.png": ObjectsLabel((Object("dog", (0.0, 0.0, 1.5, 2.5)),)),
    }

    given = CocoReader.example(Path.cwd(), values)

    labels = CocoReader(CocoOptions.model_validate(given)).read("train", ObjectsLabel)
    assert {key: label.value for key, label in labels.items()} == values


def test_names_keep_their_letters_and_spaces() -> None:
    names = ["Grün und süß/日本.png", f"{'x' * 200}.png"]
    pictures = [image(number, name) for number, name in enumerate(names)]

    assert list(objects(document(images=pictures))) == names


SIZE = {"height": 3, "width": 4}


def region(picture: int, shape: object, category: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": 5,
        "image_id": picture,
        "category_id": category,
        "segmentation": shape,
        **more,
    }


def drawn(*annotations: dict[str, Any], **picture: Any) -> ClassMapLabel:
    """The class map of a picture of 3 rows and 4 columns."""
    content = document(*annotations, images=[{**image(7, "a.png"), **SIZE, **picture}])
    label = reader(write(content)).read("train", ClassMapLabel)["a.png"]
    value = label.load()
    assert isinstance(value, ClassMapLabel)
    return value


def square(x: float, y: float, side: float) -> list[float]:
    return [x, y, x + side, y, x + side, y + side, x, y + side]


def test_polygons_are_drawn_with_the_number_of_their_class() -> None:
    value = drawn(region(7, [square(1, 0, 2)]), region(7, [square(0, 2, 1)], 90))

    assert value.names == ("background", "cat", "dog")
    assert value.numbers.tolist() == [[0, 1, 1, 0], [0, 1, 1, 0], [2, 0, 0, 0]]


def test_a_region_of_several_polygons_is_all_of_them() -> None:
    value = drawn(region(7, [square(0, 0, 1), square(3, 2, 1)]))

    assert value.numbers.tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_the_later_region_lies_on_top() -> None:
    value = drawn(region(7, [square(0, 0, 3)]), region(7, [square(0, 0, 2)], 90))

    assert value.numbers.tolist() == [[2, 2, 1, 0], [2, 2, 1, 0], [1, 1, 1, 0]]


def test_run_lengths_go_down_the_columns() -> None:
    value = drawn(region(7, {"size": [3, 4], "counts": [1, 4, 7]}))

    assert value.numbers.tolist() == [[0, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0]]


def test_packed_run_lengths_are_the_same() -> None:
    mask = np.asfortranarray([[0, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0]], dtype=np.uint8)
    counts = rle.encode(mask)["counts"].decode("ascii")

    value = drawn(region(7, {"size": [3, 4], "counts": counts}))

    assert value.numbers.tolist() == mask.tolist()


def test_a_crowd_is_not_taught() -> None:
    value = drawn(region(7, {"size": [3, 4], "counts": [0, 2, 10]}, iscrowd=1))

    assert value.numbers.tolist() == [[255, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("shape", [None, []])
def test_a_box_alone_draws_nothing(shape: object) -> None:
    value = drawn(region(7, shape, bbox=[0, 0, 2, 2]))

    assert value.numbers.sum() == 0


def test_a_picture_without_regions_is_background() -> None:
    assert drawn().numbers.tolist() == [[0] * 4] * 3


BROKEN_SHAPES: dict[str, tuple[object, str]] = {
    "odd": ([[0, 0, 2, 0, 2]], "no polygon"),
    "odd and long": ([[0, 0, 2, 0, 2, 2, 1]], "no polygon"),
    "two points": ([[0, 0, 2, 2]], "no polygon"),
    "text": ([["0", "0", "2", "0", "2", "2"]], "no polygon"),
    "NaN": ([[0, 0, 2, 0, 2, float("nan")]], "no polygon"),
    "far": ([[0, 0, 2, 0, 2, 1e12]], "no polygon"),
    "flat": ([0, 0, 2, 0, 2, 2], "no polygon"),
    "a word": ("yes", "no polygon"),
    "short": ({"size": [3, 4], "counts": [1, 4]}, "wrong length"),
    "long": ({"size": [3, 4], "counts": [1, 4, 70]}, "wrong length"),
    "another size": ({"size": [4, 3], "counts": [12]}, "another size"),
    "no size": ({"counts": [12]}, "another size"),
    "no counts": ({"size": [3, 4]}, "neither polygons nor run lengths"),
    "text in counts": ({"size": [3, 4], "counts": ["a"]}, "neither polygons nor run lengths"),
}


@pytest.mark.parametrize(("shape", "what"), BROKEN_SHAPES.values(), ids=BROKEN_SHAPES)
def test_a_broken_shape_names_its_annotation(shape: object, what: str) -> None:
    with pytest.raises(DataError, match=what) as caught:
        drawn(region(7, shape))

    assert caught.value.where == f"{Path.cwd() / 'boxes.json'}, annotation 5"


@pytest.mark.parametrize("side", ["height", "width"])
@pytest.mark.parametrize("value", [None, 0, -1, "3", 3.5])
def test_masks_need_the_picture_s_size(side: str, value: object) -> None:
    with pytest.raises(DataError, match="image 7 has no height and width") as caught:
        drawn(**{side: value})

    assert caught.value.where == str(Path.cwd() / "boxes.json")


def test_a_category_called_background_is_what_lies_there() -> None:
    square = [[1, 1, 3, 1, 3, 3, 1, 3]]
    content = document(
        {**box(7, 1), "id": 1, "segmentation": square},
        images=[{**image(7, "a.png"), "height": 4, "width": 4}],
        categories=[{"id": 1, "name": "background"}, {"id": 2, "name": "cat"}],
    )
    value = reader(write(content)).read("train", ClassMapLabel)["a.png"].load()

    assert isinstance(value, ClassMapLabel)
    assert value.names == ("background", "cat")
    assert not value.numbers.any()


def test_categories_of_one_name_are_one_class() -> None:
    left, right = [[0, 0, 2, 0, 2, 4, 0, 4]], [[2, 0, 4, 0, 4, 4, 2, 4]]
    content = document(
        {**box(7, 1), "id": 1, "segmentation": left},
        {**box(7, 2), "id": 2, "segmentation": right},
        images=[{**image(7, "a.png"), "height": 4, "width": 4}],
        categories=[{"id": 1, "name": "cat"}, {"id": 2, "name": "cat"}],
    )
    value = reader(write(content)).read("train", ClassMapLabel)["a.png"].load()

    assert isinstance(value, ClassMapLabel)
    assert value.names == ("background", "cat")
    assert (value.numbers == 1).all()


def test_more_categories_than_a_map_can_hold_are_refused() -> None:
    content = document(
        images=[{**image(7, "a.png"), "height": 4, "width": 4}],
        categories=[{"id": n, "name": str(n)} for n in range(300)],
    )
    with pytest.raises(DataError, match="300 categories"):
        reader(write(content)).read("train", ClassMapLabel)


WITH_POINTS = [{"id": 1, "name": "cat", "keypoints": ["nose", "tail"]}, {"id": 90, "name": "dog"}]


def points(*annotations: dict[str, Any], **parts: Any) -> PointsLabel:
    content = document(*annotations, **{"categories": WITH_POINTS, **parts})
    value = reader(write(content)).read("train", PointsLabel)["a.png"].load()
    assert isinstance(value, PointsLabel)
    return value


def test_points_are_visible_hidden_or_missing() -> None:
    assert points(box(7, keypoints=[1, 2.5, 2, 3, 4, 1])) == PointsLabel(
        ("nose", "tail"), (Point(1.0, 2.5), Point(3.0, 4.0, visible=False))
    )
    assert points(box(7, keypoints=[1, 2, 2, 0, 0, 0])).points == (Point(1.0, 2.0), None)


def test_a_picture_without_points_has_them_all_missing() -> None:
    assert points() == PointsLabel(("nose", "tail"), (None, None))


@pytest.mark.parametrize("nothing", [{}, {"keypoints": []}, {"keypoints": [0] * 6}])
def test_objects_without_points_are_passed_over(nothing: dict[str, Any]) -> None:
    found = points(box(7, **nothing), box(7, keypoints=[1, 2, 2, 0, 0, 0]))

    assert found.points == (Point(1.0, 2.0), None)


@pytest.mark.parametrize(
    "numbers",
    [
        [1, 2, 2],
        [1, 2, 2, 3, 4, 1, 0, 0, 0],
        [1, 2, 2, 3, 4, None],
        "text",
        [1, 2, 2, 3, 4, "1"],
    ],
)
def test_broken_points_name_their_annotation(numbers: object) -> None:
    with pytest.raises(DataError, match='"keypoints" of annotation 5') as caught:
        points(box(7, keypoints=numbers))

    assert caught.value.where == str(Path.cwd() / "boxes.json")
    assert caught.value.expected == "x, y and visibility of 2 points"


def test_two_sets_of_points_are_refused() -> None:
    one, other = box(7, keypoints=[1, 2, 2, 0, 0, 0]), box(7, keypoints=[1, 2, 2, 3, 4, 2])
    with pytest.raises(DataError, match="image 7 has 2 sets of keypoints") as caught:
        points(one, {**other, "id": 6})

    assert caught.value.where == f"{Path.cwd() / 'boxes.json'}, annotation 6"


@pytest.mark.parametrize(
    "categories", [[{"id": 1, "name": "cat"}], [*WITH_POINTS, {**WITH_POINTS[0], "id": 2}]]
)
def test_points_need_one_category_that_names_them(categories: object) -> None:
    with pytest.raises(DataError, match="one category") as caught:
        points(categories=categories)

    assert caught.value.where == str(Path.cwd() / "boxes.json")


@pytest.mark.parametrize(
    ("name", "value"),
    [("file_name", None), ("file_name", ["a.png"]), ("id", None), ("id", [1])],
)
def test_a_name_or_id_that_is_none_is_refused(name: str, value: object) -> None:
    with pytest.raises(DataError, match=f'"{name}" is no id or name') as caught:
        objects(document(images=[{**image(7, "a.png"), name: value}]))

    assert caught.value.where == str(Path.cwd() / "boxes.json")
