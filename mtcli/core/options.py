"""The base of everything that a config may say, and the path type that it uses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo


class Options(BaseModel):
    """A group of options: immutable, unknown keys refused, defaults checked too.

    The string below a field says what it means, here and in the generated reference.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, use_attribute_docstrings=True
    )


def _from_base(path: Path, info: ValidationInfo) -> Path:
    base: Path = (info.context or {}).get("base", Path.cwd())
    return base / path.expanduser()


InputPath = Annotated[Path, AfterValidator(_from_base)]
"""A path as a config writes it: relative to the config's own folder (validation context `base`)."""
