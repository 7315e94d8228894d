"""Boxes from Pascal VOC's XML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mtcli.core.data.readers.voc import VocOptions, VocReader
from mtcli.core.errors import DataError
from mtcli.core.labels import LabelValue, Object, ObjectsLabel

FOLDER = Path("voc")


def item(name: str = "cat", *corners: object, more: str = "") -> str:
    numbers = zip(("xmin", "ymin", "xmax", "ymax"), corners or (1, 2, 4, 6), strict=True)
    box = "".join(f"<{corner}>{number}</{corner}>" for corner, number in numbers)
    return f"<object><name>{name}</name>{more}<bndbox>{box}</bndbox></object>"


def write(*items: str, name: str = "a.xml") -> Path:
    text = "\n".join(
        ["<annotation>", "<filename>elsewhere.jpg</filename>", *items, "</annotation>"]
    )
    return write_bytes(text.encode(), name)


def write_bytes(content: bytes, name: str = "a.xml") -> Path:
    path = (FOLDER / name).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def objects(**options: Any) -> dict[str, tuple[Object, ...]]:
    """The objects of each picture of the folder."""
    reader = VocReader(VocOptions.model_validate({"voc": "voc", **options}))
    found = {}
    for name, label in reader.read("train", ObjectsLabel).items():
        assert isinstance(label.value, ObjectsLabel)
        assert not label.value.relative
        found[name] = label.value.objects
    return found


def test_corners_are_kept_as_they_stand() -> None:
    write(item("cat", 1, 2, 4, 6), item("dog", "0.5", " 0.25 ", 10.5, "2e1"))

    assert objects() == {
        "a": (Object("cat", (1.0, 2.0, 4.0, 6.0)), Object("dog", (0.5, 0.25, 10.5, 20.0)))
    }


def test_first_and_last_pixel_become_edges() -> None:
    # The first two columns of all of four rows.
    write(item("cat", 1, 1, 2, 4))

    assert objects(count_from=1)["a"][0].box == (0.0, 0.0, 2.0, 4.0)


@pytest.mark.parametrize("value", [2, -1, True, "yes"])
def test_pixels_are_counted_from_0_or_1(value: object) -> None:
    with pytest.raises(ValidationError):
        objects(count_from=value)


def test_corners_may_stand_in_any_order() -> None:
    box = "<ymax>6</ymax><xmin>1</xmin><ymin>2</ymin><xmax>4</xmax>"
    write(f"<object><bndbox>{box}</bndbox><name> cat </name></object>")

    assert objects()["a"] == (Object("cat", (1.0, 2.0, 4.0, 6.0)),)


def test_the_file_s_own_name_says_which_picture_it_is_of() -> None:
    long = "x" * 200
    write(item(), name="sub/0001.XML")
    write(item(), name="Grün und süß 日本.xml")
    write(item(), name=f"{long}.xml")

    assert set(objects()) == {"sub/0001", "Grün und süß 日本", long}


def test_a_file_without_objects_is_labelled_and_empty() -> None:
    write()

    assert objects() == {"a": ()}


def test_parts_of_an_object_are_no_objects() -> None:
    part = "<part><name>head</name><bndbox><xmin>0</xmin></bndbox></part>"
    write(item("person", 1, 2, 4, 6, more=part))

    assert objects()["a"] == (Object("person", (1.0, 2.0, 4.0, 6.0)),)


@pytest.mark.parametrize(
    ("flag", "difficult"),
    [("0", False), ("1", True), (" 1 ", True), ("True", True), ("false", False), ("", False)],
)
def test_difficult_objects_are_ignored_or_kept(flag: str, difficult: bool) -> None:
    write(item(more=f"<difficult>{flag}</difficult>"))

    assert objects()["a"][0].crowd is difficult
    assert objects(difficult="ignore")["a"][0].crowd is difficult
    assert objects(difficult="keep")["a"][0].crowd is False


def test_objects_that_say_nothing_are_not_difficult() -> None:
    write(item())

    assert objects()["a"][0].crowd is False


def test_entities_of_xml_itself_are_read() -> None:
    write(item("cats &amp; dogs"))

    assert objects()["a"][0].name == "cats & dogs"


def test_the_file_says_its_encoding() -> None:
    text = f"<annotation>{item('Käfer')}</annotation>"
    write_bytes(f'<?xml version="1.0" encoding="iso-8859-1"?>{text}'.encode("latin-1"))
    write_bytes(f'<?xml version="1.0" encoding="utf-16"?>{text}'.encode("utf-16"), "b.xml")
    write_bytes(b"\xef\xbb\xbf" + text.encode(), "c.xml")

    assert [found[0].name for found in objects().values()] == ["Käfer"] * 3


def test_label_knows_its_file() -> None:
    path = write(item())

    label = VocReader(VocOptions(voc=FOLDER.resolve())).read("train", ObjectsLabel)["a"]

    assert label.where == str(path)


def test_split_stands_for_itself_in_the_path() -> None:
    write(item(), name="train/a.xml")

    assert set(objects(voc="voc/{split}")) == {"a"}
    with pytest.raises(DataError, match="no such label folder") as caught:
        objects(voc="voc/val")
    assert caught.value.where == str(FOLDER.resolve() / "val")


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        (item("cat", 1, 2, 3, "x"), "no number ymax"),
        (item("cat", "nan", 2, 3, 4), "no number xmin"),
        (item("cat", 1, "inf", 3, 4), "no number ymin"),
        (item("cat", 1, 2, "1e300", 4), "no number xmax"),
        (item("cat", 1, 2, "", 4), "no number xmax"),
        (item("", 1, 2, 3, 4), "without a name"),
        ("<object><name>cat</name></object>", "no number xmin"),
        ("<object/>", "without a name"),
        (item(more="<difficult>perhaps</difficult>"), "difficult is 0 or 1"),
    ],
)
def test_a_broken_object_is_named(broken: str, what: str) -> None:
    path = write(item(), broken)

    with pytest.raises(DataError, match=what) as caught:
        objects()

    assert caught.value.where == f"{path}, object 2"


@pytest.mark.parametrize(
    ("content", "what", "line"),
    [
        (b"", "no XML", ", line 1"),
        (b"<annotation>\n<object>\n", "cut short", ", line 3"),
        (b"<annotation>\n<object>\n</annotation>", "no XML", ", line 3"),
        (b"{}", "no XML", ", line 1"),
        (b"\x89PNG\r\n\x1a\n", "no XML", ", line 1"),
        (b"<annotation>\n\xe9</annotation>", "no XML", ", line 2"),
        (b"<annotation>&nosuch;</annotation>", "no XML", ", line 1"),
        (b'<?xml version="1.0" encoding="gbk"?><annotation/>', "encoding", ""),
        (b'<?xml version="1.0" encoding="nosuch"?><annotation/>', "encoding", ""),
        (b"<html/>", "not a file of Pascal VOC", ""),
        (b"<!DOCTYPE annotation><annotation/>", "DOCTYPE", ""),
    ],
)
def test_a_broken_file_is_named(content: bytes, what: str, line: str) -> None:
    path = write_bytes(content)

    with pytest.raises(DataError, match=what) as caught:
        objects()

    assert caught.value.where == f"{path}{line}"


def test_entities_of_the_file_s_own_are_not_expanded() -> None:
    path = write_bytes(
        b'<!DOCTYPE a [<!ENTITY x "cat"><!ENTITY y SYSTEM "file:///etc/passwd">]>'
        b"<annotation><object><name>&x;&y;</name></object></annotation>"
    )

    with pytest.raises(DataError, match="DOCTYPE") as caught:
        objects()

    assert caught.value.where == str(path)


def test_a_folder_without_files_is_named() -> None:
    FOLDER.mkdir()
    (FOLDER / "a.txt").touch()

    with pytest.raises(DataError, match="no label file") as caught:
        objects()

    assert caught.value.where == str(FOLDER.resolve())
    assert ".xml" in str(caught.value.expected)


def test_example_is_read_back() -> None:
    boxes = (Object("a & b", (0.1, 2.0, 3.3333333, 4.0)), Object("ä", (0.0, 0.0, 1.0, 1.0), True))
    values: dict[str, LabelValue] = {"sub/a.png": ObjectsLabel(boxes), "b": ObjectsLabel(())}

    given = VocReader.example(Path.cwd(), values)

    labels = VocReader(VocOptions.model_validate(given)).read("train", ObjectsLabel)
    assert {key: label.value for key, label in labels.items()} == {
        "sub/a": values["sub/a.png"],
        "b": values["b"],
    }


def test_shares_of_a_picture_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="pixels"):
        VocReader.example(Path.cwd(), {"a.png": ObjectsLabel((), relative=True)})
