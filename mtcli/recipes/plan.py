"""mtcli data plan: what the epochs of a training will draw."""

from __future__ import annotations

from mtcli.core.config import Config
from mtcli.core.data.gather import load_records
from mtcli.core.data.records import labelled_only, require_labels
from mtcli.core.data.splits import check_files
from mtcli.core.events import Planned
from mtcli.core.mixing.build import build_mixing
from mtcli.core.mixing.plan import plan_epoch


def plan(config: Config) -> Planned:
    """Count what each stage's first epoch draws; no picture is opened.

    Raises:
        MtcliError: labels are missing or broken.
    """
    check_files(config)
    records = labelled_only(load_records(config.data, config.tasks, "train"))
    for name in config.tasks:
        require_labels(records, name)
    settings = config.train
    names = list(config.tasks)
    mixing = build_mixing(settings, names, records)
    labels = [set(record.labels) for record in records]
    stages = [(stage.epochs, stage.mixing.name) for stage in settings.mixing.sequential or ()]
    epochs, first = [], 1
    for lasting, name in stages or [(settings.epochs, settings.mixing.name)]:
        epochs.append(plan_epoch(mixing, first, first + lasting - 1, name, names, labels))
        first += lasting
    return Planned(len(records), settings.batch_size, tuple(epochs))
