"""The architecture that a config asks for, and what each of its trunks starts from."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mtcli.core.config import ModelConfig, TaskConfig, TrainConfig, TrunkConfig
from mtcli.core.configtrunks import trunk_key
from mtcli.core.errors import ConfigError, did_you_mean
from mtcli.core.network import MAIN, Architecture, SideTrunk
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


def architecture_of(model: ModelConfig, tasks: Mapping[str, TaskConfig]) -> Architecture:
    """What the network of a config is built from.

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
    )


def trunk_rates(
    config: TrainConfig, trunks: Mapping[str, TrunkConfig], copied: Collection[str]
) -> dict[str, float]:
    """The factor on the learning rate of each trunk, by its key.

    `copied` are the tensors of the network that do not start at random.
    """
    rates = {}
    for key, trunk in trunks.items():
        filled = any(name.startswith(prefix_of(key)) for name in copied)
        rates[key] = trunk.lr or (config.pretrained_lr if filled else 1.0)
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
