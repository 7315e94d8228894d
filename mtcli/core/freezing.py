"""Parts of a network that stay as they are while the rest learns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from mtcli.core.config import TrainConfig
from mtcli.core.errors import ConfigError
from mtcli.core.network import Network
from mtcli.core.parts import Parts
from mtcli.core.weights.naming import is_counter


@dataclass(frozen=True, slots=True)
class Freeze:
    """What does not learn.

    Attributes:
        parts: see `Parts.matching`; `conv` is what was copied.
        but: parts that learn again. Each takes back the words of `parts` that hold all of it,
            and where none does, whatever they hold of it: `trunk` takes back `trunk` or `conv`,
            but not a `bn` that was named beside them.
        also: parts that do not learn, whatever `but` says.
    """

    parts: Collection[str] = ()
    but: Collection[str] = ()
    also: Collection[str] = ()


def frozen_at(settings: TrainConfig, epoch: int, stage: Collection[str]) -> Freeze:
    """What does not learn in an epoch (from 1), of whose stage `stage` says what rests."""
    thawed = [part for part, first in settings.unfreeze.items() if epoch >= first]
    return Freeze(settings.freeze, thawed, stage)


def freeze(network: Network, frozen: Freeze, copied: Collection[str] = ()) -> None:
    """Let every parameter learn but those of some parts; call it after `network.train()`.

    A frozen parameter has no gradient, so that the optimizer passes it over, weight decay and
    momentum included. A module of which everything is frozen is put into evaluation mode, also a
    BatchNorm that has statistics alone: these no longer follow the pictures, and nothing in it is
    dropped out.

    Args:
        network: in training mode.
        frozen: what does not learn.
        copied: the tensors that were filled with weights from elsewhere.
    """
    held = _held(network, frozen, copied)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in held)
    for _, module in _resting(network, held):
        module.eval()


def frozen_tensors(network: Network, frozen: Freeze, copied: Collection[str]) -> set[str]:
    """The names of the tensors that stay: parameters, and the statistics of modules that rest."""
    held = _held(network, frozen, copied)
    every = network.named_parameters(remove_duplicate=False)
    still = {name for name, _ in every if name in held}
    for path, module in _resting(network, held):
        still |= {f"{path}.{name}" for name in module.state_dict()}
    return still


def frozen_until(
    network: Network, settings: TrainConfig, copied: Collection[str]
) -> dict[str, int | None]:
    """The tensors that stay in the first epoch, and the last epoch of those in which each stays.

    None: to the end. What a later stage freezes again is not told.
    """
    stages, first = {}, 1
    for stage in settings.mixing.sequential or ():
        stages[first] = stage.freeze
        first += stage.epochs
    until: dict[str, int | None] = {}
    resting: Collection[str] = ()
    for epoch in sorted({1, *stages, *settings.unfreeze.values()}):
        resting = stages.get(epoch, resting)
        still = frozen_tensors(network, frozen_at(settings, epoch, resting), copied)
        if epoch == 1:
            until = dict.fromkeys(still)
        until |= {n: epoch - 1 for n, last in until.items() if last is None and n not in still}
    return until


def _held(network: Network, frozen: Freeze, copied: Collection[str]) -> set[str]:
    """All tensors that the words mean, statistics included, whether their module rests or not."""
    if not frozen.parts and not frozen.also:
        return set()
    parts = Parts(network, copied)
    every = {word: parts.matching([word], copied_only=True) for word in frozen.parts}
    left = dict(every)
    for thawed in frozen.but:
        meant = parts.matching([thawed])
        telling = {name for name in meant if not is_counter(name)}  # which copies may lack
        whole = [word for word, held in every.items() if word == thawed or telling <= held]
        for word in whole or every:
            left[word] = left[word] - meant
    return set().union(*left.values(), parts.matching(frozen.also, copied_only=True))


def _resting(network: Network, held: Collection[str]) -> Iterator[tuple[str, nn.Module]]:
    """The modules of which everything is held, with their paths."""
    for path, module in network.named_modules():
        own = [name for name, _ in module.named_parameters()] or [*module.state_dict()]
        if path and own and all(f"{path}.{name}" in held for name in own):
            yield path, module


def check_frozen(
    network: Network, settings: TrainConfig, size: tuple[int, int], copied: Collection[str] = ()
) -> None:
    """See that what is frozen exists, and that every task of a stage can learn.

    Args:
        network: on the CPU; it is left as it was.
        settings: say what is frozen, and when.
        size: the working size, height and width.
        copied: the tensors that were filled with weights from elsewhere.

    Raises:
        ConfigError: a part is none of the network's, a task has nothing left to learn with, or
            features are to be cached of a trunk that moves.
    """
    parts = Parts(network, copied)
    parts.require(settings.freeze, "train.freeze", copied_only=True)
    parts.require(settings.unfreeze, "train.unfreeze")
    for part, first in settings.unfreeze.items():
        if first > settings.epochs:
            raise ConfigError(
                f"train.unfreeze.{part}: the training ends before",
                expected=f"at most {settings.epochs}, the last epoch",
                found=str(first),
                mend="train.epochs says how long it is",
            )
        held = parts.matching(settings.freeze, copied_only=True)
        if not parts.matching([part]) & held:
            raise ConfigError(
                f"train.unfreeze.{part}: nothing of it is frozen",
                found=f"frozen: {', '.join(settings.freeze) or 'nothing'}",
                mend="name a part that train.freeze holds",
            )
    if settings.freeze:
        frozen = Freeze(settings.freeze, settings.unfreeze)
        learners = _learners(network, frozen, size, copied)
        if not any(learners.values()):
            raise ConfigError(
                "train.freeze: nothing is left to learn with",
                found=f"frozen: {', '.join(settings.freeze)}",
                mend="freeze less, or start with other weights: mtcli transfer --init-only",
            )
    if settings.cache_features:
        _require_still_trunks(network, settings, copied)
    seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
    for number, stage in enumerate(settings.mixing.sequential or ()):
        if not stage.freeze or (stage.freeze, stage.tasks) in seen:
            continue
        seen.add((stage.freeze, stage.tasks))
        key = f"train.mixing.sequential.{number}.freeze"
        parts.require(stage.freeze, key, copied_only=True)
        frozen = Freeze(settings.freeze, settings.unfreeze, stage.freeze)
        for task, can_learn in _learners(network, frozen, size, copied).items():
            if task in stage.tasks and not can_learn:
                raise ConfigError(
                    f"{key}: nothing is left for {task} to learn with",
                    found=f"frozen: {', '.join(stage.freeze)}",
                    mend="freeze less, or leave the task out of the stage",
                )


def _require_still_trunks(network: Network, settings: TrainConfig, copied: Collection[str]) -> None:
    """See that no trunk, nor what is shared by it, ever moves; in the last epoch most is thawed."""
    resting = frozen_tensors(network, frozen_at(settings, settings.epochs, ()), copied)
    of_trunks = ("trunk.", "trunks.", "sharing.")
    moving = [
        name
        for name, _ in network.named_parameters()
        if name.startswith(of_trunks) and name not in resting
    ]
    if not moving:
        return
    thawed = moving[0] in frozen_tensors(network, frozen_at(settings, 1, ()), copied)
    trunks = sorted({name.partition(".")[0] for name in moving})
    raise ConfigError(
        "train.cache_features: the trunk moves",
        expected="a trunk of which all is frozen throughout",
        found=f"{moving[0]} learns"
        + (" from a later epoch on, by train.unfreeze" if thawed else ""),
        mend="let it rest to the end, or cache nothing"
        if thawed
        else f"freeze all of {' and '.join(trunks)} (train.freeze), or cache nothing",
    )


def _learners(
    network: Network, frozen: Freeze, size: tuple[int, int], copied: Collection[str]
) -> Mapping[str, bool]:
    """For each task, whether a gradient would reach anything: its head, or its maps.

    Which layers of trunk and pyramid a map comes from is their own affair: a picture tells.
    """
    parameters = {p: p.requires_grad for p in network.parameters()}
    modes = {module: module.training for module in network.modules()}
    try:
        network.eval()
        freeze(network, frozen, copied)
        with torch.enable_grad():
            features = network.encode(network.blank(size))
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
