"""From `train.mixing` and the records of a run to their mixing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from mtcli.core.config import TaskConfig, TrainConfig
from mtcli.core.configmixing import MixingConfig
from mtcli.core.data.records import Record
from mtcli.core.data.strata import strata
from mtcli.core.mixing import Mixing
from mtcli.core.mixing.bytask import TaskMixing, temperature_weights
from mtcli.core.mixing.joint import JointMixing
from mtcli.core.mixing.length import batches_of_epoch, check_length
from mtcli.core.mixing.sequential import SequentialMixing, Stage
from mtcli.core.mixing.streams import Balanced, Shuffled, Stream


def build_mixing(
    settings: TrainConfig, tasks: Mapping[str, TaskConfig], records: Sequence[Record]
) -> Mixing:
    """The mixing of a training split.

    Args:
        settings: checked with the tasks of the run.
        tasks: of the run.
        records: of the training split; each task has a label in one of them at least.

    Raises:
        ConfigError: classes are to be balanced of a task that has none, or an epoch would not end.
    """
    numbers = {
        name: [number for number, record in enumerate(records) if name in record.labels]
        for name in tasks
    }
    classes = {
        name: _classes(name, tasks[name].kind, [(n, records[n]) for n in numbers[name]])
        for name in settings.balanced
        if name in numbers
    }
    if not settings.mixing.sequential:
        return _policy(settings.mixing, settings, numbers, classes, len(records), None)
    stages = []
    for stage in settings.mixing.sequential:
        own = {name: numbers[name] for name in stage.tasks}
        mixing = _policy(stage.mixing, settings, own, classes, len(records), stage.tasks)
        stages.append(Stage(mixing, stage.epochs, stage.freeze))
    return SequentialMixing(stages)


def _policy(
    mixing: MixingConfig,
    settings: TrainConfig,
    numbers: Mapping[str, Sequence[int]],
    classes: Mapping[str, Mapping[str, Sequence[int]]],
    records: int,
    only: tuple[str, ...] | None,
) -> Mixing:
    """A policy that is no sequence of others, for the records of these tasks; None: all of them."""
    size, accumulate, seed = settings.batch_size, settings.accumulate, settings.seed
    length = settings.epoch_length
    if isinstance(length, int):
        check_length(length, accumulate)
    if mixing.name == "joint":
        used = (
            range(records) if only is None else sorted({n for own in numbers.values() for n in own})
        )
        updates = length if isinstance(length, int) else None
        balanced = next((classes[name] for name in numbers if name in classes), None)
        return JointMixing(used, size, accumulate, seed, only, updates, balanced)
    labelled = {name: len(own) for name, own in numbers.items()}
    weights = dict.fromkeys(numbers, 1.0)
    if mixing.name == "proportional":
        weights = temperature_weights(labelled, 1.0, None)
    elif mixing.temperature is not None:
        weights = temperature_weights(labelled, mixing.temperature.T, mixing.temperature.cap)
    elif mixing.ratios is not None:
        weights = {name: mixing.ratios[name] for name in numbers}
    streams: dict[str, Stream] = {
        name: Balanced(classes[name], seed, name) if name in classes else Shuffled(own, seed, name)
        for name, own in numbers.items()
    }
    if isinstance(length, int):
        batches = length * accumulate
    else:
        batches = batches_of_epoch(labelled, weights, size, length)
    shuffled = mixing.name != "round_robin"
    return TaskMixing(streams, weights, size, accumulate, seed, batches, shuffled)


def _classes(task: str, kind: str, labelled: Sequence[tuple[int, Record]]) -> dict[str, list[int]]:
    """The records of each class of a task."""
    labels = {record.key: record.labels[task] for _, record in labelled}
    words = strata(labels, kind, "train.balanced")
    members: dict[str, list[int]] = defaultdict(list)
    for number, record in labelled:
        members[words[record.key]].append(number)
    return dict(members)
