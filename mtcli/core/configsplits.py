"""What a config may say of where pictures are, and of how they are divided."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Discriminator, Field, PositiveFloat, PositiveInt, Tag

from mtcli.core.options import InputPath, Options


def _whole(fractions: dict[str, float]) -> dict[str, float]:
    if abs(sum(fractions.values()) - 1) > 1e-6:
        raise ValueError(f"fractions that make 1 together, found {sum(fractions.values()):g}")
    return fractions


class SplitColumn(Options):
    """Splits as a column of a CSV file."""

    csv: InputPath
    """The file."""
    key: str
    """The column with the picture's name."""
    column: str
    """The column with the name of its split."""


class DrawnSplits(Options):
    """Splits drawn from all pictures below the images folder."""

    fractions: Annotated[dict[str, PositiveFloat], AfterValidator(_whole)]
    """For each split its share of the pictures; together 1."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of the draw, which depends on the pictures' names and on nothing else of the machine."""
    stratify: str | None = None
    """A task by whose classes, or numbers, each split is a likeness of the whole."""
    made: InputPath | None = None
    """What a run writes beside its config: a CSV file of what was drawn, which then holds."""


class GroupColumn(Options):
    """Pictures that belong together (of one patient, one video) as a column of a CSV file."""

    csv: InputPath
    """The file."""
    key: str = "image"
    """The column with the picture's name."""
    column: str
    """The column with the name of its group; empty: the picture stands alone."""


class Folds(Options):
    """One fold of a cross-validation: `train --folds` writes this into its runs' configs."""

    csv: InputPath
    """Which picture is in which fold: the columns image and fold."""
    fold: PositiveInt
    """The fold that is held out: it is `val`, and all others are `train`."""


class ImageArrays(Options):
    """Pictures as the rows of an array, `[N, H, W]` or `[N, H, W, 3]`, named by their numbers."""

    arrays: InputPath
    """An `.npy`, `.npz` or IDX file; `{split}` in its path or key stands for the split."""
    key: str | None = None
    """Which array of an `.npz`."""


Images = Annotated[
    Annotated[ImageArrays, Tag("<arrays>")] | Annotated[InputPath, Tag("<folder>")],
    Discriminator(
        lambda value: "<arrays>" if has_key(value, ImageArrays, "arrays") else "<folder>"
    ),
]
Splits = Annotated[
    Annotated[SplitColumn, Tag("<column>")]
    | Annotated[DrawnSplits, Tag("<fractions>")]
    | Annotated[dict[str, InputPath], Tag("<lists>")]
    | Annotated[tuple[str, ...], Tag("<names>")],
    Discriminator(lambda value: _sort_of_splits(value)),
]


def has_key(value: object, model: type[Options], key: str) -> bool:
    """Whether a value is, or is about to become, a `model`, which alone has this key."""
    return isinstance(value, model) or (isinstance(value, dict) and key in value)


def _sort_of_splits(value: object) -> str:
    if has_key(value, SplitColumn, "csv"):
        return "<column>"
    if has_key(value, DrawnSplits, "fractions"):
        return "<fractions>"
    return "<names>" if isinstance(value, list | tuple) else "<lists>"
