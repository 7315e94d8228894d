"""What the inputs of a network are called, between the data and the network."""

from __future__ import annotations

IMAGE = "image"
"""The one picture of a record without several inputs."""

PICTURE_CHANNELS = 3
"""Those of a picture, which every trunk sees that was not widened."""


def rows_name(name: str) -> str:
    """What the rows that have an input are called beside it."""
    return f"{name}/rows"
