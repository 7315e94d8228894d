"""Labels of all of a task's sources, joined to its pictures by path."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mtcli.core.config import LabelSource, TaskConfig
from mtcli.core.data.join import read_labels
from mtcli.core.data.readers import READERS, stem
from mtcli.core.errors import DataError
from mtcli.core.labels import LabelValue, Object, ObjectsLabel, WordsLabel
from mtcli.core.tasks import KINDS

IMAGES = Path("images")


def source(**said: Any) -> LabelSource:
    """What a config says of one source, its format being the first word."""
    looked_for = said.pop("labelled_classes", None)
    reader = next(iter(said))
    options = READERS.get(reader).Options.model_validate(said)
    return LabelSource(reader=reader, options=options, labelled_classes=looked_for)


def join(
    kind: str, names: Sequence[str], *sources: LabelSource, images: Path = IMAGES
) -> dict[str, LabelValue]:
    """The values of the labelled pictures among those of these names."""
    task = TaskConfig(kind=kind, labels=sources, options=KINDS.get(kind).Options())
    pictures = {name: images.resolve() / name for name in names}
    labels = read_labels(task, pictures, images.resolve(), "train")
    return {name: label.load() for name, label in labels.items()}


def refused(kind: str, names: Sequence[str], *sources: LabelSource) -> DataError:
    with pytest.raises(DataError) as caught:
        join(kind, names, *sources)
    return caught.value


def touch(*names: str) -> None:
    for name in names:
        path = IMAGES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def table(name: str, **rows: str) -> LabelSource:
    """A CSV file with a word for each picture, whose names are `.png` but for the word."""
    return csv(name, {f"{picture}.png": word for picture, word in rows.items()})


def csv(name: str, rows: Mapping[str, str], **more: Any) -> LabelSource:
    lines = [f"{picture},{word}\n" for picture, word in rows.items()]
    Path(name).write_text("".join(["image,label\n", *lines]), encoding="utf-8")
    return source(csv=name, column="label", separator="|", nothing="-", **more)


def coco(name: str, boxes: Mapping[str, str], **more: Any) -> LabelSource:
    """A COCO file with one box of a class for each picture, or none where it is empty."""
    classes = sorted(set(boxes.values()) - {""})
    pictures = [{"id": n, "file_name": picture} for n, picture in enumerate(boxes)]
    annotations = [
        {"id": n, "image_id": n, "category_id": classes.index(own), "bbox": [1, 2, 3, 4]}
        for n, own in enumerate(boxes.values())
        if own
    ]
    categories = [{"id": n, "name": own} for n, own in enumerate(classes)]
    document = {"images": pictures, "annotations": annotations, "categories": categories}
    Path(name).write_text(json.dumps(document), encoding="utf-8")
    return source(coco=name, **more)


def voc(*names: str) -> LabelSource:
    for name in names:
        path = Path("voc", f"{name}.xml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("<annotation/>")
    return source(voc="voc")


EMPTY = ObjectsLabel(())


def test_labels_are_joined_by_path() -> None:
    labels = csv("a.csv", {"a.png": "cat", "sub/a.png": "dog", "c.png": "cow"})

    found = join("classification", ["sub/a.png", "a.png", "b.png"], labels)

    assert found == {"a.png": WordsLabel(("cat",)), "sub/a.png": WordsLabel(("dog",))}


def test_names_keep_their_letters_and_spaces() -> None:
    names = ["Grün und süß/日本.png", f"{'x' * 200}.png", "0001"]

    assert set(join("classification", names, csv("a.csv", dict.fromkeys(names, "x")))) == set(names)
    assert set(join("detection", names, voc(*map(stem, names)))) == set(names)


def test_formats_without_endings_are_joined_without_them() -> None:
    names = ["a.png", "sub/b.tar.jpg", "c.jpg"]

    assert join("detection", names, voc("a", "sub/b.tar", "d")) == {
        "a.png": EMPTY,
        "sub/b.tar.jpg": EMPTY,
    }


def test_a_format_s_own_folder_names_its_pictures() -> None:
    touch("train/cat/a.png", "train/dog/b.png")
    # The same pictures, seen from the folder above.
    names = ["images/train/cat/a.png", "images/train/dog/b.png", "images/c.png"]

    found = join("classification", names, source(folders="images/{split}"), images=Path())

    assert found == {names[0]: WordsLabel(("cat",)), names[1]: WordsLabel(("dog",))}


def test_a_data_yaml_names_its_pictures() -> None:
    touch("train/a.png")
    labels = Path("labels/train/a.txt")
    labels.parent.mkdir(parents=True)
    labels.touch()
    Path("data.yaml").write_text("{train: images/train, names: [cat]}")

    found = join("detection", ["train/a.png"], source(yolo="data.yaml"))

    assert found == {"train/a.png": ObjectsLabel((), relative=True)}


# --- several sources --------------------------------------------------------------------------


def test_sources_of_different_pictures_are_all_read() -> None:
    found = join("classification", ["a.png", "b.png"], table("1.csv", a="x"), table("2.csv", b="y"))

    assert found == {"a.png": WordsLabel(("x",)), "b.png": WordsLabel(("y",))}


def test_sources_of_different_formats_are_all_read() -> None:
    found = join("detection", ["a.png", "b.png"], coco("a.json", {"a.png": "cat"}), voc("b"))

    assert found == {
        "a.png": ObjectsLabel((Object("cat", (1.0, 2.0, 4.0, 6.0)),)),
        "b.png": EMPTY,
    }


def test_words_of_classes_that_were_looked_for_apart_are_merged() -> None:
    found = join(
        "multilabel",
        ["a.png", "b.png", "c.png"],
        csv("1.csv", {"a.png": "x|y", "b.png": "-"}, labelled_classes=["x", "y"]),
        csv("2.csv", {"a.png": "z", "c.png": "-"}, labelled_classes=["z"]),
    )

    assert found == {
        "a.png": WordsLabel(("x", "y", "z"), ("x", "y", "z")),
        "b.png": WordsLabel((), ("x", "y")),
        "c.png": WordsLabel((), ("z",)),
    }


def test_boxes_of_classes_that_were_looked_for_apart_are_merged() -> None:
    found = join(
        "detection",
        ["a.png", "b.png"],
        coco("1.json", {"a.png": "cat", "b.png": ""}, labelled_classes=["cat"]),
        coco("2.json", {"a.png": "dog"}, labelled_classes=["dog", "cow"]),
    )

    box = (1.0, 2.0, 4.0, 6.0)
    assert found == {
        "a.png": ObjectsLabel(
            (Object("cat", box), Object("dog", box)), looked_for=("cat", "dog", "cow")
        ),
        "b.png": ObjectsLabel((), looked_for=("cat",)),
    }


def test_three_sources_are_merged() -> None:
    sources = [csv(f"{name}.csv", {"a.png": name}, labelled_classes=[name]) for name in "xyz"]

    assert join("multilabel", ["a.png"], *sources) == {
        "a.png": WordsLabel(("x", "y", "z"), ("x", "y", "z"))
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [(None, None), (["x"], None), (None, ["x"]), (["x", "y"], ["y", "z"])],
)
def test_two_sources_that_looked_for_the_same_are_refused(
    one: list[str] | None, other: list[str] | None
) -> None:
    error = refused(
        "multilabel",
        ["a.png", "b.png"],
        csv("1.csv", {"b.png": "x"}, labelled_classes=one),
        csv("2.csv", {"a.png": "y", "b.png": "-"}, labelled_classes=other),
    )

    assert error.what == "b.png is labelled by two sources"
    assert error.where == f"{Path('2.csv').resolve()}, line 3"
    assert error.found == f"another label at {Path('1.csv').resolve()}, line 2"
    assert "labelled_classes" in str(error.mend)


def test_two_sources_that_say_the_same_are_refused_too() -> None:
    error = refused("classification", ["a.png"], table("1.csv", a="x"), table("2.csv", a="x"))

    assert error.what == "a.png is labelled by two sources"


def test_a_merged_label_knows_both_places() -> None:
    task = TaskConfig(
        kind="multilabel",
        labels=(
            csv("1.csv", {"a.png": "x"}, labelled_classes=["x"]),
            csv("2.csv", {"a.png": "y"}, labelled_classes=["y"]),
        ),
        options=KINDS.get("multilabel").Options(),
    )

    label = read_labels(task, {"a.png": Path("a.png")}, IMAGES, "train")["a.png"]

    assert (
        label.where == f"{Path('1.csv').resolve()}, line 2, and {Path('2.csv').resolve()}, line 2"
    )


# --- names that are nearly the same -----------------------------------------------------------


def test_names_that_differ_in_case_only_are_refused() -> None:
    touch("Sub/a.PNG")

    error = refused("classification", ["Sub/a.PNG"], csv("a.csv", {"sub/a.png": "x"}))

    assert error.what == (
        "a label for sub/a.png, but the picture is Sub/a.PNG: the names differ in case only"
    )
    assert error.where == f"{Path('a.csv').resolve()}, line 2"


def test_names_without_endings_that_differ_in_case_only_are_refused() -> None:
    touch("A.png")

    error = refused("detection", ["A.png"], voc("a"))

    assert "a label for a, but the picture is A.png" in error.what
    assert error.where == str(Path("voc/a.xml").resolve())


def test_labels_of_two_pictures_that_differ_in_case_only_are_each_s_own() -> None:
    touch("a.png", "A.png")
    labels = csv("a.csv", {"a.png": "x", "A.png": "y"})

    assert join("classification", ["a.png", "A.png"], labels) == {
        "a.png": WordsLabel(("x",)),
        "A.png": WordsLabel(("y",)),
    }


def test_a_label_of_a_picture_of_another_split_is_no_mistake() -> None:
    touch("a.png", "A.png")

    assert join("classification", ["a.png"], csv("a.csv", {"A.png": "y"})) == {}
    assert join("detection", ["a.png"], voc("A")) == {}


def test_brackets_in_a_name_are_no_pattern() -> None:
    touch("a[1].png", "A[1].png")

    assert join("detection", ["a[1].png"], voc("A[1]")) == {}


def test_twins_without_a_label_are_nobody_s_concern() -> None:
    assert join("detection", ["a.png", "a.jpg", "b.png"], voc("b")) == {"b.png": EMPTY}


def test_boxes_in_pixels_and_in_shares_are_not_merged() -> None:
    Path("yolo").mkdir()
    Path("yolo/a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    shares = source(yolo="yolo", names=["x"], labelled_classes=["x"])
    pixels = coco("a.json", {"a.png": "y"}, labelled_classes=["y"])

    assert "in shares of its sides" in refused("detection", ["a.png"], pixels, shares).what


def test_two_pictures_that_differ_in_their_ending_only_are_refused() -> None:
    error = refused("detection", ["b.png", "a.png", "a.jpg"], voc("a"))

    assert "differ in their ending only" in error.what
    assert error.found == "a.png and a.jpg"


def test_formats_with_endings_tell_them_apart() -> None:
    found = join("detection", ["a.png", "a.jpg"], coco("a.json", {"a.jpg": ""}))

    assert found == {"a.jpg": EMPTY}


# --- labels of some classes -----------------------------------------------------------------


def test_finds_of_a_source_that_did_not_look_for_them_are_not_merged() -> None:
    found = join(
        "multilabel",
        ["a.png"],
        csv("1.csv", {"a.png": "x|y"}, labelled_classes=["x"]),
        csv("2.csv", {"a.png": "-"}, labelled_classes=["y"]),
    )

    assert found == {"a.png": WordsLabel(("x",), looked_for=("x", "y"))}


def test_columns_of_yes_and_no_keep_their_names() -> None:
    Path("a.csv").write_text("image,cat,dog\na.png,1,\n")

    found = join("multilabel", ["a.png"], source(csv="a.csv", column=["cat", "dog"]))

    assert found == {"a.png": WordsLabel(("1", ""), columns=("cat", "dog"))}


def test_hidden_files_are_no_labels() -> None:
    voc("a")
    Path("voc/._a.xml").write_bytes(b"\x00\x05\x16\x07")

    assert join("detection", ["a.png"], source(voc="voc")) == {"a.png": EMPTY}
