"""From what a config says of a transfer to its plan."""

from __future__ import annotations

import re

from mtcli.core.checkpoint import Model
from mtcli.core.config import TransferConfig
from mtcli.core.errors import ConfigError, did_you_mean
from mtcli.core.network import MAIN, Network
from mtcli.core.transfer.levels import by_level
from mtcli.core.transfer.origin import Origin, read_origin, with_our_names
from mtcli.core.transfer.plan import Plan, make_plan

WHOLE = "all"
"""What stands for a task where an origin is taken with all its heads."""


def plan_transfer(settings: TransferConfig, network: Network, model: Model) -> Plan:
    """What becomes of every tensor of a network that starts from others.

    Args:
        settings: where from, and what is taken.
        network: with fresh weights.
        model: what it is built from.

    Raises:
        MtcliError: an origin cannot be read, nothing of it fits, or not all as it should.
    """
    kinds = {name: task.kind for name, task in model.tasks.items()}
    origins = []
    heads: set[str] = set()
    for key, source in settings.origin.items():
        read = _read(source, network, model, key)
        heads |= {*read.heads}
        names = {old: new for old, new in settings.map.items() if old in read.heads}
        if len(settings.origin) == 1:
            names = dict(settings.map)
        if key != WHOLE and key not in kinds:
            raise ConfigError(
                f"--from {key}={source}: there is no task {key} here", expected=", ".join(kinds)
            )
        ours = with_our_names(read, names, kinds, None if key == WHOLE else key)
        origins.append(by_level(ours, network))
    for old, new in settings.map.items():
        if old not in heads:
            mend = did_you_mean(old, heads)
            raise ConfigError(f"--map {old}={new}: no origin has a task {old}", mend=mend)
    plan = make_plan(
        network,
        model.tasks,
        origins,
        settings.parts,
        settings.named,
        average=settings.merge == "average",
        trunks={
            "trunk": model.architecture.trunk,
            **{f"trunks.{key}": side.trunk for key, side in model.architecture.trunks.items()},
        },
    )
    if settings.strict:
        plan.require_all()
    return plan


def _read(source: str, network: Network, model: Model, task: str) -> Origin:
    """An origin; what is wrong with it is said of `--from`, where it was named."""
    try:
        # A file's trunk is the task's, else the main one, else the first beside it.
        first = MAIN if network.trunk is not None else next(iter(network.strides))
        key = network.uses.get(task, first)
        facts = model.architecture
        name = facts.trunks[key].trunk if key != MAIN else facts.trunk
        return read_origin(source, network.trunk_of(key), name, key)
    except ConfigError as error:
        parts = error.parts()
        if parts["mend"] is not None:
            parts["mend"] = re.sub(r"model\.weights:?", "--from", parts["mend"])
        raise ConfigError(error.what.replace("model.weights", "--from"), **parts) from None


def plan_native(source: str, name: str, network: Network, model: Model, task: str) -> Plan | None:
    """How a trunk's published weights fill the classifier that a task has of that trunk too.

    Args:
        source: what the trunk starts from.
        name: of the trunk.
        network: with that trunk.
        model: what the network is built from.
        task: whose head is the trunk's own.

    Returns:
        None where the source is no published classifier.
    """
    origin = read_origin(source, network.trunk_of(network.uses[task]), name)
    if origin.model is not None or "classification" not in origin.heads:
        return None
    own = origin.renamed({"classification": task}).only(task)
    words = [f"heads.{task}"]
    return make_plan(network, model.tasks, [own], words, require=False)
