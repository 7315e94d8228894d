"""The base of everything that a config may say, and the types that its groups share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator


class Options(BaseModel):
    """A group of options: immutable, unknown keys refused, defaults checked too.

    The string below a field says what it means, here and in the generated reference.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse `yes` where a number is wanted, which pydantic would take for 1."""
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and "bool" not in str(field.annotation):
            raise ValueError("a number or text, not true or false")
        return value


def _from_base(path: Path, info: ValidationInfo) -> Path:
    base: Path = (info.context or {}).get("base", Path.cwd())
    return base / path.expanduser()


InputPath = Annotated[Path, AfterValidator(_from_base)]
"""A path as a config writes it: relative to the config's own folder (validation context `base`)."""


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"each name once; {name} stands twice")
    return names


ClassNames = Annotated[tuple[str, ...], AfterValidator(_each_once)]
"""The names of classes in the order of their numbers."""


def _known_dense_head(name: str) -> str:
    from mtcli.core.heads import DENSE_HEADS

    return _among(name, DENSE_HEADS.names())


def _known_detector(name: str) -> str:
    from mtcli.core.heads import DETECTORS

    return _among(name, DETECTORS.names())


def _among(name: str, known: Sequence[str]) -> str:
    if name not in known:
        raise ValueError(" or ".join(known))
    return name


DenseHeadName = Annotated[str, AfterValidator(_known_dense_head)]
"""A head that answers for every pixel."""

DetectorName = Annotated[str, AfterValidator(_known_detector)]
"""A head that finds boxes."""

Level = Literal["p2", "p3", "p4", "p5", "p6", "p7"]
"""A level of the shared pyramid."""


def _finest_first(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    if list(levels) != sorted(set(levels)):
        raise ValueError("levels stand once each, finest (p2) first")
    return levels


PyramidLevels = Annotated[tuple[Level, ...], Field(min_length=1), AfterValidator(_finest_first)]
"""One or more of them, finest first."""


def with_options(value: Any, none: Mapping[str, Any]) -> Any:
    """A name alone, or one without options, as a name with none; `none` says which are no dict."""
    if isinstance(value, str):
        value = {value: None}
    if isinstance(value, dict):
        return {k: none.get(k, {}) if inner is None else inner for k, inner in value.items()}
    return value
