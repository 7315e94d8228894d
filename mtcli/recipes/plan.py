"""mtcli data plan: what the epochs of a training will draw."""

from __future__ import annotations

from collections.abc import Sequence

from mtcli.core.assembly import assemble
from mtcli.core.config import Config
from mtcli.core.data.gather import load_records
from mtcli.core.data.records import Record, labelled_only, require_labels
from mtcli.core.data.splits import check_files
from mtcli.core.mixing.build import build_mixing
from mtcli.core.mixing.events import Planned
from mtcli.core.mixing.plan import plan_epoch


def plan(config: Config) -> Planned:
    """Count what each stage's first epoch draws; no picture is opened.

    Raises:
        MtcliError: labels are missing or broken, or stages cannot be trained.
    """
    settings = config.train
    sequential = settings.mixing.sequential or ()
    # Only a network can say whether parts that are to be frozen exist, and leave enough to learn.
    frozen = any(stage.freeze for stage in sequential)
    records = assemble(config).records["train"] if frozen else _records(config)
    mixing = build_mixing(settings, config.tasks, records)
    labels = [set(record.labels) for record in records]
    stages = [(stage.epochs, stage.mixing.name) for stage in sequential]
    epochs, first = [], 1
    for lasting, name in stages or [(settings.epochs, settings.mixing.name)]:
        last = first + lasting - 1
        epochs.append(plan_epoch(mixing, first, last, name, list(config.tasks), labels))
        first += lasting
    return Planned(len(records), settings.batch_size, tuple(epochs))


def _records(config: Config) -> Sequence[Record]:
    check_files(config)
    records = labelled_only(load_records(config.data, config.tasks, "train"))
    for name in config.tasks:
        require_labels(records, name)
    return records
