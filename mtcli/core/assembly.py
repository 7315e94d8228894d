"""From a config to records, tasks and a network: the small work that finds most mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mtcli.core.architecture import architecture_of, prefix_of, trunks_of
from mtcli.core.checkpoint import Model, load_model
from mtcli.core.config import Config, TrunkConfig
from mtcli.core.data.gather import load_records
from mtcli.core.data.prepare import prepare_tasks
from mtcli.core.data.records import Record, labelled_only, require_labels
from mtcli.core.data.splits import check_files, has_split, names_of
from mtcli.core.distillation import Teacher, known_tasks
from mtcli.core.errors import ConfigError
from mtcli.core.freezing import check_frozen
from mtcli.core.heads.native import NativeHead
from mtcli.core.network import Network, build_network, check_size
from mtcli.core.progress import check_best
from mtcli.core.runtime import Runtime, seed_everything
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
        architecture = architecture_of(config.model, config.tasks)
        kept = kept_tasks(config.transfer, config.tasks)
        learnt = {name: task for name, task in config.tasks.items() if name not in kept}
        prepared = {**prepare_tasks(records["train"], learnt), **kept}
        tasks = {name: prepared[name] for name in config.tasks}
        model = Model(architecture, tasks, data.size, data.resize, config.plugins)
    check_best(config.train.best, model.tasks)
    network, weights, plan = start_network(config, model, from_scratch=checkpoint is None)
    if checkpoint is None:
        copied = copied_tensors(network, config, plan)
    return Assembly(records, model, network, weights, plan, copied, unlabelled)


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
    weights = [
        _fill(network, model, key, trunk)
        for key, trunk in trunks_of(config.model, config.tasks).items()
        if trunk.weights is not None
    ]
    plan = None
    if config.transfer is not None:
        plan = plan_transfer(config.transfer, network, model)
        plan.apply(network)
    check_frozen(network, config.train, model.size, copied_tensors(network, config, plan))
    return network, weights, plan


def _fill(network: Network, model: Model, key: str, trunk: TrunkConfig) -> WeightsReport:
    """Fill a trunk with published weights, and the heads that are its own classifier."""
    assert trunk.weights is not None
    try:
        report = load_trunk_weights(network.trunk_of(key), trunk.weights, trunk.trunk)
    except ConfigError as error:
        said = f"model.trunks.{key}.weights" if key else "model.weights"
        what = error.what.replace("model.weights", said)
        raise ConfigError(what, **error.parts()) from None
    used: set[str] = set()
    for task, head in network.heads.items():
        if network.uses[task] == key and isinstance(head, NativeHead):
            plan = plan_native(trunk.weights, trunk.trunk, network, model, task)
            if plan is not None:
                plan.apply(network)
                used |= {name.removeprefix(f"heads.{task}.") for name in plan.values}
    return replace(report, unused=tuple(name for name in report.unused if name not in used))


def copied_tensors(network: Network, config: Config, plan: Plan | None) -> frozenset[str]:
    """The tensors of the network that do not start at random."""
    trunks = trunks_of(config.model, config.tasks).items()
    filled = tuple(prefix_of(key) for key, trunk in trunks if trunk.weights is not None)
    published = {name for name in network.state_dict() if name.startswith(filled)}
    return frozenset(published) | (plan.copied if plan is not None else frozenset())


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
