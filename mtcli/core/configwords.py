"""What pydantic says of a wrong value, in the words of a config."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from mtcli.core.errors import ConfigError, did_you_mean


def translated(
    model: type[BaseModel],
    prefix: str,
    error: ValidationError,
    make: Callable[..., ConfigError],
) -> ConfigError:
    """What is wrong with a section of the config, the first thing in full.

    Args:
        model: what the section was checked by.
        prefix: its key.
        error: what pydantic says of it.
        make: makes an error of a key, what is wrong, and its other parts.
    """
    errors = error.errors(include_url=False, include_context=False)
    # An unknown key explains a missing one better than the other way round.
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    path = _key_path(first)
    key = ".".join([prefix, *path])
    # What a value may be instead of something else stands in errors of its own.
    same = [e for e in errors if _key_path(e) == path]
    more = len({tuple(_key_path(e)) for e in errors}) - 1
    suffix = f" (and {more} more)" if more else ""
    if first["type"] == "extra_forbidden":
        siblings = _fields_at(model, path[:-1])
        near = did_you_mean(path[-1], siblings, ".".join([prefix, *path[:-1], ""]))
        if ":" in path[-1]:
            near = "a space is missing behind the colon"
        return make(key, f"no such key{suffix}", mend=near)
    if first["type"] == "missing":
        return make(key, f"is required and missing{suffix}")
    expected = " or ".join(_wanted(e) for e in same)
    return make(key, f"wrong value{suffix}", expected=expected, found=repr(first["input"]))


def _fields_at(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    """The names a mapping may have at `path` below `model`."""
    here: Any = model
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(part)
            here = field.annotation if field else None
        else:
            here = next(iter(get_args(here)), None)  # the element of a list or a mapping
        while get_origin(here) in (Union, UnionType, Annotated):
            here = get_args(here)[0]
    return list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


WANTED = {
    "path_type": "a path",
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
"""In the words of a config, what pydantic says in those of Python."""


def _wanted(error: Mapping[str, Any]) -> str:
    """What a value should have been."""
    said: str = error["msg"]
    said = said.removeprefix("Value error, ").removeprefix("Input should be ")
    if error["type"] == "too_short":
        found = re.search(r"at least (\d+)", said)
        return f"at least {found[1]}" if found else said
    return WANTED.get(error["type"], said)


def _key_path(error: Mapping[str, Any]) -> list[str]:
    """Where a value stands in its section, without the names that pydantic gives to choices."""
    return [str(part) for part in error["loc"] if not _is_choice(part)]


def _is_choice(part: int | str) -> bool:
    return isinstance(part, str) and (
        part in ("int", "float", "constrained-int", "constrained-float", "constrained-str")
        or part.startswith(("<", "literal[", "dict[", "function-", "nullable["))
    )
