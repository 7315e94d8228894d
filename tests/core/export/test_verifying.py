"""Whether a file says what its network says: tolerances worked by hand, without any export."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

import mtcli.core.export.verifying as module
from mtcli.core.answering import Answers
from mtcli.core.export.events import TaskCheck, TensorCheck
from mtcli.core.export.formats import Session
from mtcli.core.export.manner import Manner
from mtcli.core.export.pictures import Pictures
from mtcli.core.export.program import Program, Shape
from mtcli.core.export.verifying import REPEATS, WARM, Verification, cut, latencies
from mtcli.core.task import AnyTask
from tests.core.transfer.networks import cls, det

Tensors = Mapping[str, Tensor]
PICTURES: Pictures = {"image": torch.zeros(1, 32, 32, 3, dtype=torch.uint8)}
SIZE = (32, 32)
RAW = Manner(decoded=False)

BOXES: Tensors = {
    "det/boxes": torch.tensor([[0.0, 0, 8, 8], [16, 16, 32, 32], [4, 4, 20, 20]]),
    "det/scores": torch.tensor([0.9, 0.8, 0.7]),
    "det/labels": torch.tensor([0, 1, 1]),
    "det/image": torch.tensor([0, 0, 1]),
    "det/counts": torch.tensor([2, 1]),
}
"""Two boxes in the first picture, one in the second."""

RAGGED: Mapping[str, Shape] = {
    "det/boxes": ["D", 4],
    "det/scores": ["D"],
    "det/labels": ["D"],
    "det/image": ["D"],
    "det/counts": ["N"],
}


class Fixed(Session):
    """A file that says the same whatever it is asked."""

    metadata = None

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors

    def run(self, pictures: Pictures, device: torch.device) -> dict[str, Tensor]:
        return dict(self._tensors)


def verification(
    ours: Tensors, theirs: Tensors, shapes: Mapping[str, Shape], task: AnyTask, manner: Manner
) -> Verification:
    """One batch compared; `ours` is what the network says."""
    name = next(iter(shapes)).partition("/")[0]
    program = Program(cast(Any, None), {}, shapes, {})
    graph = cast(Any, lambda *_: dict(ours))
    made = Verification(graph, Fixed(theirs), program, {name: task}, manner)
    made.compare(PICTURES, SIZE)
    return made


def logits(ours: Tensor, theirs: Tensor, manner: Manner = RAW) -> tuple[TensorCheck, TaskCheck]:
    """How raw answers of a classification, `[N, K]`, compare."""
    task = cls([str(number) for number in range(ours.shape[1])])
    shapes: Mapping[str, Shape] = {"cls/logits": ["N", ours.shape[1]]}
    made = verification({"cls/logits": ours}, {"cls/logits": theirs}, shapes, task, manner)
    (check,) = made.tensors()
    return check, made.agreements()["cls"]


def boxes(theirs: Tensors) -> tuple[dict[str, TensorCheck], TaskCheck]:
    """How decoded answers of a detection compare with `BOXES`."""
    made = verification(BOXES, theirs, RAGGED, det("ab"), Manner())
    return {check.name: check for check in made.tensors()}, made.agreements()["det"]


def changed(count: int, by: float, numbers: int = 200) -> tuple[Tensor, Tensor]:
    """Numbers of which the largest is 10, and the same with some of them changed."""
    ours = torch.zeros(1, numbers)
    ours[0, 0] = 10
    theirs = ours.clone()
    theirs[0, 1 : 1 + count] += by
    return ours, theirs


def test_equal_answers_pass() -> None:
    check, task = logits(*changed(0, 0))
    assert check == TensorCheck(
        "cls/logits", ("N", 200), largest=0, apart=0, tolerance=0.01, numbers=True, fine=True
    )
    assert task == TaskCheck(1.0, 0.98, fine=True)


def test_rounding_is_a_thousandth_of_the_largest_number() -> None:
    check, _ = logits(*changed(199, 0.009))
    assert check.fine
    assert check.apart == 0
    assert check.largest == pytest.approx(0.009)
    check, _ = logits(*changed(199, 0.011))
    assert not check.fine
    assert check.apart == pytest.approx(199 / 200)


def test_one_number_in_a_hundred_may_be_further_apart() -> None:
    assert logits(*changed(2, 5))[0].fine
    check, _ = logits(*changed(3, 5))
    assert not check.fine
    assert check.apart == pytest.approx(0.015)
    assert check.largest == 5


def test_the_tensor_that_differs_is_named() -> None:
    ours = {"cls/probabilities": torch.tensor([[0.25, 0.75]]), "cls/class": torch.tensor([1])}
    theirs = {**ours, "cls/probabilities": torch.tensor([[0.25, 0.5]])}
    shapes: Mapping[str, Shape] = {"cls/probabilities": ["N", 2], "cls/class": ["N"]}
    made = verification(ours, theirs, shapes, cls("ab"), Manner())
    checks = {check.name: check for check in made.tensors()}
    assert not checks["cls/probabilities"].fine
    assert checks["cls/probabilities"].largest == 0.25
    assert checks["cls/probabilities"].apart == 0.5
    assert checks["cls/class"].fine
    assert made.agreements()["cls"].fine


def test_whole_numbers_are_equal_or_not() -> None:
    ours = {"cls/probabilities": torch.eye(2), "cls/class": torch.tensor([1000, 1])}
    theirs = {**ours, "cls/class": torch.tensor([1000, 0])}
    shapes: Mapping[str, Shape] = {"cls/probabilities": ["N", 2], "cls/class": ["N"]}
    made = verification(ours, theirs, shapes, cls("ab"), Manner())
    checks = {check.name: check for check in made.tensors()}
    assert checks["cls/class"].tolerance == 0
    assert checks["cls/class"].apart == 0.5
    assert not checks["cls/class"].fine


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_fails_where_the_network_s_is_one(number: float) -> None:
    ours, theirs = changed(0, 0)
    theirs[0, 5] = number  # one in 200: few enough to be rounding, if it were a number
    check, _ = logits(ours, theirs)
    assert not check.numbers
    assert not check.fine
    check, _ = logits(theirs, theirs.clone())
    assert check.numbers
    assert logits(theirs, ours)[0].numbers  # the file may know better


def test_bytes_are_held_to_be_numbers_and_no_more() -> None:
    bytes_ = Manner(decoded=False, precision="int8")
    ours, theirs = changed(199, 20)
    check, task = logits(ours, theirs, bytes_)
    assert check.tolerance is None
    assert check.fine
    assert task == TaskCheck(0.0, None, fine=True)
    theirs[0, 5] = float("nan")
    assert not logits(ours, theirs, bytes_)[0].fine


def test_rows_in_another_order_are_the_same() -> None:
    order = torch.tensor([1, 0, 2])
    theirs = {name: own[order] for name, own in BOXES.items() if name != "det/counts"}
    checks, task = boxes({**theirs, "det/counts": BOXES["det/counts"]})
    assert all(check.fine and check.largest == 0 for check in checks.values())
    assert task == TaskCheck(1.0, 0.98, fine=True)


def test_a_box_that_is_missing_lowers_the_agreement() -> None:
    """Of three boxes of both in the first picture, two are alike; the second picture agrees."""
    theirs = {name: own[[0, 2]] for name, own in BOXES.items() if name != "det/counts"}
    checks, task = boxes({**theirs, "det/counts": torch.tensor([1, 1])})
    assert task.agreement == pytest.approx((2 / 3 + 1) / 2)
    assert not task.fine
    assert checks["det/boxes"].largest == 0
    assert checks["det/counts"].largest == 1
    assert all(check.fine for check in checks.values())
    judged = {name for name, check in checks.items() if check.tolerance is not None}
    assert judged == {"det/boxes", "det/scores"}


def test_no_box_at_all() -> None:
    none = {name: own[:0] for name, own in BOXES.items() if name != "det/counts"}
    checks, task = boxes({**none, "det/counts": torch.tensor([0, 0])})
    assert task.agreement == 0
    assert not task.fine
    assert checks["det/boxes"].largest == 0


def test_a_box_elsewhere_is_told_by_how_far() -> None:
    moved = BOXES["det/boxes"].clone()
    moved[2] += 3
    checks, task = boxes({**BOXES, "det/boxes": moved})
    assert checks["det/boxes"].largest == 3
    assert not checks["det/boxes"].fine  # a third of the boxes, where a tenth may be
    assert task.agreement == 0.5


def test_batches_are_added_up() -> None:
    ours = torch.zeros(1, 200)
    ours[0, 0] = 10
    task = cls([str(number) for number in range(200)])
    shapes: Mapping[str, Shape] = {"cls/logits": ["N", 200]}
    made = verification({"cls/logits": ours}, {"cls/logits": ours}, shapes, task, RAW)
    flipped = ours.flip(1)
    made.session = Fixed({"cls/logits": flipped})
    made.compare(PICTURES, SIZE)
    (check,) = made.tensors()
    assert check.largest == 10
    assert check.apart == pytest.approx(2 / 400)
    assert made.agreements()["cls"].agreement == 0.5


def test_any_number_of_pictures_is_tried_in_batches_of_several_sizes() -> None:
    pictures = {"rgb": torch.arange(9), "depth": torch.arange(9)}
    pieces = cut(pictures, Manner())
    assert [piece["rgb"].tolist() for piece in pieces] == [[0], [1, 2, 3], [4], [5, 6, 7], [8]]
    assert all(torch.equal(piece["rgb"], piece["depth"]) for piece in pieces)
    assert [len(piece["rgb"]) for piece in cut(pictures, Manner(dynamic="none"))] == [1] * 9


class Slow(Answers):
    """Takes so many seconds of a clock for each call, and ten times as many for the first ones."""

    def __init__(self, clock: list[float], seconds: float) -> None:
        self.tasks = {"cls": cls("ab")}
        self.device = torch.device("cpu")
        self.calls = 0
        self._clock, self._seconds = clock, seconds

    def predict(self, inputs: object, rows: Any, size: object) -> dict[str, list[Any]]:
        assert rows["cls"].tolist() == [0]
        self.calls += 1
        self._clock[0] += self._seconds * (10 if self.calls <= WARM else 1)
        return {}


@pytest.mark.parametrize(("unit", "calls"), [(0.001, WARM + REPEATS), (10.0, WARM + 2)])
def test_latencies_are_medians_without_the_first_calls(
    monkeypatch: pytest.MonkeyPatch, unit: float, calls: int
) -> None:
    clock = [0.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    both = Slow(clock, unit), Slow(clock, 3 * unit)
    assert latencies(both, {}, SIZE) == pytest.approx([unit, 3 * unit])
    assert [one.calls for one in both] == [calls, calls]
