"""The architecture that a config asks for, and what each of its trunks starts from."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mtcli.core.blueprint import MAIN, Architecture, SideTrunk
from mtcli.core.config import TaskConfig, TrainConfig
from mtcli.core.configinputs import Range
from mtcli.core.configmodel import ModelConfig, TrunkConfig
from mtcli.core.configties import ties_of
from mtcli.core.configtrunks import trunk_key
from mtcli.core.errors import ConfigError, did_you_mean
from mtcli.core.trunks import find_family


def trunks_of(model: ModelConfig, tasks: Mapping[str, TaskConfig]) -> dict[str, TrunkConfig]:
    """What a config says of each trunk that the tasks use, by its key in the network."""
    main = TrunkConfig(
        trunk=model.trunk, weights=model.weights, lr=model.lr, drop_path=model.drop_path
    )
    found = {}
    for key in sorted(set(uses_of(model, tasks).values())):
        named = {
            trunk_key(task.trunk): task.trunk for task in tasks.values() if task.trunk is not None
        }
        found[key] = main if key == MAIN else model.trunks.get(key) or TrunkConfig(trunk=named[key])
    return found


def uses_of(model: ModelConfig, tasks: Mapping[str, TaskConfig]) -> dict[str, str]:
    """The key of each task's trunk."""
    return {
        name: MAIN
        if task.trunk is None or (task.trunk == model.trunk and task.trunk not in model.trunks)
        else trunk_key(task.trunk)
        for name, task in tasks.items()
    }


def idle_trunks(model: ModelConfig, tasks: Mapping[str, TaskConfig]) -> list[str]:
    """The keys of a config that name a trunk which none of the tasks uses."""
    used = {*uses_of(model, tasks).values()}
    main = [] if MAIN in used else ["model.trunk"]
    return main + [f"model.trunks.{key}" for key in model.trunks if key not in used]


def architecture_of(
    model: ModelConfig,
    tasks: Mapping[str, TaskConfig],
    inputs: Mapping[str, Range | None] | None = None,
) -> Architecture:
    """What the network of a config is built from.

    `inputs` are the several that there are, a measured map with its range.

    Raises:
        ConfigError: it names a trunk that is none.
    """
    _require_trunks(model, tasks)
    return Architecture(
        trunk=model.trunk,
        pyramid=model.pyramid,
        drop_path=model.drop_path,
        pyramid_norm=model.pyramid_norm,
        pyramid_top=model.pyramid_top,
        trunks={
            key: SideTrunk(trunk.trunk, trunk.drop_path)
            for key, trunk in trunks_of(model, tasks).items()
            if key != MAIN
        },
        uses={task: key for task, key in uses_of(model, tasks).items() if key != MAIN},
        sharing=model.sharing,
        branch_at=model.branch_at,
        fusion=model.fusion,
        inputs={name: 3 if scale is None else 1 for name, scale in (inputs or {}).items()},
        ties=ties_of(model, tasks),
    )


def trunk_rates(
    config: TrainConfig,
    trunks: Mapping[str, TrunkConfig],
    parts: Mapping[str, str],
    copied: Collection[str],
) -> dict[str, float]:
    """The factor on the learning rate of each trunk, or part of one, by its key.

    Args:
        config: has the factor of a trunk that starts from weights.
        trunks: what is said of each trunk.
        parts: the key of the trunk that each is part of; see `Network.parts`.
        copied: the tensors of the network that do not start at random.
    """
    rates = {}
    for part, key in parts.items():
        filled = any(name.startswith(prefix_of(part)) for name in copied)
        rates[part] = trunks[key].lr or (config.pretrained_lr if filled else 1.0)
    return rates


def prefix_of(key: str) -> str:
    """What the names of a trunk's tensors begin with."""
    return f"trunks.{key}." if key else "trunk."


def _require_trunks(model: ModelConfig, tasks: Mapping[str, TaskConfig]) -> None:
    named = {"model.trunk": model.trunk}
    named |= {f"model.trunks.{key}.trunk": side.trunk for key, side in model.trunks.items()}
    for task, entry in tasks.items():
        if entry.trunk is not None and entry.trunk not in model.trunks:
            named[f"tasks.{task}.trunk"] = entry.trunk
    for key, trunk in named.items():
        try:
            find_family(trunk)
        except ConfigError as error:
            near = did_you_mean(trunk, model.trunks) if key.startswith("tasks.") else None
            mend = near if near and near.startswith("did you") else error.mend
            raise ConfigError(error.what.replace("model.trunk", key, 1), mend=mend) from None
