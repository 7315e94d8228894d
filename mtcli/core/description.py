"""What a checkpoint, or a file exported from one, says of its network and tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from mtcli import __version__
from mtcli.core.blueprint import Architecture
from mtcli.core.building import architecture_from
from mtcli.core.configinputs import Range
from mtcli.core.data.geometry import Rule
from mtcli.core.errors import CheckpointError, ConfigError
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


def model_from(description: Any, file: Path) -> Model:
    """The model that plain values describe, its tasks rebuilt; `file` is where they stand.

    Raises:
        CheckpointError: they are damaged, foreign or from a newer mtcli.
    """
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
    return model


def describe(model: Model) -> dict[str, Any]:
    """A model as plain values, as `model_from` takes them."""
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


def _ranges(described: Mapping[str, Any], architecture: Architecture) -> dict[str, Range]:
    ranges = {name: (float(low), float(high)) for name, (low, high) in described.items()}
    if {*ranges} != {name for name, channels in architecture.inputs.items() if channels == 1}:
        raise ValueError(f"input.ranges: {', '.join(ranges)}")
    return ranges
