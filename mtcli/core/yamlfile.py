"""YAML as configs use it: one mapping, each key once, and changes to it as `dotted.key=value`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mtcli.core.errors import ConfigError

DEFAULT_NAMES = ("mtcli.yaml", "sample_data/mtcli.yaml")
"""Where a config lies that nobody names, in the working folder."""


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping; keys that stand twice are refused."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise ConfigError(
            f"the config is not valid YAML: {problem}", where=f"{path}{line}"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError("the config is not a text file in UTF-8", where=path) from None
    except ValueError as error:  # a date such as 2024-13-45
        raise ConfigError(f"the config is not valid YAML: {error}", where=path) from None
    except OSError as error:
        raise ConfigError(f"the config cannot be read: {error.strerror}", where=path) from None
    if not isinstance(document, dict):
        raise ConfigError(
            "the config is not a mapping of sections",
            where=path,
            expected="data:, tasks:, model: and train:",
            found=type(document).__name__ if document is not None else "an empty file",
        )
    return document


def apply_set(document: dict[str, Any], text: str) -> tuple[str, str]:
    """Apply one `--set` to the document and return its key and its text."""
    key, equals, value_text = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(
            "a --set that sets nothing", where=f"--set {text}", expected="dotted.key=value"
        )
    try:
        value = yaml.load(value_text, Loader=_UniqueKeyLoader)
    except (yaml.YAMLError, ValueError):
        raise ConfigError(f"{key}: the value is not valid YAML", where=f"--set {text}") from None
    here = document
    *parents, last = key.split(".")
    for parent in parents:
        if here.get(parent) is None:  # missing, or a section whose keys are all commented out
            here[parent] = {}
        inner = here[parent]
        if not isinstance(inner, dict):
            raise ConfigError(
                f"{key}: {parent} has no keys of its own",
                where=f"--set {text}",
                found=repr(inner),
            )
        here[parent] = here = {**inner}  # what an anchor of YAML makes one stays as it is elsewhere
    here[last] = value
    return key, text


class _UniqueKeyLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key that stands twice, of which YAML would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key is a word, not a list or a mapping", key_node.start_mark
                )
            key = key_node.value
            if key in seen and key != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)
