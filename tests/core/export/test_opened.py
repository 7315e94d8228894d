"""An exported file as what answers: asked in the batches it takes, decoded as it was written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import mtcli.core.export.opened as module
from mtcli.core.blueprint import Architecture
from mtcli.core.description import Model, describe
from mtcli.core.errors import CheckpointError, DataError
from mtcli.core.export.formats import Session
from mtcli.core.export.manner import Manner
from mtcli.core.export.metadata import FORMAT, SCHEMA
from mtcli.core.export.opened import FileAnswers, OpenedExport, exported_plugins, open_session
from mtcli.core.export.pictures import Pictures
from mtcli.core.runtime import Runtime
from mtcli.core.task import AnyTask
from tests.core.transfer.networks import cls, det

CPU = torch.device("cpu")
SIZE = (4, 4)
LOGITS = torch.tensor([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0], [5.0, 0.0], [0.0, 7.0]])
"""What the fake says of the picture whose every pixel is its row's number."""


class Fake(Session):
    """A file that says of each picture the row of its first pixel; it remembers the batches."""

    def __init__(self, tensors: Mapping[str, Tensor], metadata: str | None = None) -> None:
        self.metadata = metadata
        self.asked: list[list[int]] = []
        self.devices: list[torch.device] = []
        self._tensors = tensors

    def run(self, pictures: Pictures, device: torch.device) -> dict[str, Tensor]:
        rows = next(iter(pictures.values()))[:, 0, 0, 0].long()
        self.asked.append(rows.tolist())
        self.devices.append(device)
        return {name: tensor[rows] for name, tensor in self._tensors.items()}


def inputs(pictures: int = 5) -> dict[str, Tensor]:
    """Pictures, each filled with its number."""
    numbers = torch.arange(pictures, dtype=torch.uint8)
    return {"image": numbers[:, None, None, None].expand(-1, 3, *SIZE)}


def rows(*numbers: int) -> Tensor:
    return torch.tensor(numbers, dtype=torch.int64)


def answers(session: Session, manner: Manner, **tasks: AnyTask) -> FileAnswers:
    return FileAnswers(session, tasks, {"image": 3}, manner, CPU)


def test_a_fixed_batch_gets_one_picture_at_a_time() -> None:
    session = Fake({"cls/probabilities": LOGITS.softmax(1)})
    found = answers(session, Manner(dynamic="none"), cls=cls("ab")).predict(
        inputs(3), {"cls": rows(0, 1, 2)}, SIZE
    )
    assert session.asked == [[0], [1], [2]]
    said = torch.stack([one["probabilities"] for one in found["cls"]])
    torch.testing.assert_close(said, LOGITS[:3].softmax(1))


def test_any_batch_is_asked_at_once() -> None:
    session = Fake({"cls/probabilities": LOGITS.softmax(1)})
    answers(session, Manner(), cls=cls("ab")).predict(inputs(), {"cls": rows(0)}, SIZE)
    assert session.asked == [[0, 1, 2, 3, 4]]
    assert session.devices == [CPU]


@pytest.mark.parametrize("dynamic", ["none", "batch"])
def test_each_task_gets_its_rows_in_their_order(dynamic: Any) -> None:
    tensors = {"one/probabilities": LOGITS.softmax(1), "other/probabilities": LOGITS.sigmoid()}
    found = answers(Fake(tensors), Manner(dynamic=dynamic), one=cls("ab"), other=cls("ab")).predict(
        inputs(), {"one": rows(1, 4), "other": rows(0, 2, 3)}, SIZE
    )
    assert list(found) == ["one", "other"]
    one = torch.stack([said["probabilities"] for said in found["one"]])
    other = torch.stack([said["probabilities"] for said in found["other"]])
    torch.testing.assert_close(one, LOGITS[[1, 4]].softmax(1))
    torch.testing.assert_close(other, LOGITS[[0, 2, 3]].sigmoid())


def test_a_task_without_a_row_is_left_out_and_without_any_nothing_runs() -> None:
    session = Fake({"one/probabilities": LOGITS, "other/probabilities": LOGITS})
    asked = answers(session, Manner(), one=cls("ab"), other=cls("ab"))
    assert [*asked.predict(inputs(), {"one": rows(), "other": rows(1)}, SIZE)] == ["other"]
    assert asked.predict(inputs(), {"one": rows()}, SIZE) == {}
    assert len(session.asked) == 1


