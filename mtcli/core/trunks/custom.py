"""Trunks of the user's own: classes of plug-ins, named `my_package.trunks:MyTrunk`.

Such a class is a `torch.nn.Module` that is made without arguments and keeps these promises:

- `channels = {"c2": 16, "c3": 24, "c4": 48, "c5": 96}`, a class attribute: the channels of its
  maps;
- `forward(x)` takes normalised pictures `[N, 3, H, W]`, H and W multiples of 32, and gives the
  maps by level, `{"c2": [N, 16, H / 4, W / 4], …, "c5": [N, 96, H / 32, W / 32]}`;
- `mean` and `std`, class attributes, where the pictures are to be normalised otherwise than by
  0.5 and 0.25 in each channel, for values in [0, 1];
- an argument `drop_path`, where it has residual branches that can be dropped.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

from torch import Tensor, nn

from mtcli.core.errors import ConfigError
from mtcli.core.features import FeatureSpec, level_stride
from mtcli.core.trunks import FAMILIES, Trunk, TrunkFamily
from mtcli.core.trunks.promises import LEVELS, broken, check_facts, check_maps

PLUGGED: dict[str, str] = {}
"""The modules that were imported as plug-ins, and how a config names each; no other module is
ever looked into.
"""


class CustomFamily(TrunkFamily):
    """The classes in imported plug-ins; a name never imports one."""

    def names(self) -> list[str]:
        """The modules among the classes of plug-ins: what else stands there is no trunk."""
        return sorted(n for n, made in self._classes() if issubclass(made, nn.Module))

    def builds(self, name: str) -> bool:
        """Any class that was named, so that one which is no module is told so."""
        return any(name == other for other, _ in self._classes())

    def build(self, name: str, drop_path: float) -> Trunk:
        module, _, attribute = name.partition(":")
        made = getattr(sys.modules[module], attribute)
        check_facts(name, made)
        if drop_path and "drop_path" not in inspect.signature(made).parameters:
            raise ConfigError(
                f"model.drop_path: {name} has no drop path",
                expected="an argument drop_path of the class",
                mend="leave it out",
            )
        try:
            trunk: nn.Module = made(drop_path=drop_path) if drop_path else made()
        except Exception as error:  # foreign code, which can raise anything
            raise broken(
                name, "cannot be made", found=f"{type(error).__name__}: {error}"
            ) from error
        check_maps(name, trunk, made.channels)
        return Trunk(
            module=trunk,
            specs={
                level: FeatureSpec(made.channels[level], level_stride(level)) for level in LEVELS
            },
            extract=_extract,
            mean=tuple(map(float, getattr(made, "mean", (0.5, 0.5, 0.5)))),
            std=tuple(map(float, getattr(made, "std", (0.25, 0.25, 0.25)))),
        )

    def _classes(self) -> Iterator[tuple[str, type]]:
        for module in PLUGGED.keys() & sys.modules.keys():
            for name, value in vars(sys.modules[module]).items():
                if inspect.isclass(value):
                    yield f"{module}:{name}", value


def _extract(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    maps = module(x)
    return {level: maps[level] for level in LEVELS}


FAMILIES.add("custom")(CustomFamily())
