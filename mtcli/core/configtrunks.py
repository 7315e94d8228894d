"""What trunks a config names: by keys that can be told apart, and those of the user's own.

A trunk of the user's own is `module:Class`, whose module is a plug-in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mtcli.core.config import TaskConfig
from mtcli.core.configmodel import ModelConfig
from mtcli.core.errors import ConfigError


def trunk_key(name: str) -> str:
    """A trunk's name as part of tensor names, which dots divide."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def check_trunks(
    model: ModelConfig, tasks: Mapping[str, TaskConfig], error: Callable[..., ConfigError]
) -> None:
    """See that the trunks beside the main one have keys, and no two of them the same.

    Raises:
        ConfigError: a key cannot be part of tensor names, or two trunks share one.
    """
    for key in model.trunks:
        if not key or key != trunk_key(key):
            raise error(f"model.trunks.{key}", "a trunk's key is letters, digits, _ and -")
    named = {key: side.trunk for key, side in model.trunks.items()}
    for task, entry in tasks.items():
        trunk = entry.trunk
        if trunk is None or trunk in model.trunks or trunk == model.trunk:
            continue
        other = named.setdefault(trunk_key(trunk), trunk)
        if other != trunk:
            raise error(
                f"tasks.{task}.trunk",
                f"{trunk} and another trunk would both be called {trunk_key(trunk)}",
                found=other,
                mend="give each a key of its own in model.trunks, and name that",
            )


def custom_trunks(document: Mapping[str, Any]) -> dict[tuple[str, ...], str]:
    """The trunks in a config as read whose names hold a colon, by the path of their keys."""
    return {
        path: name
        for path, name in _trunks(document)
        if isinstance(name, str) and all(name.rpartition(":"))
    }


def with_trunks(
    document: Mapping[str, Any], names: Mapping[tuple[str, ...], str]
) -> Mapping[str, Any]:
    """The config with other names for some trunks; what was read stays as it is."""
    for path, name in names.items():
        document = _replaced(document, path, name)
    return document


def _trunks(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    model = _mapping(document, "model")
    yield ("model", "trunk"), model.get("trunk")
    for key in _mapping(model, "trunks"):
        yield ("model", "trunks", key, "trunk"), _mapping(model["trunks"], key).get("trunk")
    for key in _mapping(document, "tasks"):
        yield ("tasks", key, "trunk"), _mapping(document["tasks"], key).get("trunk")


def _mapping(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """What is no mapping is refused where its section is checked."""
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def _replaced(values: Mapping[str, Any], path: tuple[str, ...], value: str) -> Mapping[str, Any]:
    first, *rest = path
    return {**values, first: _replaced(values[first], tuple(rest), value) if rest else value}
