"""The one word for a picture by which splits, folds and draws are made alike."""

from __future__ import annotations

import contextlib
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

QUANTILES = 5
"""Parts of equal size that numbers are cut into."""


def classes_of(value: LabelValue) -> tuple[str, ...]:
    """The names of classes that a label speaks of, each once, sorted; none for maps and points."""
    if isinstance(value, ObjectsLabel):
        return tuple(sorted({item.name for item in value.objects}))
    if not isinstance(value, WordsLabel):
        return ()
    with contextlib.suppress(LabelError):  # columns of numbers are no classes
        value = columns_as_classes(value)
    return tuple(sorted(set(value.words)))


def strata(labels: Mapping[str, Label], key: str) -> dict[str, str]:
    """One word for each labelled picture.

    Its class; of several, the rarest of the data, since common ones are everywhere; `none` where
    somebody looked and nothing is there. Where all labels are numbers and more than ten differ:
    which fifth of the pictures it is in.

    Args:
        labels: by picture, of one task.
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
    fifths = _fifths(values)
    if fifths is not None:
        return fifths
    classes = {picture: classes_of(value) for picture, value in values.items()}
    frequency = Counter(name for names in classes.values() for name in names)
    return {
        picture: min(names, key=lambda name: (frequency[name], name)) if names else "none"
        for picture, names in classes.items()
    }


def _fifths(values: Mapping[str, LabelValue]) -> dict[str, str] | None:
    """Numbers by the fifth that they fall in; None where they are words, or few."""
    numbers: dict[str, float] = {}
    for picture, value in values.items():
        if not isinstance(value, WordsLabel) or not value.words:
            return None
        try:
            numbers[picture] = float(value.words[0])
        except ValueError:
            return None
    if len(set(numbers.values())) <= 10:
        return None
    measured = np.array(list(numbers.values()))
    cuts = np.quantile(measured, np.arange(1, QUANTILES) / QUANTILES)
    places = np.searchsorted(cuts, measured, side="right") + 1
    return {
        picture: f"fifth {place}" for picture, place in zip(numbers, places.tolist(), strict=True)
    }
