"""What an exported file says of itself: all that `mtcli eval` and a stranger need."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mtcli import __version__
from mtcli.core.data.geometry import PADDING
from mtcli.core.description import Model, describe, model_from
from mtcli.core.errors import CheckpointError
from mtcli.core.export.manner import DYNAMICS, NUMBERS, Manner
from mtcli.core.export.program import Program
from mtcli.core.inputs import PICTURE_CHANNELS
from mtcli.core.network import Network
from mtcli.core.run import WEIGHTS

FORMAT = "mtcli export"
SCHEMA = 1


def metadata_of(
    model: Model,
    network: Network,
    program: Program,
    manner: Manner,
    checkpoint: Path,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """The metadata of a file, as plain values.

    Args:
        model: with the tasks that are exported alone.
        network: that was traced.
        program: what came of it.
        manner: how it is exported.
        checkpoint: that it comes from.
        facts: what that says of itself.
    """
    metrics = facts.get("metrics", {})
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "mtcli": __version__,
        "torch": torch.__version__,
        "model": describe(model),
        "checkpoint": {
            "sha256": _sha256(checkpoint / WEIGHTS),
            "epoch": facts.get("epoch"),
            "metrics": {name: metrics[name] for name in model.tasks if name in metrics},
        },
        "export": {
            "answers": "decoded" if manner.decoded else "raw",
            "dynamic": manner.dynamic,
            "precision": manner.precision,
            "multiple": network.stride,
            "padding": PADDING,
            "inputs": {
                name: {
                    "shape": program.inputs[name],
                    "dtype": "uint8" if channels == PICTURE_CHANNELS else "float32",
                }
                for name, channels in network.inputs.items()
            },
            "outputs": {
                name: {
                    "shape": shape,
                    "dtype": program.dtypes[name],
                    "meaning": _meaning(model, name, manner),
                }
                for name, shape in program.outputs.items()
            },
        },
    }


def read_metadata(text: str | None, path: Path) -> tuple[Model, Manner, dict[str, Any]]:
    """The model, how it was exported, and all that stands beside, of a file's metadata.

    Raises:
        CheckpointError: there is none, or it is damaged or from a newer mtcli.
    """
    if text is None:
        raise CheckpointError(
            "the file was not exported by mtcli: it says nothing of its tasks",
            where=path,
            mend="mtcli export RUN writes one that does",
        )
    try:
        metadata = json.loads(text)
        if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
            raise ValueError("no metadata of an export")
    except ValueError as error:
        raise _damaged(path, error) from None
    if metadata.get("schema") != SCHEMA:
        raise CheckpointError(
            "the file is of another schema than this mtcli reads",
            where=path,
            expected=f"schema {SCHEMA}",
            found=f"schema {metadata.get('schema')}, by mtcli {metadata.get('mtcli')}",
            mend="pip install --upgrade multitask-cli",
        )
    model = model_from(metadata.get("model"), path)
    try:
        said = metadata["export"]
        if said["dynamic"] not in DYNAMICS or said["precision"] not in NUMBERS:
            raise ValueError("export.dynamic, export.precision")
        if said["answers"] not in ("decoded", "raw"):
            raise ValueError("export.answers")
        manner = Manner(said["answers"] == "decoded", said["dynamic"], said["precision"])
        facts = {**metadata, **metadata["checkpoint"]}
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from None
    return model, manner, facts


def chosen(model: Model, tasks: list[str] | None) -> Model:
    """A model with some of its tasks, in its own order."""
    kept = {name: task for name, task in model.tasks.items() if tasks is None or name in tasks}
    return replace(model, tasks=kept)


def _meaning(model: Model, name: str, manner: Manner) -> str:
    task, _, output = name.partition("/")
    said = model.tasks[task].outputs if manner.decoded else model.tasks[task].raw_outputs
    return said[output]


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _damaged(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError("the file's metadata is damaged", where=path, found=str(error))
