"""Regression: one or more numbers a picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from mtcli.core.features import FeatureSpec
from mtcli.core.heads.pooled import PooledHead
from mtcli.core.labels import LabelError, LabelValue, WordsLabel
from mtcli.core.metrics.confusion import mean_defined
from mtcli.core.metrics.regression import RegressionMeter
from mtcli.core.options import ClassNames, Options
from mtcli.core.task import Caption, Prediction, Target, Task
from mtcli.core.tasks import KINDS

MAX_LOG_DEVIATION = 7.0
"""exp(±7) deviations of the training split: beyond any use, and finite in half precision."""


class RegressionOptions(Options):
    """What a config may say of a regression."""

    names: Annotated[ClassNames, Field(min_length=1)] | None = None
    """What the numbers are called, in their order; null: they stay without names."""
    loss: Literal["l1", "huber", "gaussian_nll"] = "huber"
    """Of the numbers in deviations from the mean; `gaussian_nll` also learns how sure it is."""
    hidden: PositiveInt | None = None
    """Width of a fully connected layer, with ReLU, before the last one; null: none."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Before the last layer."""
    crops: bool = False
    """Whether the numbers hold for a part of the picture too; a count does not."""


class RegressionFacts(Options):
    """Of each number over the training split: mean, deviation, and how far the median is off."""

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    median_errors: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RegressionBatch:
    """Numbers `[N, K]` float32 in deviations from the mean, and which of them are known."""

    numbers: Tensor
    known: Tensor


