"""Parts of a network that stay as they are while the rest learns."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from mtcli.core.errors import ConfigError, did_you_mean
from mtcli.core.mixing import Mixing
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


def check_frozen(
    network: Network, mixing: Mixing, epochs: int, tasks: Iterable[str], key: str
) -> None:
    """See that parts exist, and that every task that learns in an epoch can.

    Args:
        network: whose parts are named.
        mixing: that says what is frozen when.
        epochs: of the training.
        tasks: of the run.
        key: of the config, for messages.

    Raises:
        ConfigError: a part is none of the network's, or a task has nothing left to learn with.
    """
    names = [name for name, _ in network.named_parameters()]
    heads = {name: f"heads.{name}" for name in tasks}
    for epoch in range(1, epochs + 1):
        parts = mixing.frozen(epoch)
        for part in parts:
            if not any(_is_of(name, [part]) for name in names):
                known = ["trunk", *(["pyramid"] if network.pyramid else []), *heads.values()]
                raise ConfigError(
                    f"{key}: nothing of the network is called {part}",
                    expected=f"{', '.join(known)}, or a tensor's name",
                    mend=did_you_mean(part, known),
                )
        for task in mixing.learning(epoch) or heads:
            own = ["trunk", heads[task]]
            if any(level.startswith("p") for level in network.levels[task]):
                own.append("pyramid")
            if all(_is_of(name, parts) for name in names if _is_of(name, own)):
                raise ConfigError(
                    f"{key}: nothing is left for {task} to learn with in epoch {epoch}",
                    found=f"frozen: {', '.join(parts)}",
                    mend="freeze less, or leave the task out of the stage",
                )


def _is_of(name: str, parts: Iterable[str]) -> bool:
    """Whether a tensor belongs to one of the parts."""
    return any(name.startswith(f"{part}.") or fnmatchcase(name, part) for part in parts)
