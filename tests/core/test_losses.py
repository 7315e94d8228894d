"""The gradients of one update: accumulated batches are the large batch, wherever labels fall."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mtcli.core.blueprint import MAIN, Architecture
from mtcli.core.building import build_network
from mtcli.core.data.geometry import resize_rule
from mtcli.core.data.sample import Batch
from mtcli.core.distillation import Teacher
from mtcli.core.labels import Object, ObjectsLabel, WordsLabel
from mtcli.core.losses import add_gradients
from mtcli.core.network import Network
from mtcli.core.runtime import Runtime
from mtcli.core.task import AnyTask
from mtcli.core.tasks.classification import (
    Classification,
    ClassificationFacts,
    ClassificationOptions,
)
from mtcli.core.tasks.detection import Detection, DetectionFacts, DetectionOptions
from tests.conftest import DEVICE

SIZE = (64, 64)
RUNTIME = Runtime(DEVICE, "fp32")
TASKS: dict[str, AnyTask] = {
    "cls": Classification(
        ClassificationOptions(dropout=0.0, label_smoothing=0.1),
        ClassificationFacts(classes=("a", "b")),
    ),
    "det": Detection(
        DetectionOptions(levels=("p4", "p5"), depth=1), DetectionFacts(classes=("a", "b"))
    ),
}
WEIGHTS = {"cls": 0.7, "det": 1.3}

# Rows 2 and 3 have no label; row 4 is labelled, and nothing is there.
ONE = ObjectsLabel((Object("a", (4.0, 6.0, 40.0, 36.0)),))
TWO = ObjectsLabel((Object("b", (8.0, 8.0, 24.0, 24.0)), Object("a", (16.0, 0.0, 64.0, 60.0))))
LABELS: tuple[dict[str, WordsLabel | ObjectsLabel], ...] = (
    {"cls": WordsLabel(("a",)), "det": TWO},
    {"cls": WordsLabel(("b",))},
    {},
    {},
    {"det": ObjectsLabel(())},
    {"cls": WordsLabel(("b",)), "det": ONE},
)
PICTURES = torch.randint(
    0, 256, (len(LABELS), 3, *SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
)
SPLITS = [
    [list(range(a, b)) for a, b in itertools.pairwise((0, *cuts, len(LABELS)))]
    for number in range(len(LABELS))
    for cuts in itertools.combinations(range(1, len(LABELS)), number)
]
"""Every way to cut the six rows into batches; in some a batch has no label at all."""


def _batch(pictures: Sequence[int], only: str | None = None) -> Batch:
    rows: dict[str, Tensor] = {}
    targets = {}
    for name, task in TASKS.items():
        if only not in (None, name):
            continue
        carrying = [row for row, picture in enumerate(pictures) if name in LABELS[picture]]
        if carrying:
            rows[name] = torch.tensor(carrying)
            read = [task.read(LABELS[pictures[row]][name], SIZE) for row in carrying]
            targets[name] = task.collate([target for target in read if target is not None], SIZE)
    return Batch(
        {"image": PICTURES[list(pictures)]},
        rows,
        targets,
        tuple(map(str, pictures)),
        (resize_rule("stretch", SIZE, SIZE),) * len(pictures),
    ).to(DEVICE)


def _network() -> Network:
    torch.manual_seed(0)
    network = build_network(Architecture("tiny", 16, 0.0), TASKS)
    for name, parameter in network.named_parameters():
        if name.endswith("norm2.weight"):
            torch.nn.init.ones_(parameter)  # at 0, as it starts, it holds gradients back
    return RUNTIME.place(network)


def _add(
    network: Network, batches: Sequence[Batch], weights: Mapping[str, float] = WEIGHTS
) -> dict[str, Tensor]:
    scaler = torch.amp.GradScaler(DEVICE.type, enabled=False)
    return add_gradients(network, TASKS, weights, batches, RUNTIME, scaler)


def _gradients(
    split: Sequence[Sequence[int]], weights: Mapping[str, float] = WEIGHTS
) -> tuple[dict[str, Tensor | None], dict[str, float]]:
    """The gradient of every parameter, and the losses."""
    network = _network()
    losses = _add(network, [_batch(pictures) for pictures in split], weights)
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    return gradients, {name: float(loss) for name, loss in losses.items()}


LARGE = [list(range(len(LABELS)))]


@pytest.fixture(scope="module")
def large() -> tuple[dict[str, Tensor | None], dict[str, float]]:
    return _gradients(LARGE)


def _assert_same(found: Mapping[str, Tensor | None], expected: Mapping[str, Tensor | None]) -> None:
    for name, gradient in expected.items():
        assert gradient is not None
        torch.testing.assert_close(
            found[name],
            gradient,
            rtol=1e-5,
            atol=1e-5,
            msg=name,
        )


@pytest.mark.parametrize("split", SPLITS, ids=str)
def test_accumulated_gradients_are_the_large_batch_s(
    split: list[list[int]], large: tuple[dict[str, Tensor | None], dict[str, float]]
) -> None:
    gradients, losses = _gradients(split)
    _assert_same(gradients, large[0])
    assert losses == pytest.approx(large[1], rel=1e-5)


def test_batches_of_one_task_each_add_up_to_the_joint_batch(
    large: tuple[dict[str, Tensor | None], dict[str, float]],
) -> None:
    network = _network()
    turns = [_batch([0, 1, 5], "cls"), _batch([0, 4, 5], "det")]
    assert [list(batch.rows) for batch in turns] == [["cls"], ["det"]]
    losses = _add(network, turns)

    _assert_same({name: p.grad for name, p in network.named_parameters()}, large[0])
    assert {n: float(loss) for n, loss in losses.items()} == pytest.approx(large[1], rel=1e-5)


def test_the_gradients_of_the_large_batch_are_not_small(
    large: tuple[dict[str, Tensor | None], dict[str, float]],
) -> None:
    """Or equality within 1e-5 would say nothing."""
    for name, gradient in large[0].items():
        assert gradient is not None
        if not name.startswith("pyramid.layer_blocks.1."):  # no box is large enough for p5
            assert float(gradient.abs().max()) > 1e-3, name


def test_a_weight_scales_the_gradient_of_its_task() -> None:
    both, _ = _gradients(LARGE, {"cls": 2.0, "det": 0.5})
    cls, _ = _gradients(LARGE, {"cls": 1.0, "det": 0.0})
    det, _ = _gradients(LARGE, {"cls": 0.0, "det": 1.0})
    expected = {}
    for name in both:
        own_cls, own_det = cls[name], det[name]
        zero = torch.zeros(())
        expected[name] = 2.0 * (zero if own_cls is None else own_cls) + 0.5 * (
            zero if own_det is None else own_det
        )
    _assert_same(both, expected)


def test_losses_are_returned_without_their_weights_and_without_a_graph() -> None:
    network = _network()
    losses = _add(network, [_batch(LARGE[0])], {"cls": 5.0, "det": 9.0})
    plain = _add(network, [_batch(LARGE[0])], {"cls": 1.0, "det": 1.0})
    for name, loss in losses.items():
        assert not loss.requires_grad
        assert loss.shape == ()
        assert float(loss) == float(plain[name])


def test_gradients_are_added_to_those_that_are_there() -> None:
    network = _network()
    _add(network, [_batch(LARGE[0])])
    once = {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}
    _add(network, [_batch(LARGE[0])])
    _assert_same(
        {n: p.grad for n, p in network.named_parameters()}, {n: 2 * g for n, g in once.items()}
    )


def test_a_task_without_a_label_in_any_batch_has_no_gradient() -> None:
    gradients, losses = _gradients([[4], [3]])  # det alone, and no label
    assert set(losses) == {"det"}
    for name, gradient in gradients.items():
        assert (gradient is None) == name.startswith("heads.cls."), name


def test_an_update_without_any_label_has_no_gradient_and_no_loss() -> None:
    gradients, losses = _gradients([[2], [3]])
    assert losses == {}
    assert set(map(type, gradients.values())) == {type(None)}


def test_a_labelled_picture_without_a_box_still_teaches() -> None:
    gradients, losses = _gradients([[4]])
    assert losses["det"] > 0
    own = gradients["heads.det.class_logits.bias"]
    assert own is not None
    assert (own > 0).all()  # less of every class, everywhere


@pytest.mark.parametrize("cached", [False, True])
def test_the_teacher_computes_in_the_student_s_format(cached: bool) -> None:
    """Or equal weights would be apart, and maps of bf16 would meet weights of fp32."""
    network = _network().eval()
    batch = _batch([0, 1])
    runtime = Runtime(DEVICE, "bf16")
    if cached:
        with torch.no_grad(), runtime.autocast():
            batch = replace(batch, inputs=network.maps(batch.inputs)[MAIN])
        assert batch.inputs["c5"].dtype == torch.bfloat16
    scaler = torch.amp.GradScaler(DEVICE.type, enabled=False)
    teacher = Teacher(network, TASKS, 1.0)
    losses = add_gradients(network, TASKS, WEIGHTS, [batch], runtime, scaler, teacher)
    assert losses["distill"].item() == 0
