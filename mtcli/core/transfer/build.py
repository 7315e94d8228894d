"""From what a config says of a transfer to its plan."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mtcli.core.blueprint import MAIN
from mtcli.core.config import TransferConfig
from mtcli.core.description import Model
from mtcli.core.errors import ConfigError, did_you_mean
from mtcli.core.network import Network
from mtcli.core.parts import Parts
from mtcli.core.transfer.levels import by_level
from mtcli.core.transfer.origin import Origin, read_origin, with_our_names
from mtcli.core.transfer.plan import Plan, make_plan
from mtcli.core.transfer.streams import by_stream

WHOLE = "all"
"""What stands for a task where an origin is taken with all its heads."""


def plan_transfer(settings: TransferConfig, network: Network, model: Model) -> Plan:
    """What becomes of every tensor of a network that starts from others.

    Args:
        settings: where from, and what is taken.
        network: with fresh weights.
        model: what it is built from.

    Raises:
        MtcliError: an origin cannot be read, or nothing of it fits.
    """
    kinds = {name: task.kind for name, task in model.tasks.items()}
    wanted = Parts(network).matching(settings.parts)
    origins = []
    theirs: dict[str, str] = {}
    for key, source in settings.origin.items():
        read = _read(source, network, model, key)
        theirs |= read.kinds
        names = {old: new for old, new in settings.map.items() if old in read.heads}
        if len(settings.origin) == 1:
            names = dict(settings.map)
        if key != WHOLE and key not in kinds:
            raise ConfigError(
                f"--from {key}={source}: there is no task {key} here", mend=did_you_mean(key, kinds)
            )
        task = None if key == WHOLE else key
        ours = with_our_names(read, names, kinds, task)
        origins.append(by_level(by_stream(ours, network, wanted, task), network))
    for old, new in settings.map.items():
        if old not in theirs:
            mend = did_you_mean(old, theirs)
            raise ConfigError(f"--map {old}={new}: no origin has a task {old}", mend=mend)
    _require_places(settings, theirs, kinds)
    return make_plan(
        network,
        model.tasks,
        origins,
        settings.parts,
        settings.named,
        average=settings.merge == "average",
        trunks={
            MAIN: model.architecture.trunk,
            **{key: side.trunk for key, side in model.architecture.trunks.items()},
        },
    )


def _require_places(
    settings: TransferConfig, theirs: Mapping[str, str], ours: Mapping[str, str]
) -> None:
    """See that no head is to be copied whose task is the origins' alone.

    Args:
        settings: say what is taken, and under which names.
        theirs: the kinds of the origins' tasks; empty where a file does not say.
        ours: the kinds of the network's tasks.

    Raises:
        ConfigError: one is.
    """
    for word in settings.parts:
        heads, _, rest = word.partition(".")
        task = rest.partition(".")[0]
        if heads != "heads" or task in ours or task not in theirs:
            continue
        new = settings.map.get(task)
        alike = [name for name, kind in ours.items() if theirs[task] in ("", kind)]
        raise ConfigError(
            f"--copy {word}: there is no task {task} here",
            found=f"tasks: {', '.join(ours)}",
            mend=f"--map calls it {new} here: --copy heads.{new}"
            if new is not None
            else f"--tasks {','.join([*ours, task])} has it here"
            + (f"; --map {task}={alike[0]} gives its head to {alike[0]}" if alike else ""),
        )


def _read(source: str, network: Network, model: Model, task: str) -> Origin:
    """An origin; what is wrong with it is said of `--from`, where it was named."""
    try:
        # A file's trunk is the task's, else the main one, else the first beside it.
        first = next(iter(network.roots.values()))
        key = network.roots[network.uses[task]] if task in network.uses else first
        facts = model.architecture
        name = facts.trunks[key].trunk if key != MAIN else facts.trunk
        return read_origin(source, network.trunk_names(key), name, key)
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
    origin = read_origin(source, network.trunk_names(network.roots[network.uses[task]]), name)
    if origin.model is not None or "classification" not in origin.heads:
        return None
    own = origin.renamed({"classification": task}).only(task)
    words = [f"heads.{task}"]
    return make_plan(network, model.tasks, [own], words, require=False)
