"""The labels of the sample data in other formats: CSV, JSON lines, Pascal VOC and YOLO."""

import json
import xml.etree.ElementTree as ET

from labelled import Example
from scenes import HEIGHT, KINDS, WIDTH

NO_TAGS = "none"
"""Stands in the CSV where somebody looked, and no tag applies: an empty cell is no label."""


def csv_row(example: Example, split: str) -> dict[str, str | int]:
    """Fill the picture's row of labels.csv; an empty cell is a label that is missing."""
    row: dict[str, str | int] = {"image": f"{example.name}.jpg", "split": split}
    for name, word in example.words().items():
        if isinstance(word, list):
            word = "|".join(word) or NO_TAGS
        row[name] = "" if word is None else word
    return row


def json_line(example: Example) -> str:
    """Write the same row as JSON; null is a label that is missing, an empty list is none."""
    return json.dumps({"image": f"{example.name}.jpg", **example.words()}) + "\n"


def voc_xml(example: Example) -> str:
    """Write the boxes as Pascal VOC does: the first and last pixel of each, counted from 1."""
    root = ET.Element("annotation")
    ET.SubElement(root, "filename").text = f"{example.name}.jpg"
    size = ET.SubElement(root, "size")
    for name, length in (("width", WIDTH), ("height", HEIGHT), ("depth", 3)):
        ET.SubElement(size, name).text = str(length)
    for kind, (left, top, width, height) in example.boxes():
        item = ET.SubElement(root, "object")
        ET.SubElement(item, "name").text = kind
        ET.SubElement(item, "difficult").text = "0"
        box = ET.SubElement(item, "bndbox")
        corners = {"xmin": left + 1, "ymin": top + 1, "xmax": left + width, "ymax": top + height}
        for name, place in corners.items():
            ET.SubElement(box, name).text = str(place)
    ET.indent(root, "\t")
    return ET.tostring(root, encoding="unicode") + "\n"


def yolo_lines(example: Example) -> str:
    """Write a line for each box: class, and centre and size as shares of the picture's sides."""
    lines = []
    for kind, (left, top, width, height) in example.boxes():
        x, y = (left + width / 2) / WIDTH, (top + height / 2) / HEIGHT
        lines.append(
            f"{KINDS.index(kind)} {x:.6f} {y:.6f} {width / WIDTH:.6f} {height / HEIGHT:.6f}\n"
        )
    return "".join(lines)
