"""Every registered kind of task, with every head that it may choose, keeps the Task's promises."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from torch import Tensor, nn
from torchvision.tv_tensors import BoundingBoxes, Mask

from mtcli.core.answering import NetworkAnswers
from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.configaugment import Augmentation
from mtcli.core.data.augment import Augment
from mtcli.core.data.dataset import Collate, Item, RecordDataset
from mtcli.core.data.geometry import Resize, Rule, resize_rule
from mtcli.core.data.records import Record
from mtcli.core.data.sample import Batch, each_tensor
from mtcli.core.evaluation import evaluate
from mtcli.core.heads import DENSE_HEADS, DETECTORS
from mtcli.core.labels import (
    ClassMapLabel,
    Label,
    LabelError,
    LabelValue,
    NumberMapLabel,
    ObjectsLabel,
    PointsLabel,
    WordsLabel,
)
from mtcli.core.maps import IGNORED
from mtcli.core.mixing import Draw
from mtcli.core.network import Network
from mtcli.core.ops.page import Said, page
from mtcli.core.runtime import Runtime
from mtcli.core.task import AnyTask, Meter, Prediction, Target
from mtcli.core.tasks import KINDS
from tests.conftest import DEVICE
from tests.drawn import drawn_on

ORIGINAL, SIZE = (48, 96), (64, 64)
PICTURES = 6


@dataclass(frozen=True)
class Case:
    """A kind, with one of the heads that its options let it choose, where they do."""

    kind: type[AnyTask]
    head: str | None

    def __str__(self) -> str:
        return self.kind.kind if self.head is None else f"{self.kind.kind}-{self.head}"

    @property
    def options(self) -> dict[str, Any]:
        plain = {"dropout": 0.0} if "dropout" in self.kind.Options.model_fields else {}
        return plain if self.head is None else {**plain, "head": self.head}

    @property
    def samples(self) -> bool:
        """Whether the head draws at random what it is taught with."""
        return self.head in DETECTORS.names() and DETECTORS.get(self.head).samples

    @property
    def partial(self) -> bool:
        """Whether kind and head can be taught where only some classes were looked for."""
        if self.head in DETECTORS.names():
            return self.kind.partial and DETECTORS.get(self.head).partial
        return self.kind.partial


def _cases() -> Iterator[Case]:
    for name in KINDS.names():
        kind = KINDS.get(name)
        heads: list[str | None] = [
            head
            for head in sorted({*DETECTORS.names(), *DENSE_HEADS.names()})
            if "head" in kind.Options.model_fields and _accepts(kind, head)
        ]
        yield from (Case(kind, head) for head in heads or [None])


def _accepts(kind: type[AnyTask], head: str) -> bool:
    try:
        kind.Options.model_validate({"head": head})
    except ValidationError:
        return False
    return True


CASES = list(_cases())


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    return chosen


@pytest.fixture
def kind(case: Case) -> type[AnyTask]:
    return case.kind


@pytest.fixture
def values(kind: type[AnyTask]) -> list[LabelValue]:
    generator = torch.Generator().manual_seed(3)
    return [kind.example(generator, ORIGINAL) for _ in range(PICTURES)]


@pytest.fixture
def task(case: Case, values: list[LabelValue]) -> AnyTask:
    return case.kind.prepare(case.kind.Options.model_validate(case.options), values)


@pytest.fixture
def items(tmp_path: Path, task: AnyTask, values: list[LabelValue]) -> list[Item]:
    return load(write(tmp_path, values), task)


def write(folder: Path, values: Sequence[LabelValue]) -> list[Record]:
    """A picture of noise on disk for each value."""
    records = []
    for number, value in enumerate(values):
        pixels = np.random.default_rng(number).integers(0, 256, (*ORIGINAL, 3), dtype=np.uint8)
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path, compress_level=0)
        records.append(Record(path.name, path, {"it": Label(value, "example")}, ORIGINAL))
    return records


def load(
    records: Sequence[Record], task: AnyTask, steps: Sequence[Any] = (), rule: Rule = "stretch"
) -> list[Item]:
    augment = Augment([Augmentation.model_validate(step) for step in steps], SIZE)
    dataset = RecordDataset(records, {"it": task}, SIZE, rule, augment)
    found = [dataset[Draw(1, number, number)] for number in range(len(records))]
    assert all(isinstance(item, Item) for item in found), found
    return [item for item in found if isinstance(item, Item)]


def build(task: AnyTask) -> Network:
    torch.manual_seed(1)
    return build_network(Architecture("tiny", 16, 0.0), {"it": task}).to(DEVICE)


def collate(task: AnyTask, items: Sequence[Item]) -> Batch:
    batch = Collate({"it": task}, SIZE, with_targets=True)(items)
    assert isinstance(batch, Batch)
    return batch.to(DEVICE)


def loss_of(task: AnyTask, network: Network, batch: Batch) -> dict[str, Tensor]:
    raw = network(batch.inputs, batch.rows, batch.targets)["it"]
    parts: dict[str, Tensor] = task.loss(raw, batch.targets["it"], task.counts(batch.targets["it"]))
    return parts


def total_of(parts: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(parts.values())).sum()


def predict(task: AnyTask, network: Network, batch: Batch) -> list[Prediction]:
    with torch.inference_mode():
        raw = network.eval()(batch.inputs)["it"]
        return [each_tensor(p, lambda t: t.to("cpu")) for p in task.decode(raw, SIZE)]


def targets(task: AnyTask, values: Sequence[LabelValue]) -> list[Target]:
    read = [task.read(value, ORIGINAL) for value in values]
    return [target for target in read if target is not None]


def to_original(predictions: list[Prediction]) -> list[Prediction]:
    return [resize_rule("stretch", ORIGINAL, SIZE).undo(prediction) for prediction in predictions]


def measured(task: AnyTask, predictions: Sequence[Prediction], truth: Sequence[Target]) -> Meter:
    meter: Meter = task.meter()
    meter.update(predictions, truth)
    return meter


def assert_best(task: AnyTask, meter: Meter) -> None:
    metrics = meter.compute()
    best = {"max": 1.0, "min": 0.0}[task.metrics[task.primary]]
    assert metrics[task.primary] == pytest.approx(best, abs=1e-4)
    assert task.score(metrics) == pytest.approx(1.0, abs=1e-4)


def assert_equal(a: Any, b: Any) -> None:
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name].as_subclass(Tensor), b[name].as_subclass(Tensor))


def assert_close(a: dict[str, float | None], b: dict[str, float | None]) -> None:
    """Metrics that differ at most as sums in another order do; none is NaN."""
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert (value is None) == (b[name] is None), name
        if value is not None:
            assert value == pytest.approx(b[name], rel=1e-12), name


def assert_inside(prediction: Prediction, size: tuple[int, int]) -> None:
    height, width = size
    for name, value in prediction.items():
        plain = value.as_subclass(Tensor)
        assert plain.device.type == "cpu"
        assert not plain.is_floating_point() or plain.isfinite().all(), name
        if isinstance(value, BoundingBoxes):
            assert value.canvas_size == size
            assert plain.min() >= 0 if plain.numel() else True
            assert (plain <= torch.tensor([width, height, width, height])).all(), name
        if isinstance(value, Mask):
            assert plain.shape == size


def test_every_head_is_somebody_s() -> None:
    """Or the suite would pass one over that a kind refuses by mistake."""
    used = {case.head for case in CASES}
    assert {*DETECTORS.names(), *DENSE_HEADS.names()} <= used


def test_class_facts_are_there(kind: type[AnyTask]) -> None:
    assert kind is KINDS.get(kind.kind)
    assert kind.takes
    assert set(kind.metrics.values()) <= {"max", "min"}
    assert kind.metrics
    assert kind.outputs
    assert kind.raw_outputs
    assert all(": " in said for said in (*kind.outputs.values(), *kind.raw_outputs.values()))


def test_options_and_facts_survive_json(task: AnyTask, values: list[LabelValue]) -> None:
    stored = json.loads(json.dumps([task.options.model_dump(mode="json"), task.facts.model_dump()]))
    again = type(task)(
        type(task).Options.model_validate(stored[0]), type(task).Facts.model_validate(stored[1])
    )
    for value in values:
        one, other = task.read(value, ORIGINAL), again.read(value, ORIGINAL)
        assert (one is None) == (other is None)
        if one is not None:
            assert_equal(one, other)


def test_an_example_is_read_and_needs_no_mending(task: AnyTask, values: list[LabelValue]) -> None:
    assert all(isinstance(value, task.takes) for value in values)
    assert len(targets(task, values)) == PICTURES
    assert all(task.remarks(value, ORIGINAL) == () for value in values)


def test_values_may_be_read_once_alone(case: Case, values: list[LabelValue]) -> None:
    """They come from disk one by one; a second pass over an iterator would find nothing."""
    options = case.kind.Options.model_validate(case.options)
    once = case.kind.prepare(options, iter(values))
    assert once.facts == case.kind.prepare(options, values).facts


STEPS: dict[str, tuple[list[Any], Rule]] = {
    "flips": ([{"hflip": {"p": 0.7}}, "vflip"], "stretch"),
    "zoom": ([{"zoom": {"scale": [0.6, 1.6], "shift": 0.2}}], "stretch"),
    "crop": (["crop"], "stretch"),
    "letterbox": ([], "letterbox"),
    "letterbox and zoom": ([{"zoom": {"scale": [0.5, 2.0]}}, "hflip"], "letterbox"),
    "letterbox and crop": ([{"crop": {"scale": [0.1, 0.5]}}], "letterbox"),
    "colour": ([{"color_jitter": {"brightness": 0.4, "hue": 0.1}}], "stretch"),
}


@pytest.mark.parametrize("steps", STEPS)
def test_targets_stay_whole_through_augmentation(
    tmp_path: Path, task: AnyTask, values: list[LabelValue], steps: str
) -> None:
    items = load(write(tmp_path, values), task, *STEPS[steps])
    kept = [item for item in items if "it" in item.sample["targets"]]
    if steps in ("flips", "letterbox", "colour"):
        assert len(kept) == PICTURES
    elif not kept:
        assert not task.crop_safe
        return
    parts = loss_of(task, build(task), collate(task, kept))
    assert all(part.isfinite() for part in parts.values())


def test_a_change_of_colour_changes_no_target(
    tmp_path: Path, task: AnyTask, values: list[LabelValue]
) -> None:
    records = write(tmp_path, values)
    jittered = load(records, task, *STEPS["colour"])
    for one, other in zip(load(records, task), jittered, strict=True):
        assert_equal(one.sample["targets"]["it"], other.sample["targets"]["it"])


def test_mirrored_twice_a_target_is_itself(
    tmp_path: Path, task: AnyTask, values: list[LabelValue]
) -> None:
    records, flip = write(tmp_path, values), {"hflip": {"p": 1}}
    for one, other in zip(load(records, task), load(records, task, [flip, flip]), strict=True):
        assert_equal(one.sample["targets"]["it"], other.sample["targets"]["it"])


def test_every_parameter_of_the_head_gets_a_gradient(task: AnyTask, items: list[Item]) -> None:
    network = build(task).train()
    total_of(loss_of(task, network, collate(task, items))).backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.heads.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_one_batch_is_learnt_by_heart(task: AnyTask, items: list[Item]) -> None:
    network, batch = build(task).train(), collate(task, items)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(60):
        loss = total_of(loss_of(task, network, batch))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
        if losses[-1] < 0.5 * losses[0]:
            return
    raise AssertionError(losses)


def test_one_labelled_row_is_enough(task: AnyTask, items: list[Item]) -> None:
    network = build(task).train()
    bare = {**items[0].sample, "targets": {}}
    unlabelled = Item("bare", bare, items[0].resize)  # type: ignore[arg-type]
    batch = collate(task, [unlabelled, items[1], unlabelled])
    assert batch.rows["it"].tolist() == [1]
    parts = loss_of(task, network, batch)
    assert all(part.isfinite() for part in parts.values())


@pytest.mark.parametrize("case", [c for c in CASES if not c.samples], ids=str)
def test_a_batch_is_the_sum_of_its_parts(task: AnyTask, items: list[Item]) -> None:
    network = build(task).eval()
    whole = collate(task, items)
    counts = task.counts(whole.targets["it"])
    with torch.no_grad():
        parts = [collate(task, items[:2]), collate(task, items[2:])]
        found = [
            task.loss(network(b.inputs, b.rows, b.targets)["it"], b.targets["it"], counts)
            for b in (whole, *parts)
        ]
    for name, loss in found[0].items():
        torch.testing.assert_close(found[1][name] + found[2][name], loss, rtol=1e-4, atol=1e-5)


def test_counts_of_parts_add_up(task: AnyTask, items: list[Item]) -> None:
    parts = [task.counts(collate(task, own).targets["it"]) for own in (items[:2], items[2:])]
    for name, count in task.counts(collate(task, items).targets["it"]).items():
        torch.testing.assert_close(parts[0][name] + parts[1][name], count)
        assert count.dim() == 0
        assert count.is_floating_point()


def test_losses_weigh_by_the_counts_they_are_given(task: AnyTask, items: list[Item]) -> None:
    """Counts of four times as many pictures make of each part of the loss a quarter."""
    network, batch = build(task).train(), collate(task, items)
    counts = task.counts(batch.targets["it"])
    raw = network(batch.inputs, batch.rows, batch.targets)["it"]
    own = task.loss(raw, batch.targets["it"], counts)
    shared = task.loss(raw, batch.targets["it"], {name: 4 * n for name, n in counts.items()})
    for name, part in own.items():
        assert part.isfinite()
        assert part > 0
        torch.testing.assert_close(shared[name], part / 4)


def test_rows_do_not_see_each_other(task: AnyTask, items: list[Item]) -> None:
    network = build(task)
    forward = predict(task, network, collate(task, items))
    backward = predict(task, network, collate(task, items[::-1]))
    assert len(forward) == PICTURES
    for one, other in zip(forward, backward[::-1], strict=True):
        assert_equal(one, other)


def test_decoding_is_certain_and_stays_inside_the_frame(task: AnyTask, items: list[Item]) -> None:
    network, batch = build(task), collate(task, items)
    with torch.no_grad():
        for parameter in network.heads.parameters():
            parameter.mul_(3)  # so that answers differ, and reach beyond the frame
    first, again = predict(task, network, batch), predict(task, network, batch)
    for one, other in zip(first, again, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
        assert_inside(one, SIZE)
    for rule in ("stretch", "letterbox"):
        resize = resize_rule(rule, ORIGINAL, SIZE)
        for prediction in first:
            assert_inside(resize.undo(prediction), ORIGINAL)


def test_a_meter_names_its_metrics_and_merges(
    task: AnyTask, values: list[LabelValue], items: list[Item]
) -> None:
    predictions = to_original(predict(task, build(task), collate(task, items)))
    truth = targets(task, values)
    whole, first = measured(task, predictions, truth), measured(task, predictions[:2], truth[:2])
    first.merge([measured(task, predictions[2:], truth[2:])])
    assert list(whole.compute()) == list(task.metrics)
    assert_close(first.compute(), whole.compute())
    assert first.per_class().keys() == whole.per_class().keys()
    for name, metrics in whole.per_class().items():
        assert_close(first.per_class()[name], metrics)
    score = task.score(whole.compute())
    assert score is None or 0 <= score <= 1


def test_meters_of_differently_prepared_tasks_merge(
    case: Case, task: AnyTask, values: list[LabelValue], items: list[Item]
) -> None:
    """Those of a cross-validation's folds: the classes are the same, other facts are not."""
    options = case.kind.Options.model_validate(case.options)
    other = case.kind.prepare(options, [*values, *[values[0]] * 5])
    predictions = to_original(predict(task, build(task), collate(task, items)))
    truth = targets(task, values)
    for first, second in ((task, other), (other, task)):
        merged = measured(first, predictions[:2], targets(first, values[:2]))
        merged.merge([measured(second, predictions[2:], targets(second, values[2:]))])
        found, whole = merged.compute(), measured(task, predictions, truth).compute()
        assert found.keys() == whole.keys()
        for name, value in whole.items():
            assert found[name] == (None if value is None else pytest.approx(value, rel=1e-9)), name


