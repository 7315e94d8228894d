"""Tensors from a file, and nothing executed on the way."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from mtcli.core.errors import ConfigError

Tensors = dict[str, Tensor]


def read_tensors(path: Path) -> Tensors:
    """All tensors of a `.safetensors` or `.pth` file by name, on the CPU.

    Raises:
        ConfigError: the file is missing, damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise ConfigError("model.weights: no such file", where=path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ConfigError(
            "model.weights: the file holds more than tensors and is not loaded",
            where=path,
            mend="loading it would run code that it carries; save its state_dict alone",
        ) from None
    except Exception as error:  # torch.load raises nearly anything on a file of another kind
        raise ConfigError(
            "model.weights: the file is damaged or no weight file",
            where=path,
            found=(str(error) or type(error).__name__).splitlines()[0],
        ) from None
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise ConfigError(
            "model.weights: the file holds no tensors by name",
            where=path,
            found=type(content).__name__,
        )
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
