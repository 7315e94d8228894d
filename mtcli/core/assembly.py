"""From a config to records, tasks and a network: the small work that finds most mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtcli.core.checkpoint import Model, load_model
from mtcli.core.config import Config
from mtcli.core.data.gather import load_records
from mtcli.core.data.prepare import prepare_tasks
from mtcli.core.data.records import Record, labelled_only, require_labels
from mtcli.core.data.splits import check_files, has_split, names_of
from mtcli.core.errors import ConfigError
from mtcli.core.freezing import check_frozen
from mtcli.core.network import Architecture, Network, build_network, check_size
from mtcli.core.progress import check_best
from mtcli.core.runtime import seed_everything
from mtcli.core.weights import WeightsReport, load_trunk_weights


@dataclass(frozen=True, slots=True)
class Assembly:
    """What a training starts from; no picture was opened yet.

    Attributes:
        records: by split, without the sizes of their pictures.
        model: the tasks with what the training split tells of them, and the architecture.
        network: with its first weights, on the CPU.
        weights: what came of loading published weights, where the config names some.
        unlabelled: by split, how many pictures were left out, since no task has a label for them.
    """

    records: dict[str, Sequence[Record]]
    model: Model
    network: Network
    weights: WeightsReport | None
    unlabelled: dict[str, int]


def assemble(config: Config, checkpoint: Path | None = None) -> Assembly:
    """Read the labels of the splits `train` and `val`, and build tasks and network.

    Args:
        config: checked.
        checkpoint: to take tasks and architecture from, when a training goes on; the network's
            weights are then the caller's to fill.

    Raises:
        MtcliError: labels are missing or broken, or the network cannot be built as asked.
    """
    data = config.data
    check_files(config)
    records: dict[str, Sequence[Record]] = {
        split: load_records(data, config.tasks, split) for split in ("train", "val")
    }
    for name, task in config.tasks.items():
        if task.splits is not None and not has_split(task.splits, "train"):
            raise ConfigError(
                f"tasks.{name}.splits: no such split: train",
                found=", ".join(names_of(task.splits)),
            )
        require_labels(records["train"], name)
    used = {split: labelled_only(listed) or listed for split, listed in records.items()}
    unlabelled = {split: len(records[split]) - len(used[split]) for split in records}
    records = used
    seed_everything(config.train.seed)
    if checkpoint is not None:
        model, _ = load_model(checkpoint)
    else:
        chosen = config.model
        architecture = Architecture(chosen.trunk, chosen.pyramid, chosen.drop_path)
        tasks = prepare_tasks(records["train"], config.tasks)
        model = Model(architecture, tasks, data.size, data.resize, config.plugins)
    check_best(config.train.best, model.tasks)
    network = build_network(model.architecture, model.tasks)
    check_size(network, model.architecture.trunk, data.size)
    check_frozen(network, config.train.mixing, data.size)
    weights = None
    if config.model.weights is not None and checkpoint is None:
        weights = load_trunk_weights(network.trunk, config.model.weights)
    return Assembly(records, model, network, weights, unlabelled)
