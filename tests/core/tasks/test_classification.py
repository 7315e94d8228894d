"""Classification: values worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.errors import ConfigError
from mtcli.core.features import FeatureSpec
from mtcli.core.labels import LabelError, WordsLabel
from mtcli.core.task import Caption, Prediction, Target
from mtcli.core.tasks.classification import (
    Classification,
    ClassificationFacts,
    ClassificationOptions,
)
from tests.conftest import DEVICE

SIZE = (32, 32)


def _task(*classes: str, **options: object) -> Classification:
    return Classification(
        ClassificationOptions.model_validate(options), ClassificationFacts(classes=classes)
    )


def _labels(*texts: str) -> list[WordsLabel]:
    return [WordsLabel((text,)) for text in texts]


def _said(*probabilities: float) -> Prediction:
    return {"probabilities": torch.tensor(probabilities)}


def _true(number: int) -> Target:
    return {"class": torch.tensor(number)}


def _loss(task: Classification, logits: Tensor, classes: list[int]) -> float:
    batch = torch.tensor(classes, device=DEVICE)
    parts = task.loss(logits.to(DEVICE), batch, task.counts(batch))
    assert list(parts) == ["cross_entropy"]
    return float(parts["cross_entropy"])


def test_prepare_finds_the_classes_and_sorts_them() -> None:
    task = Classification.prepare(ClassificationOptions(), _labels("dog", "cat", "dog", "ant"))
    assert task.facts.classes == ("ant", "cat", "dog")


def test_prepare_keeps_the_order_of_the_config() -> None:
    options = ClassificationOptions(classes=("dog", "ant", "cat"))
    task = Classification.prepare(options, _labels("cat"))
    assert task.facts.classes == ("dog", "ant", "cat")
    assert task.read(WordsLabel(("ant",)), SIZE) == {"class": torch.tensor(1)}


@pytest.mark.parametrize(
    ("texts", "found"), [((), "no label in the training split"), (("dog", "dog"), "dog")]
)
def test_prepare_needs_two_classes(texts: tuple[str, ...], found: str) -> None:
    with pytest.raises(LabelError, match="two classes or more") as caught:
        Classification.prepare(ClassificationOptions(), _labels(*texts))
    assert caught.value.found == found


def test_options_need_two_classes() -> None:
    with pytest.raises(ValidationError):
        ClassificationOptions(classes=("dog",))


def test_a_class_that_is_not_known_is_an_error_with_a_near_miss() -> None:
    with pytest.raises(LabelError) as caught:
        _task("cat", "dog").read(WordsLabel(("dgo",)), SIZE)
    assert caught.value.what == 'class "dgo" is not among the classes of the task'
    assert caught.value.found == "classes cat, dog"
    assert caught.value.mend == "did you mean dog?"


def test_the_head_pools_over_the_whole_map() -> None:
    head = _task("a", "b", "c", dropout=0.0).head({"c5": FeatureSpec(4, 32)}).to(DEVICE)
    feature = torch.randn(2, 4, 3, 5, device=DEVICE)
    moved = feature.flatten(2)[..., torch.randperm(15, device=DEVICE)].reshape(2, 4, 3, 5)
    logits = head({"c5": feature})
    assert logits.shape == (2, 3)
    torch.testing.assert_close(logits, head({"c5": moved}))


def test_dropout_works_in_training_alone() -> None:
    head = _task("a", "b", dropout=0.5).head({"c5": FeatureSpec(16, 32)}).to(DEVICE)
    feature = {"c5": torch.randn(2, 16, 1, 1, device=DEVICE)}
    assert not torch.equal(head(feature), head(feature))
    head.eval()
    assert torch.equal(head(feature), head(feature))


def test_even_logits_cost_log_k() -> None:
    task = _task("a", "b", "c", "d")
    assert _loss(task, torch.zeros(3, 4), [0, 1, 3]) == pytest.approx(math.log(4))


def test_loss_by_hand() -> None:
    logits = torch.tensor([[math.log(3.0), 0.0], [0.0, math.log(4.0)]])
    assert _loss(_task("a", "b"), logits, [0, 0]) == pytest.approx(
        (-math.log(3 / 4) - math.log(1 / 5)) / 2
    )


def test_label_smoothing_by_hand() -> None:
    logits = torch.tensor([[math.log(3.0), 0.0]])
    expected = -(0.9 * math.log(3 / 4) + 0.1 * math.log(1 / 4))
    assert _loss(_task("a", "b", label_smoothing=0.2), logits, [0]) == pytest.approx(expected)


def test_the_loss_is_divided_by_the_count_it_is_given() -> None:
    task, batch = _task("a", "b"), torch.tensor([0, 1], device=DEVICE)
    assert float(task.counts(batch)["rows"]) == 2
    parts = task.loss(
        torch.zeros(2, 2, device=DEVICE), batch, {"rows": torch.tensor(8.0, device=DEVICE)}
    )
    assert float(parts["cross_entropy"]) == pytest.approx(2 * math.log(2) / 8)


def test_decode_gives_probabilities() -> None:
    found = _task("a", "b").decode(torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]]), SIZE)
    assert [row["probabilities"].tolist() for row in found] == [
        pytest.approx([0.75, 0.25]),
        pytest.approx([0.5, 0.5]),
    ]


def test_metrics_by_hand() -> None:
    meter = _task("a", "b", "c").meter()
    meter.update([_said(0.6, 0.3, 0.1), _said(0.2, 0.5, 0.3)], [_true(0), _true(0)])
    meter.update([_said(0.1, 0.8, 0.1)], [_true(1)])
    assert meter.compute() == {
        "accuracy": pytest.approx(2 / 3),
        "balanced_accuracy": pytest.approx((1 / 2 + 1) / 2),
        "f1_macro": pytest.approx((2 / 3 + 2 / 3) / 2),
        "top5": 1.0,
        # One in each of three bins, which are off by 0.4, 0.5 and 0.2.
        "ece": pytest.approx((0.4 + 0.5 + 0.2) / 3),
    }
    assert meter.per_class() == {
        "a": {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "labelled": 2},
        "b": {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "labelled": 1},
        "c": {"precision": None, "recall": None, "f1": None, "labelled": 0},
    }
    classes, table = meter.confusion()
    assert classes == ("a", "b", "c")
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_top5_counts_the_five_most_probable() -> None:
    meter = _task(*"abcdefg").meter()
    said = _said(0.3, 0.2, 0.15, 0.14, 0.12, 0.06, 0.03)
    meter.update([said] * 4, [_true(0), _true(4), _true(5), _true(6)])
    metrics = meter.compute()
    assert metrics["top5"] == 0.5
    assert metrics["accuracy"] == 0.25


def test_perfect_predictions_have_the_best_metrics() -> None:
    meter = _task("a", "b", "c").meter()
    meter.update([_said(1.0, 0, 0), _said(0, 0, 1.0)], [_true(0), _true(2)])
    best = {"max": 1.0, "min": 0.0}
    assert meter.compute() == {
        name: best[direction] for name, direction in Classification.metrics.items()
    }


def test_no_picture_leaves_the_meter_empty() -> None:
    meter = _task("a", "b").meter()
    meter.update([], [])
    assert set(meter.compute().values()) == {None}


@pytest.mark.parametrize(
    ("target", "caption"),
    [
        (None, Caption("dog 80%")),
        (_true(1), Caption("dog 80%", good=True)),
        (_true(0), Caption("dog 80%, not cat", good=False)),
    ],
    ids=["unknown", "right", "wrong"],
)
def test_the_caption_says_whether_it_is_right(target: Target | None, caption: Caption) -> None:
    assert _task("cat", "dog").caption(_said(0.2, 0.8), target) == caption


def test_json_names_the_classes() -> None:
    assert _task("cat", "dog").to_json(_said(0.25, 0.75)) == {
        "class": "dog",
        "probabilities": {"cat": 0.25, "dog": 0.75},
    }


def test_export_gives_what_decode_says() -> None:
    task, logits = _task("a", "b"), torch.randn(3, 2)
    found = task.export(logits, SIZE)
    rows = torch.stack([row["probabilities"] for row in task.decode(logits, SIZE)])
    assert torch.equal(found["probabilities"], rows)
    assert found["class"].tolist() == rows.argmax(dim=1).tolist()


def test_agreement_is_of_the_class_alone() -> None:
    one, near, other = (
        {"probabilities": torch.tensor(row)} for row in ([0.6, 0.4], [0.9, 0.1], [0.4, 0.6])
    )
    task = _task("a", "b")
    assert task.agreement(one, near) == 1.0
    assert task.agreement(one, other) == 0.0


def test_the_native_head_is_the_trunk_s_own_and_part_of_the_network() -> None:
    tasks = {"cls": _task("a", "b", "c", head="native")}
    network = build_network(Architecture("resnet18", 16, 0.0), tasks).to(DEVICE)
    assert list(network.heads.state_dict()) == ["cls.fc.weight", "cls.fc.bias"]
    pictures = torch.zeros(2, 3, 64, 64, dtype=torch.uint8, device=DEVICE)
    assert network({"image": pictures})["cls"].shape == (2, 3)


def test_a_native_head_needs_a_trunk_with_a_classifier() -> None:
    tasks = {"cls": _task("a", "b", head="native")}
    with pytest.raises(ConfigError, match="head: native: the trunk has no classifier of its own"):
        build_network(Architecture("tiny", 16, 0.0), tasks)
