"""Where a task's pictures are, once its entry moves to another config."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mtcli.core.configinputs import Inputs
from mtcli.core.configsplits import DrawnSplits, Folds, Images, Splits
from mtcli.core.data.drawn import COLUMNS
from mtcli.core.errors import ConfigError
from mtcli.core.options import Options


class Places(Options):
    """What a config's `data` says of where all tasks' pictures are, every path absolute."""

    images: Images | None = None
    inputs: Inputs | None = None
    splits: Splits | None = None
    folds: Folds | None = None


def places_of(document: Mapping[str, Any], path: Path) -> Places:
    """What the config of a file says of places.

    Raises:
        ConfigError: it says what cannot be.
    """
    data = document.get("data") or {}
    said = {part: data[part] for part in Places.model_fields if part in data}
    try:
        return Places.model_validate(said, context={"base": path.resolve().parent})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = f"data.{first['loc'][0]}"
        raise ConfigError(f"{key}: wrong value", where=path, found=repr(first["input"])) from None


def moved(
    name: str, entry: Mapping[str, Any], theirs: Places, ours: Places, where: Path
) -> dict[str, Any]:
    """The entry of a task for another config, with the places that are not the same there.

    Args:
        name: of the task.
        entry: what its config says of it.
        theirs: the places of that config.
        ours: those of the config that it goes to.
        where: its config, for messages.

    Raises:
        ConfigError: no entry of a task could say where its pictures are.
    """
    if theirs.folds != ours.folds:
        raise ConfigError(
            f"the pictures of {name} cannot be had beside others: they are divided into folds",
            where=where,
            mend="name a config that says where the labels and splits of all tasks are",
        )
    own = {part for part in ("images", "inputs", "splits") if entry.get(part) is not None}
    if own & {"images", "inputs"}:
        own |= {"images", "inputs"}  # one of the two says where the pictures are
    differing = [
        part
        for part in ("images", "inputs", "splits")
        if part not in own and getattr(theirs, part) != getattr(ours, part)
    ]
    plain = theirs.model_dump(mode="json", include={*differing}, exclude_none=True)
    if "splits" in differing and isinstance(theirs.splits, DrawnSplits):
        plain["splits"] = _as_drawn(name, entry, theirs.splits, where)
    return {**entry, **plain}


def _as_drawn(
    name: str, entry: Mapping[str, Any], splits: DrawnSplits, where: Path
) -> dict[str, Any]:
    """What was drawn for all tasks, as splits that one task may have."""
    if splits.made is None or entry.get("images") is not None:
        what = "and not kept" if splits.made is None else "together with those of other folders"
        raise ConfigError(
            f"the splits of {name} cannot be had beside others: they were drawn {what}",
            where=where,
            mend="name a config that says where the labels and splits of all tasks are",
        )
    key, column = COLUMNS
    return {"csv": str(splits.made), "key": key, "column": column}
