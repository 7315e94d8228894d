"""The one word for a picture by which splits, folds and draws are made alike."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Mapping

import numpy as np

from mtcli.core.errors import ConfigError
from mtcli.core.labels import (
    SORTS,
    Deferred,
    Label,
    LabelError,
    LabelValue,
    ObjectsLabel,
    WordsLabel,
)
from mtcli.core.labels import flags as columns_as_classes
from mtcli.core.tasks import KINDS

QUANTILES = 5
"""Parts of equal size that numbers are cut into."""

FEW = 10
"""As many different numbers as are taken as they are."""


def classes_of(value: LabelValue) -> tuple[str, ...]:
    """The names of classes that a label speaks of, each once, sorted; none for maps and points."""
    if isinstance(value, ObjectsLabel):
        return tuple(sorted({item.name for item in value.objects}))
    if not isinstance(value, WordsLabel):
        return ()
    with contextlib.suppress(LabelError):  # columns of numbers are no classes
        value = columns_as_classes(value)
    return tuple(sorted(set(value.words)))


def strata(labels: Mapping[str, Label], kind: str, key: str) -> dict[str, str]:
    """One word for each labelled picture.

    Its class; of several, the rarest of the data, since common ones are everywhere; `none` where
    somebody looked and nothing is there. Of a kind that learns numbers, the first number of the
    picture, or, where more than ten differ, which fifth of all it is in; `unknown` where nobody
    measured it.

    Args:
        labels: by picture, of one task.
        kind: of the task. A kind whose facts have no `classes` learns what words say as numbers.
        key: of the config that asks for this, for messages.

    Raises:
        ConfigError: the task's labels are maps or points, which have no word.
    """
    values: dict[str, LabelValue] = {}
    for picture, label in labels.items():
        if isinstance(label.value, Deferred) or not isinstance(
            label.value, WordsLabel | ObjectsLabel
        ):
            raise ConfigError(
                f"{key}: the task's labels are no classes and no numbers",
                where=label.where,
                expected=f"a task that learns {SORTS[WordsLabel]}, or {SORTS[ObjectsLabel]}",
            )
        values[picture] = label.value
    numbers = None if _learns_classes(kind) else _numbers(values)
    if numbers is not None:
        return _by_size(numbers)
    classes = {picture: classes_of(value) for picture, value in values.items()}
    frequency = Counter(name for names in classes.values() for name in names)
    return {
        picture: min(names, key=lambda name: (frequency[name], name)) if names else "none"
        for picture, names in classes.items()
    }


def _learns_classes(kind: str) -> bool:
    return "classes" in KINDS.get(kind).Facts.model_fields


def _numbers(values: Mapping[str, LabelValue]) -> dict[str, float] | None:
    """The first number of each picture, NaN where it is missing; None where they are no numbers."""
    numbers: dict[str, float] = {}
    for picture, value in values.items():
        if not isinstance(value, WordsLabel) or not value.words:
            return None
        try:
            numbers[picture] = float(value.words[0] or "nan")
        except ValueError:
            return None
    return numbers


def _by_size(numbers: Mapping[str, float]) -> dict[str, str]:
    """Numbers as words where they are few, else the fifth that each falls in."""
    measured = {picture: number for picture, number in numbers.items() if math.isfinite(number)}
    words = dict.fromkeys(numbers, "unknown")
    if len(set(measured.values())) <= FEW:
        return words | {picture: f"{number:.15g}" for picture, number in measured.items()}
    sizes = np.array(list(measured.values()))
    cuts = np.quantile(sizes, np.arange(1, QUANTILES) / QUANTILES)
    places = np.searchsorted(cuts, sizes, side="right") + 1
    fifths = (f"fifth {place}" for place in places.tolist())
    return words | dict(zip(measured, fifths, strict=True))
