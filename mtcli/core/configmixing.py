"""What `train.mixing` may say: the policies and their options."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_serializer,
    model_validator,
)

from mtcli.core.options import ClassNames, Options, with_options


class Alone(Options):
    """A policy without options."""


class Temperature(Options):
    """A task with n labelled pictures has min(n, cap) ^ (1 / T) of the batches."""

    T: PositiveFloat = 2.0
    """1 is proportional to the labels; the larger, the more alike all tasks are."""
    cap: PositiveInt | None = None
    """Labels beyond this number do not count."""


class StageConfig(Options):
    """One stage of `sequential`."""

    tasks: Annotated[ClassNames, Field(min_length=1)]
    """The tasks that learn; others keep their heads as they are."""
    epochs: PositiveInt
    """How long it lasts."""
    freeze: tuple[str, ...] = ()
    """Parts of the network that stay as they are: `trunk`, `pyramid`, `heads.NAME`, or the names
    of tensors, with `*` for any text."""
    mixing: MixingConfig = Field(default_factory=lambda: MixingConfig(joint=Alone()))
    """Of the stage's tasks: any policy but `sequential`."""

    @field_validator("mixing")
    @classmethod
    def _one_level(cls, value: MixingConfig) -> MixingConfig:
        if value.sequential is not None:
            raise ValueError("any policy but sequential, within a stage")
        return value


class MixingConfig(Options):
    """How pictures are drawn; exactly one of the fields is set.

    Written as a name (`uniform`) or a name with its options (`{temperature: {T: 3}}`).
    """

    joint: Alone | None = None
    """Every picture once an epoch, with all the labels that it carries."""
    proportional: Alone | None = None
    """Batches of one task each; a task has as many as it has labelled pictures."""
    uniform: Alone | None = None
    """The same, each task as many as any other, in an order that is drawn."""
    temperature: Temperature | None = None
    """The same, something between `proportional` and `uniform`."""
    ratios: dict[str, PositiveFloat] | None = None
    """The same, `{ratios: {cls: 1, det: 3}}`: det has three batches for one of cls."""
    round_robin: Alone | None = None
    """The same, the tasks in a circle."""
    sequential: tuple[StageConfig, ...] | None = None
    """A list of stages, `{tasks: [det], epochs: 5, freeze: [trunk], mixing: joint}` each."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return with_options(value, {"ratios": {}, "sequential": []})

    @model_validator(mode="after")
    def _one_policy(self) -> MixingConfig:
        if len(self.model_fields_set) != 1:
            raise ValueError("one policy, such as uniform or {temperature: {T: 3}}")
        if self.sequential == ():  # min_length would also complain where a stage is wrong
            raise ValueError("a list of stages, such as {tasks: [det], epochs: 5}")
        return self

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        return {self.name: getattr(self, self.name)}

    @property
    def name(self) -> str:
        """Which policy it is."""
        return next(iter(self.model_fields_set))