@KINDS.add("regression")
class Regression(Task[RegressionBatch, Tensor]):
    """One or more numbers a picture, learnt in deviations from their means.

    A target holds `numbers` `[K]` and `known` `[K]` bool; a prediction holds `numbers`, and
    `deviation` `[K]` where the loss is `gaussian_nll`. Raw is `[N, K]`, or `[N, 2K]` with the
    logarithms of the deviations behind the numbers.
    """

    kind = "regression"
    Options = RegressionOptions
    Facts = RegressionFacts
    takes = (WordsLabel,)
    metrics = {"mae": "min", "rmse": "min", "r2": "max"}
    outputs = {
        "numbers": "[N, K] float32: in the unit of the labels",
        "deviation": "[N, K] float32, with loss: gaussian_nll alone: how far off each may be, as a "
        "standard deviation in the unit of the labels",
    }
    raw_outputs = {
        "standardized": "[N, K] float32: in deviations of the training split from its mean",
        "log_deviation": "[N, K] float32, with loss: gaussian_nll alone: logarithm of how far off "
        "each may be, in the same unit",
    }
    levels = ("c5",)

    options: RegressionOptions
    facts: RegressionFacts

    def __init__(self, options: RegressionOptions, facts: RegressionFacts) -> None:
        self.options = options
        self.facts = facts
        self._size = len(facts.means)
        self._sure = options.loss == "gaussian_nll"
        self._names = options.names or tuple(f"number {n}" for n in range(1, self._size + 1))

    @classmethod
    def prepare(cls, options: RegressionOptions, values: Iterable[LabelValue]) -> Self:
        rows: list[list[float]] = []
        wanted = len(options.names) if options.names is not None else None
        for value in values:
            rows.append(_parse(value))
            wanted = len(rows[0]) if wanted is None else wanted
            if len(rows[-1]) != wanted:
                raise _wrong_length(wanted, len(rows[-1]))
        if not any(rows):
            raise LabelError("a regression needs numbers to learn from", found="none")
        means, deviations, errors = [], [], []
        for column in torch.tensor(rows, dtype=torch.float64).T:
            known = column[~column.isnan()]
            if len(known) == 0:
                raise LabelError("a number is missing in every picture of the training split")
            means.append(float(known.mean()))
            # A number that never changes has no deviation to measure by.
            deviations.append(float(known.std(correction=0)) or 1.0)
            errors.append(float((known - known.median()).abs().mean()))
        facts = RegressionFacts(
            means=tuple(means), deviations=tuple(deviations), median_errors=tuple(errors)
        )
        return cls(options, facts)

    @classmethod
    def example(cls, generator: torch.Generator, size: tuple[int, int]) -> WordsLabel:  # noqa: ARG003
        one, other = torch.rand(2, generator=generator).tolist()
        return WordsLabel((f"{20 * one:.2f}", f"{other - 5:.3f}"))

    @property
    def crop_safe(self) -> bool:
        return self.options.crops

    def head(self, specs: Mapping[str, FeatureSpec]) -> nn.Module:
        groups = 2 if self._sure else 1
        options = self.options
        return PooledHead(specs["c5"].channels, self._size, options.dropout, groups, options.hidden)

    def read(self, value: LabelValue, size: tuple[int, int]) -> Target | None:
        numbers = _parse(value)
        if len(numbers) != self._size:
            raise _wrong_length(self._size, len(numbers))
        # Double precision: numbers far from 0 differ in digits that single precision has not.
        read = torch.tensor(numbers, dtype=torch.float64)
        known = ~read.isnan()
        return {"numbers": read.nan_to_num(0.0), "known": known} if known.any() else None

    def collate(self, targets: Sequence[Target], size: tuple[int, int]) -> RegressionBatch:
        numbers = torch.stack([target["numbers"] for target in targets])
        means, deviations = self._scale(numbers)
        known = torch.stack([target["known"] for target in targets])
        return RegressionBatch(((numbers - means) / deviations).float(), known)

    def counts(self, batch: RegressionBatch) -> dict[str, Tensor]:
        return {"numbers": batch.known.sum().float()}

    def loss(
        self, raw: Tensor, batch: RegressionBatch, counts: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        found = raw.float()[:, : self._size]
        if self.options.loss == "l1":
            losses = F.l1_loss(found, batch.numbers, reduction="none")
        elif self.options.loss == "huber":
            losses = F.huber_loss(found, batch.numbers, reduction="none")
        else:
            # Not torch's, which asks the device in each step whether a variance is negative.
            log_deviation = _log_deviation(raw.float()[:, self._size :])
            scaled = (found - batch.numbers) * (-log_deviation).exp()
            losses = log_deviation + scaled**2 / 2
        total = (losses * batch.known).sum()
        return {self.options.loss: total / counts["numbers"].clamp(min=1)}

    def decode(self, raw: Tensor, size: tuple[int, int]) -> list[Prediction]:
        return self.predictions(self._unscaled(raw), size)

    def _unscaled(self, raw: Tensor) -> dict[str, Tensor]:
        """Numbers, and deviations where the head says them, `[N, K]` float64 in label units."""
        found = raw.double()
        means, deviations = self._scale(found)
        unscaled = {"numbers": found[:, : self._size] * deviations + means}
        if self._sure:
            unscaled["deviation"] = _log_deviation(found[:, self._size :]).exp() * deviations
        return unscaled

    def meter(self) -> RegressionMeter:
        return RegressionMeter(self._names, self.facts.means)

    def truth(self, target: Target) -> Prediction:
        """A number that nobody knows is NaN."""
        found = {"numbers": target["numbers"].masked_fill(~target["known"], math.nan)}
        if self._sure:
            found["deviation"] = torch.zeros_like(found["numbers"])
        return found

    def score(self, metrics: Mapping[str, float | None]) -> float | None:
        """How much smaller the error is than that of always saying the training split's median."""
        mae, of_median = metrics["mae"], mean_defined(list(self.facts.median_errors))
        if mae is None or of_median is None:
            return None
        if of_median == 0:
            return float(mae == 0)
        return min(1.0, max(0.0, 1 - mae / of_median))

    def caption(self, prediction: Prediction, target: Target | None) -> Caption:
        texts = []
        for place, name in enumerate(self._names):
            number = float(prediction["numbers"][place])
            text = "unknown" if math.isnan(number) else f"{number:.4g}"
            if target is not None and target["known"][place]:
                text = f"{text} (true {float(target['numbers'][place]):.4g})"
            texts.append(f"{name} {text}" if self.options.names is not None else text)
        return Caption(", ".join(texts))

    def to_json(self, prediction: Prediction) -> dict[str, Any]:
        found = {
            name: [None if math.isnan(value) else value for value in values.tolist()]
            for name, values in prediction.items()
        }
        if self.options.names is None:
            return dict(found)
        return {
            name: dict(zip(self.options.names, values, strict=True))
            for name, values in found.items()
        }

    def export(self, raw: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
        return {name: tensor.float() for name, tensor in self._unscaled(raw).items()}

    def predictions(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        rows = zip(*(tensor.double() for tensor in tensors.values()), strict=True)
        return [dict(zip(tensors, row, strict=True)) for row in rows]

    def export_raw(self, raw: Tensor) -> dict[str, Tensor]:
        found = {"standardized": raw.float()[:, : self._size]}
        if self._sure:
            found["log_deviation"] = raw.float()[:, self._size :]
        return found

    def decode_raw(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        names = ("standardized", "log_deviation") if self._sure else ("standardized",)
        return self.decode(torch.cat([tensors[name] for name in names], dim=1), size)

    def agreement(self, one: Prediction, other: Prediction) -> float:
        """The share of numbers that differ by at most 1 % of the training split's deviation."""
        apart = (one["numbers"] - other["numbers"]).abs()
        return float((apart <= 0.01 * self._scale(apart)[1]).float().mean())

    def _scale(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Means and deviations `[K]` float64 on the device of another tensor."""
        facts = torch.tensor([self.facts.means, self.facts.deviations], dtype=torch.float64)
        means, deviations = facts.to(like.device, non_blocking=True)
        return means, deviations


def _parse(value: LabelValue) -> list[float]:
    """The numbers of a label; NaN for one that is missing."""
    assert isinstance(value, WordsLabel)
    if not value.words:
        raise LabelError("a label without a number", mend="leave it out where there is none")
    numbers = []
    for word in value.words:
        try:
            number = float(word) if word else math.nan
        except ValueError:
            raise LabelError("a label that is no number", found=repr(word)) from None
        if word and not math.isfinite(number):
            raise LabelError(
                "a label that is no finite number",
                found=repr(word),
                mend="leave the cell empty where the number is missing",
            )
        numbers.append(number)
    return numbers


def _wrong_length(wanted: int, found: int) -> LabelError:
    return LabelError(
        f"a label of {found} numbers, where others have {wanted}",
        mend="leave a cell empty where a number is missing",
    )


def _log_deviation(raw: Tensor) -> Tensor:
    """Logarithms of deviations, as the head says them, within reason."""
    return raw.clamp(-MAX_LOG_DEVIATION, MAX_LOG_DEVIATION)
