"""The words for parts of a network, and which tensors each of them means."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mtcli.core.blueprint import MAIN
from mtcli.core.errors import ConfigError, did_you_mean
from mtcli.core.features import FeatureSpec, level_stride
from mtcli.core.modules import Named
from mtcli.core.network import Network
from mtcli.core.pyramid import build_pyramid
from mtcli.core.tying import aliases, with_aliases

CONV = ("trunk", "pyramid", "trunks", "pyramids", "sharing", "fusion", "fusions")
"""Where maps are made of pictures: convolutions, the norms that belong to them, and what weighs
maps of several trunks or inputs."""

LAYERS = {"bn": "no BatchNorm", "fc": "no fully connected layer in a head"}
"""The words for layers of a sort, and what a network lacks that has none."""


class Parts:
    """The tensors of a network by the words for them.

    Args:
        network: whose tensors.
        copied: those that were filled with weights from elsewhere.
    """

    def __init__(self, network: Network, copied: Collection[str] = ()) -> None:
        self._names = tuple(network.state_dict())
        self._heads = [f"heads.{name}" for name, _ in network.heads.items()]
        self._modules = [
            name
            for name, _ in network.named_modules()
            if name in CONV or name.rpartition(".")[0] in ("trunks", "pyramids", "fusions")
        ]
        if isinstance(network.sharing, Named):
            self._modules += [f"sharing.{task}" for task, _ in network.sharing.items()]
        # Where tasks share a pyramid, and those of this run read none of it.
        self._unread = MAIN in network.roots and network.pyramid is None
        self._copied = copied
        self._fc = _names_in(network.heads, nn.Linear, "heads.")
        self._bn = _names_in(network, _BatchNorm, "")
        self._tied = aliases(network)

    def matching(self, words: Iterable[str], copied_only: bool = False) -> set[str]:
        """The tensors that some words mean; a tied one is meant by any of its names.

        Args:
            words: `all`, `conv`, `fc`, `bn`, a module such as `trunk`, `pyramids.NAME`,
                `heads.NAME`, or names of tensors with `*` for any text.
            copied_only: whether `conv` means only what was copied.
        """
        found: set[str] = set()
        for word in words:
            if word == "fc":
                found |= self._fc
            elif word == "bn":
                found |= self._bn
            else:
                meant = {name for name in self._names if means(word, name)}
                found |= meant & {*self._copied} if word == "conv" and copied_only else meant
        return with_aliases(found, self._tied)

    def require(self, words: Iterable[str], key: str, copied_only: bool = False) -> None:
        """See that each word means something.

        Raises:
            ConfigError: one does not; `key` says where it stands.
        """
        for word in words:
            if self.matching([word], copied_only):
                continue
            if word == "conv" and copied_only:
                raise ConfigError(
                    f"{key}: conv is what trunk and pyramid started with, and they start fresh",
                    mend="name the parts outright: trunk, pyramid",
                )
            if self._unread and any(means(word, name) for name in _names_of_a_pyramid()):
                continue  # the tasks of this run read none of it; others of the config may
            every = ["conv", *self._modules, "heads", *self._heads, "fc", "bn"]
            known = [other for other in every if self.matching([other])]
            lacking = LAYERS.get(word)
            raise ConfigError(
                f"{key}: the network has {lacking}"
                if lacking
                else f"{key}: nothing of the network is called {word}",
                expected=f"{', '.join(known)}, or a tensor's name",
                mend=None if lacking else did_you_mean(word, known),
            )


def means(word: str, tensor: str) -> bool:
    """Whether a word means a tensor of this name; of `fc` and `bn` no name can tell."""
    if word == "conv":
        return tensor.partition(".")[0] in CONV
    return word == "all" or tensor.startswith(f"{word}.") or fnmatchcase(tensor, word)


def _names_of_a_pyramid() -> list[str]:
    """What the tensors of a pyramid that has everything are called."""
    with torch.device("meta"):
        specs = {level: FeatureSpec(1, level_stride(level)) for level in ("c2", "c3", "c4", "c5")}
        pyramid = build_pyramid(specs, {"p2", "p7"}, 1, "batch")
    assert pyramid is not None
    return [f"pyramid.{name}" for name in pyramid.state_dict()]


def _names_in(module: nn.Module, sort: type[nn.Module], prefix: str) -> set[str]:
    """The tensors of all modules of a sort."""
    return {
        f"{prefix}{path}.{name}"
        for path, inner in module.named_modules()
        if isinstance(inner, sort)
        for name in inner.state_dict()
    }
