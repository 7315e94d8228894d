"""The shared trunks: what one is, and how to get one by name; one file a family."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from mtcli.core.errors import ConfigError, and_more, did_you_mean
from mtcli.core.features import FeatureSpec
from mtcli.core.registry import Registry


@dataclass(frozen=True, slots=True)
class Trunk:
    """A network cut off behind its last feature map.

    Attributes:
        module: the layers; its tensors keep the names that published weight files use.
        specs: the maps it gives, `c2` … `c5`, finest first.
        extract: runs the module on normalised pictures `[N, 3, H, W]`: the maps by level.
        mean, std: of the normalisation that it was trained with, per channel, for inputs in
            [0, 1].
        channels: of the pictures.
    """

    module: nn.Module
    specs: Mapping[str, FeatureSpec]
    extract: Callable[[nn.Module, Tensor], dict[str, Tensor]]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: int = 3


class TrunkFamily(ABC):
    """Trunks that are built in one way."""

    @abstractmethod
    def names(self) -> list[str]:
        """Every trunk of the family."""

    def builds(self, name: str) -> bool:
        """Whether a trunk is of the family; behind a dot a name may say which weights it has."""
        names = self.names()
        return name in names or name.partition(".")[0] in names

    @abstractmethod
    def build(self, name: str, drop_path: float) -> Trunk:
        """A trunk with random weights; nothing is downloaded.

        Raises:
            ConfigError: the network gives no feature maps, or has no drop path.
        """


FAMILIES: Registry[TrunkFamily] = Registry("trunk family", __name__)


def find_family(name: str) -> TrunkFamily:
    """The family that builds the trunk called `name`.

    Raises:
        ConfigError: there is none; near misses are named.
    """
    known: list[str] = []
    for family_name in FAMILIES.names():
        family = FAMILIES.get(family_name)
        if family.builds(name):
            return family
        known += family.names()
    raise ConfigError(
        f"model.trunk: no such trunk: {name}",
        mend=_own(name, known)
        or did_you_mean(name, known)
        or "any of timm's names fits, resnet18 for example",
    )


def _own(name: str, known: list[str]) -> str | None:
    """What to say of a name that looks like that of somebody's own class."""
    module, colon, _ = name.partition(":")
    if any(other.startswith(f"{module}:") for other in known):
        there = [other for other in known if other.startswith(f"{module}:")]
        return did_you_mean(name, there) or f"the module holds {and_more(there)}"
    if colon:
        return (
            f"no plug-in {module} was imported that holds a trunk; name it in the config: "
            "model.trunk, or plugins"
        )
    if "." in name:
        return "one of your own is named by its module and class: my_package.trunks:MyTrunk"
    return None


def build_trunk(name: str, drop_path: float = 0.0) -> Trunk:
    """The trunk called `name`, with random weights; see `TrunkFamily.build`."""
    return find_family(name).build(name, drop_path)
