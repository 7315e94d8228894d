"""mtcli models: what trunks there are, and what a trunk, a config or a run is made of."""

from __future__ import annotations

from collections.abc import Collection, Generator
from pathlib import Path

from mtcli.core.assembly import copied_tensors, model_of
from mtcli.core.building import build_network
from mtcli.core.checkpoint import load_model, load_network
from mtcli.core.config import Config, TrainConfig
from mtcli.core.data.gather import draw_once, load_records
from mtcli.core.data.records import labelled_only, require_labels
from mtcli.core.data.splits import check_files
from mtcli.core.description import Model
from mtcli.core.errors import ConfigError, UsageError
from mtcli.core.freezing import check_frozen, frozen_until
from mtcli.core.inventory.choices import compare_choices
from mtcli.core.inventory.facts import (
    Comparison,
    FileFacts,
    Key,
    Listing,
    Measuring,
    NetworkFacts,
    TrunkFacts,
)
from mtcli.core.inventory.networks import measure_network
from mtcli.core.inventory.trunks import SELECTION, all_names, matching_names, measure_trunk
from mtcli.core.inventory.weightfiles import describe_tensors
from mtcli.core.network import Network
from mtcli.core.runtime import seed_everything
from mtcli.core.sizing import check_size
from mtcli.core.transfer.build import plan_transfer
from mtcli.core.trunks import find_family
from mtcli.core.weights import read_tensors

WHAT = "a trunk's name, a YAML file, a weight file, or the folder of a run or checkpoint"


def list_trunks(pattern: str | None, size: tuple[int, int]) -> Generator[Measuring, None, Listing]:
    """Measure the trunks that a pattern means, or a selection, for pictures of a size.

    Raises:
        UsageError: none matches, or none of those gives maps.
    """
    names = list(SELECTION) if pattern is None else matching_names(pattern)
    trunks, without = [], []
    for done, name in enumerate(names):
        yield Measuring(done, len(names), name)
        try:
            trunks.append(measure_trunk(name, size))
        except ConfigError as error:
            without.append(name)
            refused = error
    if not trunks:
        raise UsageError(
            f"none of the trunks that match {pattern} gives c2 … c5 for pictures of "
            f"{size[0]} × {size[1]}",
            found=refused.what.removeprefix("model.trunk: "),
            expected=refused.expected,
        )
    return Listing(pattern, size, tuple(trunks), tuple(without), len(all_names()))


def show_trunk(name: str, size: tuple[int, int]) -> TrunkFacts:
    """What a trunk is made of, for pictures of a size.

    Raises:
        UsageError: there is no such trunk, or it does not give maps.
    """
    try:
        find_family(name)
    except ConfigError as error:
        raise UsageError(
            f"no such trunk, config or run: {name}", expected=WHAT, mend=error.mend
        ) from None
    try:
        return measure_trunk(name, size)
    except ConfigError as error:
        raise UsageError(error.what.removeprefix("model.trunk: "), **error.parts()) from None


def show_config(config: Config) -> NetworkFacts:
    """What the network of a config is made of; its labels are read, no weights are downloaded.

    Raises:
        MtcliError: labels are missing or broken, or the network cannot be built or frozen.
    """
    model = _model_of(config)
    network = build_network(model.architecture, model.tasks)
    check_size(network, model.architecture, model.size)
    plan = None if config.transfer is None else plan_transfer(config.transfer, network, model)
    copied = copied_tensors(network, config, plan)
    check_frozen(network, config.train, model.size, copied)
    return _measure(network, model, config.train, copied)


def compare_config(config: Config, key: Key) -> Generator[Measuring, None, Comparison]:
    """What the network of a config costs with each way of sharing, or of fusion.

    Args:
        config: whose labels are read.
        key: which of the two.

    Raises:
        MtcliError: labels are missing or broken, or see `compare_choices`.
    """
    model = _model_of(config)
    return compare_choices(model.architecture, model.tasks, model.size, key)


def compare_checkpoint(checkpoint: Path, key: Key) -> Generator[Measuring, None, Comparison]:
    """What the network of a checkpoint would cost with each way; see `compare_config`."""
    model, _ = load_model(checkpoint)
    return compare_choices(model.architecture, model.tasks, model.size, key)


def show_checkpoint(checkpoint: Path, settings: TrainConfig | None) -> NetworkFacts:
    """What the network of a checkpoint is made of.

    Args:
        checkpoint: its folder.
        settings: how it was trained, where that is known.

    Raises:
        CheckpointError: see `load_model` and `load_network`.
    """
    model, facts = load_model(checkpoint)
    network = load_network(checkpoint, model)
    return _measure(network, model, settings, facts.get("copied", ()))


def show_file(path: Path) -> FileFacts:
    """What a weight file holds.

    Raises:
        ConfigError: it cannot be read, carries code, or holds no tensor.
    """
    tensors = read_tensors(path, "weights")
    if not tensors:
        raise ConfigError("weights: the file holds no tensors by name", where=path)
    return describe_tensors(tensors)


def _model_of(config: Config) -> Model:
    """The tasks and the architecture of a config, with what its training split tells of them."""
    config = draw_once(config)
    check_files(config)
    records = labelled_only(load_records(config.data, config.tasks, "train"))
    for name in config.tasks:
        require_labels(records, name)
    seed_everything(config.train.seed)
    return model_of(config, records)


def _measure(
    network: Network, model: Model, settings: TrainConfig | None, copied: Collection[str]
) -> NetworkFacts:
    resting = None if settings is None else frozen_until(network, settings, copied)
    return measure_network(network, model.architecture, model.tasks, model.size, resting)
