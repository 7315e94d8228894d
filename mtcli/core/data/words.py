"""Words by picture, as tables of whatever format give them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

from mtcli.core.data.faults import skipping
from mtcli.core.errors import DataError
from mtcli.core.labels import Label, WordsLabel

Columns = Annotated[
    tuple[str, ...],
    Field(min_length=1),
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    PlainSerializer(lambda names: names[0] if len(names) == 1 else list(names)),
]
"""The name of a column, or of several."""


def words_by_picture(
    rows: Iterable[tuple[str, tuple[str, ...] | None, str]],
    columns: Sequence[str],
    problems: list[DataError] | None = None,
) -> dict[str, Label]:
    """Labels by picture from rows of picture, words (None: no label) and place.

    Args:
        rows: of a file.
        columns: that the words stand in.
        problems: takes what is wrong with a row, which is then passed over.

    Raises:
        DataError: a picture has two labels that differ.
    """
    labels: dict[str, Label] = {}
    several = tuple(columns) if len(columns) > 1 else None
    for picture, words, where in rows:
        if words is None:
            continue
        label = Label(WordsLabel(words, columns=several), where)
        before = labels.get(picture)
        with skipping(problems):
            if before is not None and before.value != label.value:
                raise DataError(
                    f"{picture} has two labels in column {', '.join(columns)}",
                    where=where,
                    found=f"{', '.join(words)}, and another at {before.where}",
                )
            labels[picture] = label
    return labels
