"""Tensors from a file, and nothing executed on the way."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from mtcli.core.errors import ConfigError
from mtcli.core.weightfile import require_weight_file

Tensors = dict[str, Tensor]


def read_tensors(path: Path, key: str = "model.weights") -> Tensors:
    """All tensors of a `.safetensors` or `.pth` file by name, on the CPU.

    Args:
        path: of the file.
        key: what named it, for messages.

    Raises:
        ConfigError: the file is missing, damaged, or holds anything but tensors.
    """
    require_weight_file(path, key)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            # Of pickles of a kind that torch does not write, and refuses in the next line.
            warnings.simplefilter("ignore")
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises nearly anything on a file of another kind
        if path.suffix != ".safetensors" and not _is_pickle(path):
            raise ConfigError(f"{key}: the file is no weight file", where=path) from None
        if isinstance(error, pickle.UnpicklingError):
            raise ConfigError(
                f"{key}: the file holds more than tensors and is not loaded",
                where=path,
                mend="loading it would run code that it carries; save its state_dict alone",
            ) from None
        raise ConfigError(
            f"{key}: the file is damaged or no weight file",
            where=path,
            found=(str(error) or type(error).__name__).splitlines()[0],
        ) from None
    for part in ("state_dict", "model", "model_state_dict"):
        if isinstance(content, dict) and isinstance(content.get(part), dict):
            content = content[part]
    if not isinstance(content, dict):
        raise ConfigError(
            f"{key}: the file holds no tensors by name",
            where=path,
            found=type(content).__name__,
        )
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def _is_pickle(path: Path) -> bool:
    """Whether a file begins as torch's do: an archive, or a pickle of protocol 2 or later."""
    with path.open("rb") as file:
        return file.read(2).startswith((b"PK", b"\x80"))
