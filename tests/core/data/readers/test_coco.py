"""Boxes from COCO files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mtcli.core.data.readers.coco import CocoOptions, CocoReader
from mtcli.core.errors import DataError
from mtcli.core.labels import LabelValue, Object, ObjectsLabel


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
    labels = reader(write(content)).read("train")
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


def test_category_that_no_box_uses_needs_no_name() -> None:
    assert objects(document(box(7), categories=[{"id": 1, "name": "cat"}, {"id": 2}]))


def test_byte_order_mark_is_passed_over() -> None:
    path = write(document(box(7)))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert len(reader(path).read("train")) == 2


def test_label_knows_its_file_and_image() -> None:
    path = write(document())

    assert reader(path).read("train")["a.png"].where == f"{path}, image 7"


def test_split_stands_for_itself_in_the_path() -> None:
    write(document(images=[image(1, "a.png")]), "boxes_train.json")
    write(document(images=[image(1, "b.png")]), "boxes_val.json")
    both = reader(Path("boxes_{split}.json"))

    assert list(both.read("train")) == ["a.png"]
    assert list(both.read("val")) == ["b.png"]
    with pytest.raises(DataError, match="no such label file") as caught:
        both.read("test")
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
        reader(path).read("train")

    assert caught.value.where is not None
    assert caught.value.where.startswith(f"{path}, line ")


def test_file_in_another_encoding_is_named() -> None:
    Path("boxes.json").write_bytes('{"é": 1}'.encode("latin-1"))

    with pytest.raises(DataError, match="UTF-8"):
        reader(Path("boxes.json")).read("train")


def test_example_is_read_back() -> None:
    values: dict[str, LabelValue] = {
        "a.png": ObjectsLabel((Object("cat", (1.0, 2.0, 4.0, 6.0), crowd=True),)),
        "sub/b.png": ObjectsLabel(()),
        "c.png": ObjectsLabel((Object("dog", (0.0, 0.0, 1.5, 2.5)),)),
    }

    given = CocoReader.example(Path.cwd(), values)

    labels = CocoReader(CocoOptions.model_validate(given)).read("train")
    assert {key: label.value for key, label in labels.items()} == values
