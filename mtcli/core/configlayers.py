"""What a config may say of layers that several parts of the network have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, PositiveInt

from mtcli.core.options import Options


class SharedLayer(Options):
    """A fully connected layer that the tasks of a group have in common before their outputs."""

    group: Annotated[str, Field(min_length=1)]
    """A name of your own: tasks that say the same one share the layer."""
    width: PositiveInt
    """How many numbers the layer gives, the same in all of the group."""


def _one_or_several(value: object) -> object:
    """One tie as a list of ties."""
    if isinstance(value, list | tuple) and value and all(isinstance(path, str) for path in value):
        return (value,)
    return value


Ties = Annotated[tuple[tuple[str, ...], ...], BeforeValidator(_one_or_several)]
"""`[heads.a.hidden, heads.b.hidden]`, or several such lists."""
