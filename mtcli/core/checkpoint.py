"""Checkpoints: all that is needed to rebuild a network and its tasks, and nothing executable."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mtcli.core.building import build_network
from mtcli.core.description import Model, describe, model_from
from mtcli.core.errors import CheckpointError, ConfigError, SaveError
from mtcli.core.events import Metrics
from mtcli.core.network import Network
from mtcli.core.run import MODEL, TRAINING, WEIGHTS, sync_folder


def save_checkpoint(
    parent: Path,
    step: int,
    model: Model,
    network: Network,
    training: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> str:
    """Write a checkpoint to a new folder below `parent` and return the folder's name.

    The folder gets its name when it is whole and synced. `training` goes to a file of its own,
    which only resuming reads; `facts` (epoch, metrics) are for people.

    Raises:
        SaveError: it cannot be written; nothing of it remains.
    """
    name = _free_name(parent, step)
    draft = parent / f".{name}.draft"
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        tensors, tied = _tensors_to_save(network)
        save_file(tensors, draft / WEIGHTS)
        description = {**describe(model), "step": step, **facts, "tied": tied}
        (draft / MODEL).write_text(json.dumps(description, indent=1), encoding="utf-8")
        torch.save(dict(training), draft / TRAINING)
        shutil.copymode(draft / MODEL, draft / WEIGHTS)  # safetensors lets only the owner read
        for file in draft.iterdir():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        sync_folder(draft)
        os.rename(draft, parent / name)
        sync_folder(parent)
    except (OSError, SafetensorError, RuntimeError) as error:
        # torch.save reports a full disk as a RuntimeError, safetensors as an error of its own.
        with contextlib.suppress(OSError):
            shutil.rmtree(draft, ignore_errors=True)
            shutil.rmtree(parent / name, ignore_errors=True)
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise SaveError(
            f"the checkpoint could not be saved: {reason}",
            where=parent / name,
            mend="the checkpoint before it is whole; make room, then mtcli train --resume",
        ) from None
    return name


def load_model(path: Path) -> tuple[Model, dict[str, Any]]:
    """What a checkpoint folder describes, its tasks rebuilt, and the plain facts beside.

    Raises:
        CheckpointError: it is missing, damaged, foreign or from a newer mtcli.
    """
    file = path / MODEL
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"not a checkpoint: no {MODEL}", where=path) from None
    except (ValueError, OSError):
        raise CheckpointError("the checkpoint is damaged: no valid JSON", where=file) from None
    model = model_from(description, file)
    return model, description


def plugins_of(path: Path) -> tuple[str, ...]:
    """The plug-ins that a checkpoint folder names; `load_model` says what is wrong with them."""
    named = _description(path).get("plugins")
    return tuple(map(str, named)) if isinstance(named, list) else ()


def _description(path: Path) -> dict[str, Any]:
    """What stands in a checkpoint folder's description; nothing where it cannot be read."""
    try:
        description = json.loads((path / MODEL).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return description if isinstance(description, dict) else {}


def load_network(path: Path, model: Model) -> Network:
    """The network of a checkpoint folder, on the CPU, in evaluation mode.

    Raises:
        CheckpointError: no network is described, or the weights are missing, damaged or others.
    """
    try:
        network = build_network(model.architecture, model.tasks)
    except ConfigError as error:
        found, where = error.what, path / MODEL
        raise CheckpointError("the checkpoint is damaged", where=where, found=found) from None
    tensors = load_tensors(path)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(
            "the weights do not fit the network that the checkpoint describes",
            where=path / WEIGHTS,
            found=str(error).splitlines()[-1].strip(),
        ) from None
    return network.eval()


def load_training(path: Path) -> dict[str, Any]:
    """The state that resuming needs.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path / TRAINING, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(
            "the checkpoint holds no training state to go on from", where=path / TRAINING
        ) from None
    except Exception as error:
        raise CheckpointError(
            "the training state is damaged",
            where=path / TRAINING,
            found=(str(error) or type(error).__name__).splitlines()[0],
        ) from None
    if not isinstance(state, dict):
        raise CheckpointError("the training state is damaged", where=path / TRAINING)
    return state


def model_facts(epoch: int, score: float | None, metrics: Mapping[str, Metrics]) -> dict[str, Any]:
    """What a checkpoint says of itself to people and programs."""
    return {
        "epoch": epoch,
        "score": score,
        "metrics": {task: dict(values) for task, values in metrics.items()},
    }


def _tensors_to_save(network: Network) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Every tensor once and contiguous; and for tied ones, which other name holds the values."""
    tensors: dict[str, Tensor] = {}
    tied: dict[str, str] = {}
    seen: dict[tuple[int, torch.Size], str] = {}
    for name, tensor in network.state_dict().items():
        key = (tensor.data_ptr(), tensor.shape)
        if tensor.numel() and key in seen:
            tied[name] = seen[key]
        else:
            seen[key] = name
            tensors[name] = tensor.detach().contiguous()
    return tensors, tied


def load_tensors(checkpoint: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint folder, on the CPU; tied ones under each of their names.

    Raises:
        CheckpointError: they are missing or damaged.
    """
    path = checkpoint / WEIGHTS
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"not a checkpoint: no {WEIGHTS}", where=path.parent) from None
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            "the weights are damaged or cut short", where=path, found=str(error).splitlines()[0]
        ) from None
    tied = _description(checkpoint).get("tied")
    if isinstance(tied, dict):
        tensors |= {name: tensors[kept] for name, kept in tied.items() if kept in tensors}
    return tensors


def _free_name(parent: Path, step: int) -> str:
    """A step may be saved twice: when interrupted at an epoch's last update, and at its end."""
    name = f"step-{step:06d}"
    again = 1
    while (parent / name).exists():
        name = f"step-{step:06d}-{again}"
        again += 1
    return name
