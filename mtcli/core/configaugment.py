"""What `data.augment` may say: its steps and their options."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, NonNegativeFloat, PositiveFloat, model_validator

from mtcli.core.options import Options, with_options

Fraction = Annotated[float, Field(ge=0, le=1)]
Range = Annotated[
    tuple[PositiveFloat, PositiveFloat],
    AfterValidator(lambda bounds: _ordered(bounds)),
]


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"the lower bound comes first, found {list(bounds)}")
    return bounds


class Flip(Options):
    """Mirror the picture: `hflip` left to right, `vflip` top to bottom."""

    p: Fraction = 0.5
    """Probability."""


class ColorJitter(Options):
    """Change the colours by random factors, each drawn from 1 ± the value."""

    brightness: NonNegativeFloat = 0.0
    """Of the pixel values."""
    contrast: NonNegativeFloat = 0.0
    """Of their distance from the mean grey."""
    saturation: NonNegativeFloat = 0.0
    """Of their distance from their own grey."""
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """The largest shift of the hue, as a share of the colour circle."""


class Zoom(Options):
    """Scale the picture about its centre and shift it; what becomes free is grey."""

    scale: Range = (0.8, 1.25)
    """The factor is drawn from this range; above 1 things get larger."""
    shift: Fraction = 0.0
    """The largest shift, as a share of each side."""
    p: Fraction = 1.0
    """Probability; a picture that was cut off loses labels that no longer hold, such as a count."""


class Crop(Options):
    """Cut out a random window and stretch it to the working size."""

    scale: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(gt=0, le=1)]],
        AfterValidator(_ordered),
    ] = (0.5, 1.0)
    """The window's area, as a share of the input's."""
    ratio: Range = (0.75, 1.333)
    """The window's width to its height."""
    p: Fraction = 1.0
    """Probability."""


class Augmentation(Options):
    """One step of `data.augment`; exactly one of the fields is set.

    Written as a name (`hflip`) or a name with its options (`{zoom: {scale: [0.9, 1.2]}}`).
    """

    hflip: Flip | None = None
    vflip: Flip | None = None
    color_jitter: ColorJitter | None = None
    zoom: Zoom | None = None
    crop: Crop | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return with_options(value, {})

    @model_validator(mode="after")
    def _one_step(self) -> Augmentation:
        if len(self.model_fields_set) != 1:
            raise ValueError("expected one step, such as hflip or {zoom: {scale: [0.9, 1.2]}}")
        return self

    @property
    def step(self) -> Flip | ColorJitter | Zoom | Crop:
        """The options of the one step that is set."""
        step: Flip | ColorJitter | Zoom | Crop = getattr(self, self.name)
        return step

    @property
    def name(self) -> str:
        """Which step it is."""
        return next(iter(self.model_fields_set))
