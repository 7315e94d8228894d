"""What the author of a wrong config may have meant, and what there is to choose from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mtcli.core.config import DataConfig, TrainConfig
from mtcli.core.configmodel import ModelConfig
from mtcli.core.errors import did_you_mean
from mtcli.core.options import Options

if TYPE_CHECKING:
    from mtcli.core.task import AnyTask


def in_a_section(key: str) -> str | None:
    """Where a key belongs that was written without its section."""
    sections: dict[str, type[Options]] = {
        "data": DataConfig,
        "model": ModelConfig,
        "train": TrainConfig,
    }
    for name, section in sections.items():
        if key in section.model_fields:
            return f"did you mean {name}.{key}?"
    return None


def either(sorts: Iterable[type]) -> str:
    """What a person calls some sorts of label."""
    from mtcli.core.labels import SORTS

    return " or ".join(SORTS[sort] for sort in sorts)


def formats_for(kind: type[AnyTask]) -> list[str]:
    """The label formats that a kind can learn from."""
    from mtcli.core.data.readers import READERS, sort_of_label

    return [name for name in READERS.names() if sort_of_label(READERS.get(name), kind) is not None]


def near_any(words: Iterable[object], known: Sequence[str]) -> str | None:
    """The mend line of the first word that is nearly a known one."""
    nearly = (did_you_mean(str(word), known) for word in words)
    return next((mend for mend in nearly if mend and mend.startswith("did you")), None)
