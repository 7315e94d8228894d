"""From a config file and `--set` options to a checked config, and back to YAML."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mtcli.core.config import Config, LabelSource
from mtcli.core.configcheck import check_config, check_plugins
from mtcli.core.configties import HIDDEN
from mtcli.core.configtrunks import custom_trunks
from mtcli.core.errors import ConfigError, did_you_mean
from mtcli.core.yamlfile import DEFAULT_NAMES, apply_set, read_yaml

OWN_FILES = (("splits", "made"), ("folds", "csv"))
"""What of `data` names a file that mtcli wrote."""


def find_config(given: Path | None, option: str = "a config file") -> Path:
    """The config to use: the one given, else the first of `DEFAULT_NAMES` in the working folder.

    Args:
        given: by the user, or None.
        option: how one is named, for the message.

    Raises:
        ConfigError: it is not there.
    """
    if given is not None:
        if given.is_file():
            return given
        raise ConfigError(f"no config at {given}", mend=_near_file(given))
    for name in DEFAULT_NAMES:
        if Path(name).is_file():
            return Path(name)
    raise ConfigError(
        "no config given, and none found",
        where=Path.cwd(),
        expected=f"{DEFAULT_NAMES[0]} in the working folder",
        mend=f"name {option}, or write one with sample pictures: mtcli sample DIR, "
        "or for a folder of your own: mtcli init FOLDER",
    )


def load_config(
    path: Path,
    sets: Sequence[str] = (),
    only: Sequence[str] | None = None,
    decided: Mapping[str, Mapping[str, Any]] | None = None,
    allow_plugins: bool = True,
) -> Config:
    """Read, change and check a config.

    Args:
        path: a YAML file; its folder is what relative paths are relative to.
        sets: changes as `dotted.key=value`, the value in YAML.
        only: the tasks to keep, in this order; None keeps all.
        decided: by section, values that a checkpoint has decided, in place of the config's.
        allow_plugins: whether the user named this config, and so what it imports.

    Raises:
        ConfigError: at the first key that is wrong, with its name and where it was said.
    """
    document = read_yaml(path)
    refuse_plugins(document, path, allow_plugins)
    origins = dict(apply_set(document, text) for text in sets)
    for section, values in (decided or {}).items():
        said = document.get(section)
        document[section] = {**(said if isinstance(said, dict) else {}), **values}
    return check_config(document, base=path.resolve().parent, source=path, only=only, sets=origins)


def import_plugins_of(path: Path, allowed: bool) -> None:
    """Import what a config names as plug-ins, before a checkpoint of such kinds is read.

    Raises:
        ConfigError: one cannot be imported, or is there and not allowed.
    """
    document = read_yaml(path)
    refuse_plugins(document, path, allowed)
    check_plugins(document, base=path.resolve().parent, source=path)


def refuse_plugins(document: Mapping[str, Any], path: Path, allowed: bool) -> None:
    """See that a config which the user has not named imports no code unasked.

    Raises:
        ConfigError: it would.
    """
    named = document.get("plugins") or list(custom_trunks(document).values())
    if named and not allowed:
        raise ConfigError(
            "the run's config names plug-ins, which are code and not imported unasked",
            where=path,
            found=str(named),
            mend="--allow-plugins imports them",
        )


def dump_config(config: Config, folder: Path) -> str:
    """The config as YAML that `load_config` reads back to the same config from a folder.

    Paths are absolute, but for files that mtcli wrote into the folder, or beside it: folders of
    runs can be moved.
    """
    tasks = {}
    for name, task in config.tasks.items():
        own = {"images", "inputs", "splits", "trunk", "shared_fc"}
        plain = task.model_dump(mode="json", include=own)
        tasks[name] = {
            "kind": task.kind,
            "labels": [_source(source) for source in task.labels],
            "weight": task.weight,
            **{part: value for part, value in plain.items() if value is not None},
            **task.options.model_dump(mode="json", exclude={HIDDEN} if task.shared_fc else None),
        }
    data = config.data.model_dump(mode="json", exclude={"augment"})
    data["augment"] = [
        {step.name: step.step.model_dump(mode="json")} for step in config.data.augment
    ]
    for part, file in OWN_FILES:
        said = data[part] or {}
        if isinstance(said, dict) and said.get(file) is not None:
            said[file] = os.path.relpath(said[file], folder)
    document: dict[str, Any] = {
        "data": data,
        "tasks": tasks,
        "model": config.model.model_dump(mode="json"),
        "train": config.train.model_dump(mode="json"),
    }
    if config.transfer is not None:
        document["transfer"] = config.transfer.model_dump(mode="json")
    if config.plugins:
        document["plugins"] = list(config.plugins)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=None)


def _source(source: LabelSource) -> dict[str, Any]:
    options: dict[str, Any] = source.options.model_dump(mode="json")
    if source.labelled_classes is not None:
        options["labelled_classes"] = list(source.labelled_classes)
    if source.names_from is not None:
        options["names_from"] = str(source.names_from)
    return options


def _near_file(path: Path) -> str | None:
    folder = path.parent
    if not folder.is_dir():
        return None
    names = [name for name in os.listdir(folder) if name.endswith((".yaml", ".yml"))]
    for ending in (".yaml", ".yml"):
        if f"{path.name}{ending}" in names:
            return f"did you mean {path.name}{ending}?"
    return did_you_mean(path.name, names) if names else None