def test_raw_answers_are_decoded_here() -> None:
    session = Fake({"cls/logits": LOGITS})
    found = answers(session, Manner(decoded=False), cls=cls("ab")).predict(
        inputs(), {"cls": rows(0, 3)}, SIZE
    )
    said = torch.stack([one["probabilities"] for one in found["cls"]])
    torch.testing.assert_close(said, LOGITS[[0, 3]].softmax(1))


def test_raw_boxes_are_suppressed_here() -> None:
    """Two boxes that are one: the better stays; what is beyond the border is cut off."""
    scores = torch.tensor([[[0.9, 0.0], [0.8, 0.0], [0.0, 0.7]]])
    boxes = torch.tensor([[[0.0, 0, 2, 2], [0, 0, 2, 2], [2, 2, 9, 9]]])
    session = Fake({"det/scores": scores, "det/boxes": boxes})
    found = answers(session, Manner(decoded=False), det=det("ab")).predict(
        inputs(1), {"det": rows(0)}, SIZE
    )
    (said,) = found["det"]
    assert said["labels"].tolist() == [0, 1]
    assert said["scores"].tolist() == pytest.approx([0.9, 0.7])
    assert said["boxes"].tolist() == [[0, 0, 2, 2], [2, 2, 4, 4]]


def test_a_task_whose_name_begins_as_another_s_has_its_own_tensors() -> None:
    session = Fake({"a/probabilities": LOGITS.softmax(1), "ab/probabilities": LOGITS.sigmoid()})
    asked = answers(session, Manner(), a=cls("ab"), ab=cls("ab"))
    found = asked.predict(inputs(), {"a": rows(1), "ab": rows(1)}, SIZE)
    torch.testing.assert_close(found["a"][0]["probabilities"], LOGITS[1].softmax(0))
    torch.testing.assert_close(found["ab"][0]["probabilities"], LOGITS[1].sigmoid())


def test_it_takes_nothing_less_than_all_inputs() -> None:
    given = {**inputs(2), "image/rows": rows(0, -1)}
    session = Fake({"cls/probabilities": LOGITS})
    with pytest.raises(DataError, match="a picture lacks image"):
        answers(session, Manner(), cls=cls("ab")).predict(given, {"cls": rows(0)}, SIZE)
    assert session.asked == []


def metadata(**export: str) -> str:
    model = Model(Architecture("tiny", 16, 0.0), {"cls": cls("ab")}, SIZE, "stretch", ("mine",))
    said = {"answers": "decoded", "dynamic": "batch", "precision": "fp32", **export}
    return json.dumps(
        {
            "format": FORMAT,
            "schema": SCHEMA,
            "model": describe(model),
            "checkpoint": {"epoch": 3},
            "export": said,
        }
    )


def test_an_opened_file_is_what_its_metadata_says() -> None:
    session = Fake({"cls/logits": LOGITS}, metadata(answers="raw", dynamic="none"))
    opened = OpenedExport(Path("it.onnx"), session)
    assert opened.manner == Manner(decoded=False, dynamic="none")
    assert opened.fixed_batch == 1
    assert opened.needs_all_inputs
    assert opened.precision == "fp32"
    assert opened.facts["epoch"] == 3
    found = opened.answers(["cls"], Runtime(CPU, "fp32")).predict(inputs(2), {"cls": rows(1)}, SIZE)
    torch.testing.assert_close(found["cls"][0]["probabilities"], LOGITS[1].softmax(0))
    assert session.asked == [[0], [1]]


def test_any_batch_is_no_fixed_one() -> None:
    assert OpenedExport(Path("it.onnx"), Fake({}, metadata())).fixed_batch is None


def test_a_file_without_metadata_is_no_export() -> None:
    with pytest.raises(CheckpointError, match="not exported by mtcli"):
        OpenedExport(Path("it.onnx"), Fake({}))


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (metadata(), ("mine",)),
        (None, ()),
        ("{", ()),
        ("[]", ()),
        ('{"model": {"plugins": 3}}', ()),
    ],
)
def test_the_plugins_that_a_file_names(
    monkeypatch: pytest.MonkeyPatch, said: str | None, named: tuple[str, ...]
) -> None:
    monkeypatch.setattr(module, "open_session", lambda _: Fake({}, said))
    assert exported_plugins(Path("it.onnx")) == named


def test_a_file_of_another_ending(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("nothing")
    with pytest.raises(CheckpointError, match="nor an exported file") as caught:
        open_session(path)
    assert ".onnx or .pt2" in str(caught.value.expected)
