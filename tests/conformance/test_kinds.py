"""Every registered kind of task keeps the promises of the Task interface."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from mtcli.core.config import Augmentation
from mtcli.core.data.augment import Augment
from mtcli.core.data.dataset import Collate, Item, RecordDataset
from mtcli.core.data.geometry import resize_rule
from mtcli.core.data.records import Record
from mtcli.core.data.sample import Batch, each_tensor
from mtcli.core.labels import Label, LabelValue
from mtcli.core.mixing import Draw
from mtcli.core.network import Architecture, Network, build_network
from mtcli.core.task import AnyTask, Prediction, Target
from mtcli.core.tasks import KINDS
from tests.conftest import DEVICE

ORIGINAL, SIZE = (48, 96), (64, 64)
PICTURES = 6


@pytest.fixture(params=KINDS.names())
def kind(request: pytest.FixtureRequest) -> type[AnyTask]:
    return KINDS.get(request.param)


@pytest.fixture
def values(kind: type[AnyTask]) -> list[LabelValue]:
    generator = torch.Generator().manual_seed(3)
    return [kind.example(generator, ORIGINAL) for _ in range(PICTURES)]


@pytest.fixture
def task(kind: type[AnyTask], values: list[LabelValue]) -> AnyTask:
    plain = {"dropout": 0.0} if "dropout" in kind.Options.model_fields else {}
    return kind.prepare(kind.Options.model_validate(plain), values)


@pytest.fixture
def items(tmp_path: Path, task: AnyTask, values: list[LabelValue]) -> list[Item]:
    return load(tmp_path, task, values, [])


def load(folder: Path, task: AnyTask, values: list[LabelValue], steps: list[Any]) -> list[Item]:
    records = []
    for number, value in enumerate(values):
        pixels = np.random.default_rng(number).integers(0, 256, (*ORIGINAL, 3), dtype=np.uint8)
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path)
        records.append(Record(path.name, path, {"it": Label(value, "example")}, ORIGINAL))
    augment = Augment([Augmentation.model_validate(step) for step in steps], SIZE)
    dataset = RecordDataset(records, {"it": task}, SIZE, "stretch", augment)
    found = [dataset[Draw(1, number, number)] for number in range(len(records))]
    assert all(isinstance(item, Item) for item in found), found
    return [item for item in found if isinstance(item, Item)]


def build(task: AnyTask) -> Network:
    torch.manual_seed(1)
    return build_network(Architecture("tiny", 16, 0.0), {"it": task}).to(DEVICE)


def collate(task: AnyTask, items: list[Item]) -> Batch:
    batch = Collate({"it": task}, SIZE, with_targets=True)(items)
    assert isinstance(batch, Batch)
    return batch.to(DEVICE)


def loss_of(task: AnyTask, network: Network, batch: Batch) -> dict[str, Tensor]:
    raw = network(batch.inputs, batch.rows, batch.targets)["it"]
    parts: dict[str, Tensor] = task.loss(raw, batch.targets["it"], task.counts(batch.targets["it"]))
    return parts


def predict(task: AnyTask, network: Network, batch: Batch) -> list[Prediction]:
    with torch.inference_mode():
        raw = network.eval()(batch.inputs)["it"]
        return [each_tensor(p, lambda t: t.to("cpu")) for p in task.decode(raw, SIZE)]


def targets(task: AnyTask, values: list[LabelValue]) -> list[Target]:
    read = [task.read(value, ORIGINAL) for value in values]
    return [target for target in read if target is not None]


def to_original(predictions: list[Prediction]) -> list[Prediction]:
    return [resize_rule("stretch", ORIGINAL, SIZE).undo(prediction) for prediction in predictions]


def assert_equal(a: Any, b: Any) -> None:
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name].as_subclass(Tensor), b[name].as_subclass(Tensor))


def test_class_facts_are_there(kind: type[AnyTask]) -> None:
    assert kind is KINDS.get(kind.kind)
    assert kind.takes
    assert set(kind.metrics.values()) <= {"max", "min"}
    assert kind.metrics
    assert kind.outputs


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
    assert len(targets(task, values)) == PICTURES
    assert all(task.remarks(value, ORIGINAL) == () for value in values)


@pytest.mark.parametrize(
    "steps",
    [["hflip", "vflip"], [{"zoom": {"scale": [0.6, 1.6], "shift": 0.2}}], ["crop"]],
    ids=["flips", "zoom", "crop"],
)
def test_targets_stay_whole_through_augmentation(
    tmp_path: Path, task: AnyTask, values: list[LabelValue], steps: list[Any]
) -> None:
    items = load(tmp_path, task, values, steps)
    kept = [item for item in items if "it" in item.sample["targets"]]
    if not kept:
        assert not task.crop_safe
        return
    parts = loss_of(task, build(task), collate(task, kept))
    assert all(part.isfinite() for part in parts.values())


def test_every_parameter_of_the_head_gets_a_gradient(task: AnyTask, items: list[Item]) -> None:
    network = build(task).train()
    torch.stack(list(loss_of(task, network, collate(task, items)).values())).sum().backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.heads.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_one_batch_is_learnt_by_heart(task: AnyTask, items: list[Item]) -> None:
    network, batch = build(task).train(), collate(task, items)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        loss = torch.stack(list(loss_of(task, network, batch).values())).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_one_labelled_row_is_enough(task: AnyTask, items: list[Item]) -> None:
    network = build(task).train()
    bare = {**items[0].sample, "targets": {}}
    unlabelled = Item("bare", bare, items[0].resize)  # type: ignore[arg-type]
    batch = collate(task, [unlabelled, items[1], unlabelled])
    assert batch.rows["it"].tolist() == [1]
    parts = loss_of(task, network, batch)
    assert all(part.isfinite() for part in parts.values())


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
        counted = [task.counts(part.targets["it"]) for part in parts]
    for name, loss in found[0].items():
        torch.testing.assert_close(found[1][name] + found[2][name], loss, rtol=1e-4, atol=1e-5)
    for name, count in counts.items():
        torch.testing.assert_close(counted[0][name] + counted[1][name], count)


def test_rows_do_not_see_each_other(task: AnyTask, items: list[Item]) -> None:
    network = build(task)
    forward = predict(task, network, collate(task, items))
    backward = predict(task, network, collate(task, items[::-1]))
    assert len(forward) == PICTURES
    for one, other in zip(forward, backward[::-1], strict=True):
        assert_equal(one, other)


def test_a_meter_names_its_metrics_and_merges(
    task: AnyTask, values: list[LabelValue], items: list[Item]
) -> None:
    predictions = to_original(predict(task, build(task), collate(task, items)))
    truth = targets(task, values)
    whole, first, second = task.meter(), task.meter(), task.meter()
    whole.update(predictions, truth)
    first.update(predictions[:2], truth[:2])
    second.update(predictions[2:], truth[2:])
    first.merge([second])
    assert list(whole.compute()) == list(task.metrics)
    assert first.compute() == whole.compute()
    assert first.per_class() == whole.per_class()
    for value in whole.compute().values():
        assert value is None or value == value
    score = task.score(whole.compute())
    assert score is None or 0 <= score <= 1


def test_an_empty_meter_is_undefined_and_not_nan(task: AnyTask) -> None:
    metrics = task.meter().compute()
    assert list(metrics) == list(task.metrics)
    assert set(metrics.values()) == {None}
    assert task.score(metrics) is None


def test_drawing_leaves_the_picture_as_it_was(
    task: AnyTask, values: list[LabelValue], items: list[Item]
) -> None:
    image = torch.randint(0, 256, (3, *ORIGINAL), dtype=torch.uint8)
    before = image.clone()
    prediction = to_original(predict(task, build(task), collate(task, items)))[0]
    for target in (None, targets(task, values)[0]):
        drawn = task.draw(image, prediction, target)
        assert drawn.shape == image.shape
        assert drawn.dtype == torch.uint8
    assert torch.equal(image, before)


def test_json_and_export_hold_what_they_promise(task: AnyTask, items: list[Item]) -> None:
    network, batch = build(task), collate(task, items)
    for prediction in predict(task, network, batch):
        json.dumps(task.to_json(prediction), allow_nan=False)
    exported = task.export(network(batch.inputs)["it"])
    assert len(exported) == len(task.outputs)
    assert all(len(tensor) == PICTURES for tensor in exported)


def test_heads_do_not_normalise_over_the_batch(task: AnyTask) -> None:
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
    assert not [m for m in build(task).heads.modules() if isinstance(m, norms)]
