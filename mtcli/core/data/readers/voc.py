"""`voc`: boxes from Pascal VOC's XML, a file for each picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from mtcli.core.data.readers import READERS, Reader, split_folder, stem
from mtcli.core.data.siblings import files_by_stem
from mtcli.core.errors import DataError
from mtcli.core.labels import Label, LabelValue, Object, ObjectsLabel
from mtcli.core.options import InputPath, Options

CORNERS = ("xmin", "ymin", "xmax", "ymax")
FLAGS = {"0": False, "false": False, "1": True, "true": True}


class VocOptions(Options):
    """Where XML files lie: one for each picture, of the same name but for its ending."""

    voc: InputPath
    """The folder; `{split}` in its path stands for the split."""
    difficult: Literal["ignore", "keep"] = "ignore"
    """What becomes of objects marked as difficult: neither taught nor counted, as in the VOC
    challenges, or like any other."""
    count_from: Literal[0, 1] = 0
    """What the file calls the first pixel. 0: corners are the box's edges, as in COCO; 1: they are
    its first and last pixel, as in the VOC challenges."""


@READERS.add("voc")
class VocReader(Reader):
    """Boxes from Pascal VOC's XML, a file for each picture.

    Everingham et al., "The PASCAL Visual Object Classes Challenge" (IJCV 88, 2010). A file without
    an object is labelled and empty; a picture without a file is unlabelled. The file's own name
    says which picture it is of: the one inside is often that of another computer.

    Corners are taken as they stand, unless `count_from` is 1: most programs that write VOC's files
    today write edges into them, so that they equal COCO's.
    """

    Options = VocOptions
    gives = (ObjectsLabel,)
    by_stem = True

    def __init__(self, options: VocOptions) -> None:
        self._options = options

    def read(self, split: str, sort: type[LabelValue]) -> dict[str, Label]:
        folder = split_folder(self._options.voc, split)
        labels: dict[str, Label] = {}
        for name, path in files_by_stem(folder, (".xml",), problems=self.problems).items():
            with self.item():
                root = _parse(path)
                labels[name] = Label(self._objects(root, path), str(path), _stated_size(root))
        return labels

    def _objects(self, root: ET.Element, path: Path) -> ObjectsLabel:
        objects = []
        # Not those of deeper levels: a person's parts have boxes of their own.
        for number, entry in enumerate(root.findall("object"), start=1):
            with self.item():
                objects.append(self._object(entry, f"{path}, object {number}"))
        return ObjectsLabel(tuple(objects))

    def _object(self, entry: ET.Element, where: str) -> Object:
        name = _text(entry, "name")
        if not name:
            raise DataError("an object without a name", where=where)
        x1, y1, x2, y2 = (_number(entry, corner, where) for corner in CORNERS)
        before = self._options.count_from
        flag = _text(entry, "difficult") or "0"
        if flag.lower() not in FLAGS:
            raise DataError("difficult is 0 or 1", where=where, found=flag)
        crowd = FLAGS[flag.lower()] and self._options.difficult == "ignore"
        return Object(name, (x1 - before, y1 - before, x2, y2), crowd)

    @classmethod
    def example(cls, folder: Path, values: Mapping[str, LabelValue]) -> dict[str, Any]:
        for picture, value in values.items():
            assert isinstance(value, ObjectsLabel)
            if value.relative:
                raise ValueError(f"{picture}: VOC's boxes are in pixels")
            root = ET.Element("annotation")
            ET.SubElement(root, "filename").text = picture
            for item in value.objects:
                entry = ET.SubElement(root, "object")
                ET.SubElement(entry, "name").text = item.name
                ET.SubElement(entry, "difficult").text = str(int(item.crowd))
                box = ET.SubElement(entry, "bndbox")
                for corner, place in zip(CORNERS, item.box, strict=True):
                    ET.SubElement(box, corner).text = repr(place)
            path = folder / "voc" / f"{stem(picture)}.xml"
            path.parent.mkdir(parents=True, exist_ok=True)
            ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
        return {"voc": str(folder / "voc")}


class _Builder(ET.TreeBuilder):
    """Refuses what makes XML dangerous: entities, which only a DOCTYPE can define."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise _DoctypeError


class _DoctypeError(Exception):
    """The file has a DOCTYPE."""


def _parse(path: Path) -> ET.Element:
    try:
        root = ET.fromstring(path.read_bytes(), ET.XMLParser(target=_Builder()))
    except _DoctypeError:
        raise DataError("the file has a DOCTYPE, which is not read", where=path) from None
    except ET.ParseError as error:
        raise DataError(
            "the file is no XML, or was cut short",
            where=f"{path}, line {error.position[0]}",
            found=str(error).split(":")[0],
        ) from None
    # An encoding that Python does not know, or that takes several bytes for a character.
    except (LookupError, ValueError) as error:
        raise DataError(
            "the file's encoding cannot be read",
            where=path,
            found=str(error),
            mend="save it in UTF-8",
        ) from None
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}", where=path) from None
    if root.tag != "annotation":
        raise DataError(
            "not a file of Pascal VOC",
            where=path,
            expected="<annotation> around all",
            found=f"<{root.tag}>"[:80],
        )
    return root


def _stated_size(root: ET.Element) -> tuple[int, int] | None:
    """None where the file does not say, or says 0, as programs do that never looked."""
    height, width = _text(root, "size/height"), _text(root, "size/width")
    stated = height.isdecimal() and width.isdecimal() and int(height) > 0 < int(width)
    return (int(height), int(width)) if stated else None


def _text(entry: ET.Element, path: str) -> str:
    return (entry.findtext(path) or "").strip()


def _number(entry: ET.Element, corner: str, where: str) -> float:
    text = _text(entry, f"bndbox/{corner}")
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < 1e9:  # nor NaN
        raise DataError(
            f"the box has no number {corner}",
            where=where,
            expected=f"bndbox with {', '.join(CORNERS)}",
            found=text or "nothing",
        )
    return number
