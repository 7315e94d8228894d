"""Checkpoints: all that is needed to rebuild a network and its tasks, and nothing executable."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mtcli import __version__
from mtcli.core.blueprint import Architecture
from mtcli.core.building import architecture_from, build_network
from mtcli.core.configinputs import Range
from mtcli.core.data.geometry import Rule
from mtcli.core.errors import CheckpointError, ConfigError, SaveError
from mtcli.core.events import Metrics
from mtcli.core.network import Network
from mtcli.core.run import MODEL, TRAINING, WEIGHTS, sync_folder
from mtcli.core.task import AnyTask
from mtcli.core.tasks import KINDS

FORMAT = "mtcli checkpoint"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Model:
    """What a checkpoint describes, beside its tensors.

    Attributes:
        architecture: how the network is built.
        tasks: by name.
        size: the working size, height and width.
        resize: how pictures get there.
        plugins: the modules that its kinds may come from.
        ranges: of its inputs that are measured maps, the numbers that become 0 and 1.
    """

    architecture: Architecture
    tasks: Mapping[str, AnyTask]
    size: tuple[int, int]
    resize: Rule
    plugins: tuple[str, ...] = ()
    ranges: Mapping[str, Range] = field(default_factory=dict)

    @property
    def inputs(self) -> dict[str, Range | None]:
        """Each of several inputs, None of a picture; nothing where there is one picture."""
        return {name: self.ranges.get(name) for name in self.architecture.inputs}


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
        description = {**_describe(model), "step": step, **facts, "tied": tied}
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
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise CheckpointError("not a checkpoint of mtcli", where=file)
    if description.get("schema") != SCHEMA:
        raise CheckpointError(
            "the checkpoint is of another schema than this mtcli reads",
            where=file,
            expected=f"schema {SCHEMA}",
            found=f"schema {description.get('schema')}, by mtcli {description.get('mtcli')}",
            mend="pip install --upgrade multitask-cli",
        )
    try:
        tasks: dict[str, AnyTask] = {}
        for name, entry in description["tasks"].items():
            kind = KINDS.get(entry["kind"])
            options = kind.Options.model_validate(entry["options"])
            tasks[name] = kind(options, kind.Facts.model_validate(entry["facts"]))
        height, width = description["input"]["size"]
        resize = description["input"]["resize"]
        if resize not in get_args(Rule):
            raise ValueError(f"input.resize: {resize}")
        architecture = architecture_from(description["architecture"])
        plugins = tuple(map(str, description.get("plugins", ())))
        ranges = _ranges(description["input"].get("ranges", {}), architecture)
        model = Model(architecture, tasks, (height, width), resize, plugins, ranges)
    except (AttributeError, KeyError, TypeError, ValueError, ConfigError) as error:
        found = getattr(error, "what", None) or str(error).splitlines()[0]
        if description.get("plugins"):
            named = ", ".join(map(str, description["plugins"]))
            raise CheckpointError(
                "the checkpoint needs plug-ins, which are code and not imported unasked",
                where=file,
                found=f"{named}; without: {found}",
                mend="name them in the config's plugins, or allow them: --allow-plugins",
            ) from None
        raise CheckpointError("the checkpoint is damaged", where=file, found=found) from None
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


def _ranges(described: Mapping[str, Any], architecture: Architecture) -> dict[str, Range]:
    ranges = {name: (float(low), float(high)) for name, (low, high) in described.items()}
    if {*ranges} != {name for name, channels in architecture.inputs.items() if channels == 1}:
        raise ValueError(f"input.ranges: {', '.join(ranges)}")
    return ranges


def _describe(model: Model) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "mtcli": __version__,
        "architecture": asdict(model.architecture),
        "plugins": list(model.plugins),
        "input": {"size": list(model.size), "resize": model.resize, "ranges": dict(model.ranges)},
        "tasks": {
            name: {
                "kind": task.kind,
                "options": task.options.model_dump(mode="json"),
                "facts": task.facts.model_dump(mode="json"),
            }
            for name, task in model.tasks.items()
        },
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