def test_an_empty_meter_is_undefined_and_not_nan(task: AnyTask) -> None:
    metrics = task.meter().compute()
    assert list(metrics) == list(task.metrics)
    assert set(metrics.values()) == {None}
    assert task.score(metrics) is None


def test_a_perfect_prediction_has_the_best_metric(
    task: AnyTask, values: list[LabelValue], items: list[Item]
) -> None:
    truth = targets(task, values)
    like = predict(task, build(task), collate(task, items))[0]
    perfect = [task.truth(target) for target in truth]
    assert all(answer.keys() == like.keys() for answer in perfect)
    assert_best(task, measured(task, perfect, truth))


@pytest.mark.parametrize("rule", ["stretch", "letterbox"])
def test_an_evaluation_finds_a_perfect_answer_perfect(
    tmp_path: Path,
    task: AnyTask,
    values: list[LabelValue],
    rule: Rule,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the head is to say of the input comes back as what the label says of the picture."""
    records = write(tmp_path, values)
    dataset = RecordDataset(records, {"it": task}, SIZE, rule)
    found = [dataset[Draw(0, number, number)] for number in range(PICTURES)]
    batch = Collate({"it": task}, SIZE, with_targets=False)(found)
    assert isinstance(batch, Batch)
    network = build(task)
    asked = [item.sample["targets"]["it"] for item in found if isinstance(item, Item)]
    answers = [
        each_tensor(task.truth(target), lambda tensor: tensor.to(DEVICE)) for target in asked
    ]
    seen: list[tuple[int, int]] = []

    def decode(raw: object, size: tuple[int, int]) -> list[Prediction]:
        seen.append(size)
        return answers

    monkeypatch.setattr(task, "decode", decode)
    asked_of = NetworkAnswers(network.eval(), {"it": task}, Runtime(DEVICE, "fp32"))
    running = evaluate(asked_of, {"it": task}, [batch.to(DEVICE)], records, "val")
    meters: dict[str, Meter] = {}
    try:
        while True:
            assert next(running).done == PICTURES
    except StopIteration as end:
        meters = end.value
    assert seen == [SIZE]
    assert_best(task, meters["it"])


def one_class(task: AnyTask, value: LabelValue, alone: bool = False) -> LabelValue:
    """The value, had somebody looked for the first class only; `alone`: and noted no other."""
    name = task.facts.classes[0]  # type: ignore[attr-defined]
    assert isinstance(value, WordsLabel | ObjectsLabel)
    if isinstance(value, WordsLabel):
        words = tuple(word for word in value.words if word == name or not alone)
        return WordsLabel(words, looked_for=(name,))
    objects = tuple(item for item in value.objects if item.name == name or not alone)
    return replace(value, objects=objects, looked_for=(name,))


@pytest.mark.parametrize("case", [c for c in CASES if c.partial], ids=str)
def test_what_nobody_looked_for_is_neither_taught_nor_judged(
    tmp_path: Path, task: AnyTask, values: list[LabelValue]
) -> None:
    partly = [one_class(task, value) for value in values]
    truth = targets(task, partly)
    for target, alone in zip(
        truth, targets(task, [one_class(task, value, alone=True) for value in values]), strict=True
    ):
        assert target["looked_for"].tolist() == [True, *[False] * (len(target["looked_for"]) - 1)]
        assert_equal(target, alone)  # a find by the way says nothing of what was passed over
    records = write(tmp_path, partly)
    network = build(task).train()
    for steps in ([], ["hflip", {"zoom": {"scale": [0.8, 1.2]}}]):
        batch = collate(task, load(records, task, steps))
        loss = total_of(loss_of(task, network, batch))
        loss.backward()  # type: ignore[no-untyped-call]
        assert loss.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    # All that is in the pictures is found, also what was not looked for: not held against it.
    whole = [task.truth(target) for target in targets(task, values)]
    assert_best(task, measured(task, whole, truth))


@pytest.mark.parametrize("case", [c for c in CASES if c.kind.partial > c.partial], ids=str)
def test_what_cannot_be_taught_partly_is_refused(case: Case, values: list[LabelValue]) -> None:
    options = case.kind.Options.model_validate(case.options)
    task = case.kind.prepare(options, values)
    with pytest.raises(LabelError, match=str(case.head)) as caught:
        case.kind.prepare(options, [*values, one_class(task, values[0])])
    assert caught.value.mend is not None


def nothing(value: LabelValue) -> LabelValue:
    """What is said of a picture where somebody looked, and nothing is there."""
    match value:
        case WordsLabel():
            return WordsLabel(())
        case ObjectsLabel():
            return ObjectsLabel(())
        case PointsLabel():
            return replace(value, points=(None,) * len(value.names))
        case ClassMapLabel():
            return replace(value, numbers=torch.full_like(value.numbers, IGNORED))
        case NumberMapLabel():
            return NumberMapLabel(torch.zeros_like(value.values))


@pytest.mark.parametrize("others", [0, 2])
def test_a_picture_where_nothing_is_has_a_finite_loss(
    tmp_path: Path, task: AnyTask, values: list[LabelValue], others: int
) -> None:
    empty = nothing(values[0])
    try:
        target = task.read(empty, ORIGINAL)
    except LabelError:
        pytest.skip("the kind has no such label")
    if target is None:
        pytest.skip("the kind takes it for no label")
    items = load(write(tmp_path, [empty, *values[:others]]), task)
    network, batch = build(task).train(), collate(task, items)
    loss = total_of(loss_of(task, network, batch))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    found = to_original(predict(task, network, batch))
    metrics = measured(task, found[:1], [target]).compute()
    assert all(value is None or value == value for value in metrics.values())


@pytest.mark.parametrize("channels_last", [False, True])
def test_drawing_leaves_the_picture_as_it_was(
    task: AnyTask, values: list[LabelValue], items: list[Item], channels_last: bool
) -> None:
    image = torch.randint(0, 256, (3, *ORIGINAL), dtype=torch.uint8)
    plain = image
    if channels_last:
        image = image.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    before = image.clone()
    prediction = to_original(predict(task, build(task), collate(task, items)))[0]
    for target in (None, targets(task, values)[0]):
        drawn = drawn_on(task, image, prediction, target)
        assert drawn.shape == image.shape
        assert drawn.dtype == torch.uint8
        assert torch.equal(drawn, drawn_on(task, plain, prediction, target))
    assert torch.equal(image, before)


def test_a_person_is_shown_something(task: AnyTask, values: list[LabelValue]) -> None:
    image = torch.zeros(3, *ORIGINAL, dtype=torch.uint8)
    truth = targets(task, values)[0]
    found = task.truth(truth)
    caption = task.caption(found, truth)
    if caption is None:
        assert not torch.equal(drawn_on(task, image, found, truth), image)
    else:
        assert caption.text
        assert caption.good is not False
        unknown = task.caption(found, None)
        assert unknown is not None
        assert unknown.good is None


@pytest.mark.parametrize("steps", ["flips", "crop", "letterbox and zoom"])
def test_a_truth_can_be_shown_and_told_without_scores(
    tmp_path: Path, task: AnyTask, values: list[LabelValue], steps: str
) -> None:
    """Also that of an augmented sample, of which parts are unknown."""
    for item in load(write(tmp_path, values), task, *STEPS[steps]):
        target = item.sample["targets"].get("it")
        if target is None:
            continue
        image = item.sample["image"].as_subclass(Tensor)
        found = task.truth(target)
        assert drawn_on(task, image, found, None).shape == image.shape
        caption = task.caption(found, None)
        assert caption is None or "%" not in caption.text
        json.dumps(task.to_json(found), allow_nan=False)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (2, 3), (11, 5)], ids=str)
def test_tiny_pictures_are_drawn_on(
    task: AnyTask, values: list[LabelValue], items: list[Item], size: tuple[int, int]
) -> None:
    target = targets(task, values)[0]
    resize = Resize(ORIGINAL, size, inner=size, offset=(0, 0))
    like = predict(task, build(task), collate(task, items))[0]
    found = [resize_rule("stretch", size, SIZE).undo(like), resize.apply(task.truth(target))]
    for prediction in found:
        for truth in (None, resize.apply(target)):
            drawn = drawn_on(task, torch.zeros(3, *size, dtype=torch.uint8), prediction, truth)
            assert drawn.shape == (3, *size)
            caption = task.caption(prediction, truth)
            if caption is not None:
                said = [Said("it", caption.text, caption.good)]
                assert page([("", drawn)], said, []).shape[2] >= size[1]


def test_json_holds_what_was_predicted(task: AnyTask, items: list[Item]) -> None:
    for prediction in predict(task, build(task), collate(task, items)):
        json.dumps(task.to_json(prediction), allow_nan=False)


def test_an_answer_agrees_with_itself_and_less_with_others(
    task: AnyTask, values: list[LabelValue]
) -> None:
    answers = [task.truth(target) for target in targets(task, values)]
    assert all(task.agreement(answer, answer) == 1 for answer in answers)
    among = [task.agreement(answers[0], other) for other in answers[1:]]
    assert among == [task.agreement(other, answers[0]) for other in answers[1:]]
    assert 0 <= min(among) < 1


def test_heads_do_not_normalise_over_the_batch(task: AnyTask) -> None:
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
    assert not [m for m in build(task).heads.modules() if isinstance(m, norms)]
