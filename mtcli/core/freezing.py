"""Parts of a network that stay as they are while the rest learns."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

import torch

from mtcli.core.configmixing import MixingConfig
from mtcli.core.errors import ConfigError, did_you_mean
from mtcli.core.network import Network


def freeze(network: Network, parts: Collection[str]) -> None:
    """Let every parameter learn but those of the parts; call it after `network.train()`.

    A frozen parameter has no gradient, so that the optimizer passes it over, weight decay and
    momentum included. A module of which everything is frozen is put into evaluation mode: its
    BatchNorm no longer follows the pictures, and nothing in it is dropped out.

    Args:
        network: in training mode.
        parts: `trunk`, `pyramid`, `heads`, `heads.NAME`, or names of tensors with `*` for any text.
    """
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not _is_of(name, parts))
    if parts:
        for module in network.modules():
            own = list(module.parameters())
            if own and not any(parameter.requires_grad for parameter in own):
                module.eval()


def check_frozen(network: Network, mixing: MixingConfig, size: tuple[int, int]) -> None:
    """See that the parts that stages freeze exist, and that every task of a stage can learn.

    Args:
        network: on the CPU; it is left as it was.
        mixing: says what is frozen while which tasks learn.
        size: the working size, height and width.

    Raises:
        ConfigError: a part is none of the network's, or a task has nothing left to learn with.
    """
    names = [name for name, _ in network.named_parameters()]
    seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
    for number, stage in enumerate(mixing.sequential or ()):
        if not stage.freeze or (stage.freeze, stage.tasks) in seen:
            continue
        seen.add((stage.freeze, stage.tasks))
        key = f"train.mixing.sequential.{number}.freeze"
        for part in stage.freeze:
            _require_part(network, names, part, key)
        for task, can_learn in _learners(network, stage.freeze, size).items():
            if task in stage.tasks and not can_learn:
                raise ConfigError(
                    f"{key}: nothing is left for {task} to learn with",
                    found=f"frozen: {', '.join(stage.freeze)}",
                    mend="freeze less, or leave the task out of the stage",
                )


def _require_part(network: Network, names: Collection[str], part: str, key: str) -> None:
    if any(_is_of(name, [part]) for name in names):
        return
    if part.partition(".")[0] == "pyramid" and network.pyramid is None:
        return  # the tasks of this run read none of it; others of the config may
    heads = [f"heads.{name}" for name, _ in network.heads.items()]
    known = ["trunk", "pyramid", "heads", *heads]
    raise ConfigError(
        f"{key}: nothing of the network is called {part}",
        expected=f"{', '.join(known)}, or a tensor's name",
        mend=did_you_mean(part, known),
    )


def _learners(network: Network, parts: Collection[str], size: tuple[int, int]) -> dict[str, bool]:
    """For each task, whether a gradient would reach anything: its head, or its maps.

    Which layers of trunk and pyramid a map comes from is their own affair: a picture tells.
    """
    parameters = {p: p.requires_grad for p in network.parameters()}
    modes = {module: module.training for module in network.modules()}
    try:
        network.eval()
        freeze(network, parts)
        with torch.enable_grad():
            features = network.encode({"image": torch.zeros(1, 3, *size, dtype=torch.uint8)})
        return {
            task: any(parameter.requires_grad for parameter in head.parameters())
            or any(feature.requires_grad for feature in features[task].values())
            for task, head in network.heads.items()
        }
    finally:
        for parameter, learns in parameters.items():
            parameter.requires_grad_(learns)
        for module, training in modes.items():
            module.training = training


def _is_of(name: str, parts: Iterable[str]) -> bool:
    """Whether a tensor belongs to one of the parts."""
    return any(name.startswith(f"{part}.") or fnmatchcase(name, part) for part in parts)
