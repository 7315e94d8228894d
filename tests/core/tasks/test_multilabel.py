"""Multi-label classification: values worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from mtcli.core.imbalance import MAX_WEIGHT, asymmetric_losses
from mtcli.core.labels import LabelError, WordsLabel
from mtcli.core.task import Caption, Prediction, Target
from mtcli.core.tasks.multilabel import (
    Multilabel,
    MultilabelFacts,
    MultilabelOptions,
)
from tests.conftest import DEVICE

SIZE = (32, 32)
LOG3 = math.log(3.0)


def _task(*classes: str, **options: object) -> Multilabel:
    facts = MultilabelFacts(classes=classes)
    return Multilabel(MultilabelOptions.model_validate(options), facts)


def _prepared(*labels: WordsLabel, **options: object) -> Multilabel:
    return Multilabel.prepare(MultilabelOptions.model_validate(options), labels)


def _label(*words: str, looked_for: tuple[str, ...] | None = None) -> WordsLabel:
    return WordsLabel(words, looked_for)


def _read(task: Multilabel, *words: str, looked_for: tuple[str, ...] | None = None) -> Target:
    target = task.read(_label(*words, looked_for=looked_for), SIZE)
    assert target is not None
    return target


def _said(*probabilities: float) -> Prediction:
    return {"probabilities": torch.tensor(probabilities)}


def _loss(task: Multilabel, logits: Tensor, *labels: WordsLabel) -> Tensor:
    targets = [task.read(label, SIZE) for label in labels]
    batch = task.collate([target for target in targets if target is not None], SIZE)
    batch = type(batch)(batch.applies.to(DEVICE), batch.looked_for.to(DEVICE))
    (part,) = task.loss(logits.to(DEVICE), batch, task.counts(batch)).values()
    return part


def test_prepare_finds_the_classes_and_counts_them() -> None:
    task = _prepared(
        _label("dog", "cat"),
        _label(),
        _label("cat", looked_for=("cat", "ant")),
    )
    assert task.facts.classes == ("ant", "cat", "dog")
    assert task.facts.positives == (0, 2, 1)
    assert task.facts.negatives == (3, 1, 1)


def test_prepare_keeps_the_order_of_the_config() -> None:
    assert _prepared(_label("cat"), classes=("dog", "cat")).facts.classes == ("dog", "cat")


def test_columns_of_yes_and_no_are_classes() -> None:
    columns = ("cat", "dog")
    task = _prepared(
        WordsLabel(("1", "0"), columns=columns), WordsLabel(("1", ""), columns=columns)
    )
    assert task.facts.classes == columns
    assert task.facts.positives == (2, 0)
    assert task.facts.negatives == (0, 1)
    target = task.read(WordsLabel(("", "true"), columns=columns), SIZE)
    assert target is not None
    assert target["applies"].tolist() == [False, True]
    assert target["looked_for"].tolist() == [False, True]


def test_one_class_is_enough_and_none_is_not() -> None:
    assert _prepared(_label("cat")).facts.classes == ("cat",)
    with pytest.raises(LabelError, match="needs a class"):
        _prepared(_label(), _label())
    with pytest.raises(ValidationError):
        MultilabelOptions(classes=())


def test_no_word_is_a_label_and_nothing_looked_for_is_none() -> None:
    task = _task("a", "b")
    assert _read(task)["applies"].tolist() == [False, False]
    assert _read(task, "b", "a", "b")["applies"].tolist() == [True, True]
    assert task.read(_label(looked_for=()), SIZE) is None


def test_a_find_by_the_way_is_left_out() -> None:
    target = _read(_task("a", "b", "c"), "a", "b", looked_for=("b", "c"))
    assert target["applies"].tolist() == [False, True, False]
    assert target["looked_for"].tolist() == [False, True, True]


@pytest.mark.parametrize(
    "label", [_label("dgo"), _label(looked_for=("dgo",)), _label("cat", "dgo")], ids=str
)
def test_a_class_that_is_not_known_is_an_error_with_a_near_miss(label: WordsLabel) -> None:
    with pytest.raises(LabelError) as caught:
        _task("cat", "dog").read(label, SIZE)
    assert caught.value.what == 'class "dgo" is not among the classes of the task'
    assert caught.value.mend == "did you mean dog?"


def test_a_crop_keeps_the_label_unless_the_config_says_no() -> None:
    assert _task("a").crop_safe
    assert not _task("a", crops=False).crop_safe


def test_bce_by_hand() -> None:
    # Probabilities 3/4 and 1/2, of a class that applies and one that does not.
    loss = _loss(_task("a", "b"), torch.tensor([[LOG3, 0.0]]), _label("a"))
    assert float(loss) == pytest.approx((-math.log(3 / 4) - math.log(1 / 2)) / 2)


def test_asymmetric_by_hand() -> None:
    loss = _loss(_task("a", "b", loss="asymmetric"), torch.tensor([[LOG3, LOG3]]), _label("a"))
    negative = -((0.75 - 0.05) ** 4) * math.log(1 - (0.75 - 0.05))
    assert float(loss) == pytest.approx((-math.log(3 / 4) + negative) / 2)


def test_asymmetric_forgives_what_obviously_does_not_apply() -> None:
    logits = torch.tensor([-100.0, math.log(0.05 / 0.95) - 0.01, 0.0, 100.0], requires_grad=True)
    _, negative = asymmetric_losses(logits)
    assert negative[:2].tolist() == [0, 0]
    assert float(negative[3].detach()) == pytest.approx(-(0.95**4) * math.log(0.05), rel=1e-4)
    negative.sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad[:2].tolist() == [0, 0]
    assert logits.grad[2] > 0
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("loss", ["bce", "asymmetric"])
def test_extreme_logits_in_half_precision_are_finite(loss: str) -> None:
    logits = torch.tensor([[6e4, -6e4]], dtype=torch.float16, requires_grad=True)
    value = _loss(_task("a", "b", loss=loss), logits, _label("b"))
    assert value.dtype == torch.float32
    assert value.isfinite()
    value.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("loss", ["bce", "asymmetric"])
def test_a_class_that_nobody_looked_for_moves_nothing(loss: str) -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    task = _task("a", "b", "c", loss=loss)
    value = _loss(task, logits, _label("a", "c", looked_for=("a", "b")), _label("c"))
    value.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert logits.grad[0, 2] == 0
    assert (logits.grad != 0).sum() == 5


def test_cells_are_counted() -> None:
    task = _task("a", "b", "c")
    batch = task.collate([_read(task), _read(task, "a", looked_for=("a",))], SIZE)
    assert task.counts(batch)["cells"] == 4
    # The loss is divided by the count it is given.
    part = task.loss(torch.zeros(2, 3), batch, {"cells": torch.tensor(8.0)})["bce"]
    assert float(part) == pytest.approx(4 * math.log(2) / 8)


def test_balanced_weighs_positives_against_negatives() -> None:
    labels = [_label("rare", "usual"), *[_label("usual")] * 2, _label()]
    task = _prepared(*labels, class_weights="balanced")
    assert task.facts.classes == ("rare", "usual")
    # rare: 1 of 4, weight 3; usual: 3 of 4, weight 1/3.
    loss = _loss(task, torch.zeros(1, 2), _label("rare", "usual"))
    assert float(loss) == pytest.approx((3 + 1 / 3) * math.log(2) / 2)


def test_balanced_has_its_limits() -> None:
    facts = MultilabelFacts(classes=("a", "b", "c"), positives=(1, 1000, 0), negatives=(1000, 1, 9))
    task = Multilabel(MultilabelOptions(class_weights="balanced"), facts)
    for name, weight in (("a", MAX_WEIGHT), ("b", 1 / MAX_WEIGHT), ("c", 1.0)):
        loss = _loss(task, torch.zeros(1, 3), _label(name, looked_for=(name,)))
        assert float(loss) == pytest.approx(weight * math.log(2))


def test_weights_by_name() -> None:
    task = _task("a", "b", class_weights={"b": 4})
    assert float(_loss(task, torch.zeros(1, 2), _label("a", "b"))) == pytest.approx(
        5 * math.log(2) / 2
    )
    assert float(_loss(task, torch.zeros(1, 2), _label())) == pytest.approx(math.log(2))
    with pytest.raises(LabelError, match='"c" is not among'):
        _task("a", "b", class_weights={"c": 4})


def test_metrics_by_hand() -> None:
    task = _task("a", "b", "c")
    meter = task.meter()
    meter.update(
        [_said(0.9, 0.6, 0.1), _said(0.8, 0.2, 0.1)],
        [_read(task, "b"), _read(task, "a", "b")],
    )
    meter.update([_said(0.3, 0.5, 0.2)], [_read(task, "a")])
    # a: ranked no, yes, yes; said twice, right once of two. b: ranked yes, no, yes; 0.5 is said.
    ap_a, ap_b = (1 / 2 + 2 / 3) / 2, (1 + 2 / 3) / 2
    assert meter.compute() == {
        "map": pytest.approx((ap_a + ap_b) / 2),
        "f1_macro": pytest.approx(1 / 2),
        "f1_micro": pytest.approx(1 / 2),
    }
    assert meter.per_class() == {
        "a": {"ap": pytest.approx(ap_a), "f1": 0.5, "labelled": 2},
        "b": {"ap": pytest.approx(ap_b), "f1": 0.5, "labelled": 2},
        "c": {"ap": None, "f1": None, "labelled": 0},
    }


def test_what_nobody_looked_for_is_neither_right_nor_wrong() -> None:
    task = _task("a", "b")
    alone, with_more = task.meter(), task.meter()
    said = [_said(0.9, 0.1), _said(0.2, 0.9)]
    true = [_read(task, "a"), _read(task, "b")]
    alone.update(said, true)
    with_more.update([*said, _said(0.7, 0.95)], [*true, _read(task, "a", "b", looked_for=("a",))])
    assert with_more.per_class()["b"] == alone.per_class()["b"]
    assert with_more.compute()["f1_micro"] == 1


def test_perfect_predictions_have_the_best_metrics() -> None:
    task = _task("a", "b", "c")
    meter = task.meter()
    meter.update(
        [_said(0.9, 0.1, 0.8), _said(0.0, 0.9, 0.1)], [_read(task, "a", "c"), _read(task, "b")]
    )
    assert set(meter.compute().values()) == {1.0}
    assert task.score(meter.compute()) == 1


def test_an_empty_meter_is_undefined() -> None:
    meter = _task("a", "b").meter()
    meter.update([], [])
    assert set(meter.compute().values()) == {None}
    assert meter.per_class()["a"] == {"ap": None, "f1": None, "labelled": 0}


@pytest.mark.parametrize(
    ("words", "looked_for", "text", "good"),
    [
        (("a",), None, "a 80%", True),
        (("a", "b"), None, "a 80%, b 30%, missed", False),
        ((), None, "a 80%, wrong", False),
        (("a",), ("a",), "a 80%", True),
    ],
    ids=["right", "missed", "wrong", "not looked for"],
)
def test_the_caption_says_what_is_right(
    words: tuple[str, ...], looked_for: tuple[str, ...] | None, text: str, good: bool
) -> None:
    task = _task("b", "a")
    target = _read(task, *words, looked_for=looked_for)
    assert task.caption(_said(0.3, 0.8), target) == Caption(text, good)


def test_the_caption_without_truth_and_without_a_class() -> None:
    assert _task("a", "b").caption(_said(0.2, 0.9), None) == Caption("b 90%")
    assert _task("a", "b").caption(_said(0.2, 0.3), None) == Caption("nothing")


def test_json_names_what_applies() -> None:
    assert _task("cat", "dog", threshold=0.7).to_json(_said(0.25, 0.75)) == {
        "classes": ["dog"],
        "probabilities": {"cat": 0.25, "dog": 0.75},
    }


def test_export_gives_what_decode_says() -> None:
    task, logits = _task("a", "b"), torch.randn(3, 2)
    probabilities = task.export(logits, SIZE)["probabilities"]
    rows = [row["probabilities"] for row in task.decode(logits, SIZE)]
    assert torch.equal(probabilities, torch.stack(rows))
    assert rows[0].tolist() == pytest.approx(logits[0].sigmoid().tolist())


def test_agreement_is_the_share_of_classes_said_alike() -> None:
    one, other = ({"probabilities": torch.tensor(row)} for row in ([0.6, 0.1], [0.4, 0.3]))
    assert _task("a", "b").agreement(one, other) == 0.5
    assert _task("a", "b", threshold=0.35).agreement(one, other) == 1.0
