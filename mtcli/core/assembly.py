"""From a config to records, tasks and a network: the small work that finds most mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mtcli.core.architecture import architecture_of, prefix_of, trunks_of
from mtcli.core.building import build_network
from mtcli.core.checkpoint import load_model
from mtcli.core.config import Config
from mtcli.core.configmodel import TrunkConfig
from mtcli.core.data.gather import load_records
from mtcli.core.data.prepare import prepare_tasks
from mtcli.core.data.ranges import find_inputs
from mtcli.core.data.records import Record, labelled_only, require_labels
from mtcli.core.data.splits import check_files, has_split, names_of
from mtcli.core.description import Model
from mtcli.core.distillation import Teacher, known_tasks
from mtcli.core.errors import ConfigError
from mtcli.core.freezing import check_frozen
from mtcli.core.heads.native import NativeHead
from mtcli.core.network import Network
from mtcli.core.progress import check_best
from mtcli.core.runtime import Runtime, seed_everything
from mtcli.core.sizing import check_size
from mtcli.core.transfer.build import plan_native, plan_transfer
from mtcli.core.transfer.keeping import kept_tasks
from mtcli.core.transfer.plan import Plan
from mtcli.core.weights import WeightsReport, load_trunk_weights


@dataclass(frozen=True, slots=True)
class Assembly:
    """What a training starts from; no picture was opened yet.

    Attributes:
        records: by split, without the sizes of their pictures.
        model: the tasks with what the training split tells of them, and the architecture.
        network: with its first weights, on the CPU.
        weights: what came of loading published weights into trunks.
        plan: what came of every tensor, where weights move from another network.
        copied: the tensors of the network that did not start at random.
        unlabelled: by split, how many pictures were left out, since no task has a label for them.
    """

    records: dict[str, Sequence[Record]]
    model: Model
    network: Network
    weights: Sequence[WeightsReport]
    plan: Plan | None
    copied: frozenset[str]
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
    copied: frozenset[str] = frozenset()
    if checkpoint is not None:
        model, facts = load_model(checkpoint)
        copied = frozenset(facts.get("copied", ()))
    else:
        model = model_of(config, records["train"])
    check_best(config.train.best, model.tasks)
    network, weights, plan = start_network(config, model, from_scratch=checkpoint is None)
    if checkpoint is None:
        copied = copied_tensors(network, config, plan)
    return Assembly(records, model, network, weights, plan, copied, unlabelled)


def model_of(config: Config, records: Sequence[Record]) -> Model:
    """The tasks with what the records of the training split tell of them, and the architecture.

    Raises:
        MtcliError: labels or inputs do not tell what must be known.
    """
    inputs = find_inputs(config, records)
    architecture = architecture_of(config.model, config.tasks, inputs)
    kept = kept_tasks(config.transfer, config.tasks)
    learnt = {name: task for name, task in config.tasks.items() if name not in kept}
    prepared = {**prepare_tasks(records, learnt), **kept}
    return Model(
        architecture,
        {name: prepared[name] for name in config.tasks},
        config.data.size,
        config.data.resize,
        config.plugins,
        {name: scale for name, scale in inputs.items() if scale is not None},
    )


def start_network(
    config: Config, model: Model, from_scratch: bool = True
) -> tuple[Network, Sequence[WeightsReport], Plan | None]:
    """The network that a training starts with, on the CPU, and where its weights come from.

    Args:
        config: checked.
        model: what the network is built from.
        from_scratch: whether it gets its first weights here, or the caller fills it.

    Raises:
        MtcliError: it cannot be built, frozen or filled as asked.
    """
    network = build_network(model.architecture, model.tasks)
    check_size(network, model.architecture, model.size)
    if not from_scratch:
        return network, (), None
    weights = []
    published = published_tensors(network, config)
    for key, trunk in trunks_of(config.model, config.tasks).items():
        if trunk.weights is not None:
            report, heads = _fill(network, model, key, trunk)
            weights.append(report)
            published |= dict.fromkeys(heads, weights_key(key))
    plan = None
    if config.transfer is not None:
        plan = plan_transfer(config.transfer, network, model).beside(published)
        if config.transfer.strict:
            plan.require_all()
        plan.apply(network)
    check_frozen(network, config.train, model.size, copied_tensors(network, config, plan))
    return network, weights, plan


def _fill(
    network: Network, model: Model, key: str, trunk: TrunkConfig
) -> tuple[WeightsReport, set[str]]:
    """Fill a trunk, the tasks' parts of it, and the heads that are its own classifier.

    Returns:
        What came of it, and the tensors of heads that it filled.
    """
    assert trunk.weights is not None
    parts = [network.trunk_of(part) for part, root in network.parts.items() if root == key]
    try:
        report = load_trunk_weights(parts[0], trunk.weights, trunk.trunk, parts[1:])
    except ConfigError as error:
        what = error.what.replace("model.weights", weights_key(key))
        raise ConfigError(what, **error.parts()) from None
    filled: set[str] = set()
    for task, head in network.heads.items():
        if network.roots[network.uses[task]] == key and isinstance(head, NativeHead):
            plan = plan_native(trunk.weights, trunk.trunk, network, model, task)
            if plan is not None:
                plan.apply(network)
                filled |= plan.copied
    used = {name.split(".", 2)[2] for name in filled}
    return replace(report, unused=tuple(n for n in report.unused if n not in used)), filled


def published_tensors(network: Network, config: Config) -> dict[str, str]:
    """The tensors of trunks that the config has weights for, each with the key that says so."""
    trunks = trunks_of(config.model, config.tasks)
    return {
        name: weights_key(key)
        for part, key in network.parts.items()
        if trunks[key].weights is not None
        for name in network.state_dict()
        if name.startswith(prefix_of(part))
    }


def copied_tensors(network: Network, config: Config, plan: Plan | None) -> frozenset[str]:
    """The tensors that do not start at random: of trunks that have weights, and the copied ones."""
    published = frozenset(published_tensors(network, config))
    return published | (plan.copied if plan is not None else frozenset())


def weights_key(key: str) -> str:
    """The key of a config that says which weights a trunk starts from."""
    return f"model.trunks.{key}.weights" if key else "model.weights"


def teacher_of(config: Config, assembly: Assembly, runtime: Runtime) -> Teacher | None:
    """The network as it starts, on the device, where `train.distill` keeps tasks near it.

    Raises:
        ConfigError: there is no task whose old self could teach.
    """
    if not config.train.distill:
        return None
    network, plan = assembly.network, assembly.plan
    if plan is None and config.transfer is not None:  # a training goes on: build the start anew
        seed_everything(config.train.seed)
        network, _, plan = start_network(config, assembly.model)
    copied = plan.copied if plan is not None else ()
    known = known_tasks(network, copied, assembly.model.size)
    if not known:
        raise ConfigError(
            "train.distill: no task starts as it was in another network",
            mend="mtcli transfer --from RUN --add-task NAME --distill 1 keeps the run's tasks",
        )
    return Teacher(runtime.place(network), known, config.train.distill)
