"""Where a config names trunks of the user's own: `module:Class`, whose module is a plug-in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


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
