"""`yolo`: boxes, or the points of one object, from YOLO's text files, one for each picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from mtcli.core.data.datayaml import DataYaml, read_data_yaml
from mtcli.core.data.readers import (
    READERS,
    Reader,
    above_split,
    split_file,
    split_folder,
    stem,
)
from mtcli.core.data.siblings import files_by_stem
from mtcli.core.data.textfile import read_text
from mtcli.core.data.yololines import Line, Meaning, read_lines
from mtcli.core.errors import DataError
from mtcli.core.labels import Label, LabelValue, Object, ObjectsLabel, PointsLabel
from mtcli.core.options import ClassNames, InputPath, Options

CLASS_LIST = "classes"
"""labelImg lists the names of the classes in `classes.txt`, among the labels."""


class YoloOptions(Options):
    """Where YOLO's text files lie: one for each picture, of the same name but for its ending."""

    yolo: InputPath
    """The folder of the text files, or a `data.yaml`; `{split}` in its path stands for the
    split."""
    names: Annotated[ClassNames, Field(min_length=1)] | None = None
    """The classes in the order of their numbers; null: as `data.yaml`, or a `classes.txt` in the
    folder, has them."""
    points: Annotated[ClassNames, Field(min_length=1)] | None = None
    """The names of an object's points, where lines hold points; null: as `data.yaml` has them."""


@READERS.add("yolo")
class YoloReader(Reader):
    """Boxes, or the points of one object, from YOLO's text files, one for each picture.

    A line is an object: its class number, then x and y of its centre, width and height, all in
    shares of the picture's sides; then x, y and perhaps visibility of each point (0 missing, 1
    hidden, 2 visible; without it a point at 0, 0 is missing). Where nothing says that there are
    points, a line may be a class number and a polygon, whose box is taken. An empty file is
    labelled and empty, a picture without a file is unlabelled.

    A folder of text files has the same folders in it as the images folder. A `data.yaml` says
    where its pictures are (`path`, `train`, `val`, `test`): their labels are found as YOLO finds
    them, and those of all its splits are read, since `splits` says which picture is in which.
    """

    Options = YoloOptions
    gives = (ObjectsLabel, PointsLabel)
    by_stem = True

    def __init__(self, options: YoloOptions) -> None:
        self._options = options

    @property
    def folder(self) -> Path | None:
        return above_split(self._options.yolo.parent) if self._is_described else None

    @property
    def _is_described(self) -> bool:
        return self._options.yolo.suffix.lower() in (".yaml", ".yml")

    def read(self, split: str, sort: type[LabelValue]) -> dict[str, Label]:
        described = None
        if self._is_described:
            where = split_file(self._options.yolo, split)
            described = read_data_yaml(where)
            assert self.folder is not None
            files = described.label_files(split, self.folder)
        else:
            where = split_folder(self._options.yolo, split)
            files = {
                name: path
                for name, path in files_by_stem(where, (".txt",), problems=self.problems).items()
                if path.stem != CLASS_LIST
            }
        meaning = self._meaning(where, described)
        make = _points if sort is PointsLabel else _objects
        if sort is PointsLabel and meaning.points is None:
            raise DataError(
                "nothing names the points",
                where=where,
                expected="their names, in the option points, or kpt_shape in a data.yaml",
            )
        if sort is ObjectsLabel and meaning.names is None:
            raise DataError(
                "nothing names the classes",
                where=where,
                expected="their names, in the option names, in a data.yaml or a classes.txt",
            )
        labels = {}
        for name, path in files.items():
            with self.item():
                lines = list(read_lines(path, meaning, self.problems))
                labels[name] = Label(make(lines, meaning), str(path))
        return labels

    def _meaning(self, where: Path, described: DataYaml | None) -> Meaning:
        options = self._options
        names: Mapping[int, str] | None = None
        if options.names is not None:
            names = dict(enumerate(options.names))
        elif described is not None:
            names = described.names()
        elif (listed := where / f"{CLASS_LIST}.txt").is_file():
            words = map(str.strip, read_text(listed).split("\n"))
            names = dict(enumerate(filter(None, words)))
        said = None if described is None else described.points()
        if said is None:
            return Meaning(names, options.points)
        points, sizes = said
        if options.points is not None and len(options.points) != len(points):
            raise DataError(
                f"another number of points than the option points has, {len(options.points)}",
                where=where,
                found=f"kpt_shape of {len(points)} points",
            )
        called = options.points or points
        return Meaning(names, called, sizes, None if described is None else described.swaps(called))

    @classmethod
    def example(cls, folder: Path, values: Mapping[str, LabelValue]) -> dict[str, Any]:
        names: list[str] = []
        points: list[str] = []
        for picture, value in values.items():
            assert isinstance(value, ObjectsLabel | PointsLabel)
            if not value.relative:
                raise ValueError(f"{picture}: YOLO's files do not know how large a picture is")
            lines = []
            if isinstance(value, ObjectsLabel):
                for item in value.objects:
                    if item.crowd:
                        raise ValueError(f"{picture}: YOLO knows no crowds")
                    if item.name not in names:
                        names.append(item.name)
                    x1, y1, x2, y2 = item.box
                    box = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
                    lines.append([names.index(item.name), *box])
            else:
                points = list(value.names)
                triples = [(p.x, p.y, 1 + p.visible) if p else (0, 0, 0) for p in value.points]
                lines.append([0, 0.5, 0.5, 1, 1, *(n for triple in triples for n in triple)])
            path = folder / "labels" / f"{stem(picture)}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = "".join(" ".join(map(repr, line)) + "\n" for line in lines)
            path.write_text(text, encoding="utf-8")
        labels = {"yolo": str(folder / "labels"), "names": names or ["it"]}
        return labels | ({"points": points} if points else {})


def _objects(lines: Sequence[Line], meaning: Meaning) -> ObjectsLabel:
    assert meaning.names is not None
    objects = tuple(Object(meaning.names[line.number], line.box) for line in lines)
    return ObjectsLabel(objects, relative=True)


def _points(lines: Sequence[Line], meaning: Meaning) -> PointsLabel:
    assert meaning.points is not None
    if len(lines) > 1:
        raise DataError(
            f"{len(lines)} objects with points",
            where=lines[1].where,
            expected="one set of points a picture",
        )
    points = lines[0].points if lines else (None,) * len(meaning.points)
    if points is None:
        raise DataError(
            "a box without points",
            where=lines[0].where,
            expected=f"{len(meaning.points)} points behind the box",
        )
    return PointsLabel(meaning.points, points, relative=True, swaps=meaning.swaps)
