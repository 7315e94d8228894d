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
from mtcli.core.options import ClassNames, Options
from mtcli.core.task import Caption, Meter, Prediction, Target, Task
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


class RegressionMeter(Meter):
    """Sums of errors, each number apart."""

    def __init__(self, names: tuple[str, ...], means: tuple[float, ...]) -> None:
        self._names = names
        # Squares of numbers far from 0 lose the digits that matter: all is seen from the mean of
        # the training split, of which another meter, of another fold, has its own.
        self._means = torch.tensor(means, dtype=torch.float64)
        self._sums = torch.zeros(5, len(means), dtype=torch.float64)

    def update(self, predictions: Sequence[Prediction], targets: Sequence[Target]) -> None:
        for prediction, target in zip(predictions, targets, strict=True):
            known = target["known"].double()
            true = (target["numbers"].double() - self._means) * known
            found = prediction["numbers"].double().masked_fill(~target["known"], 0.0)
            error = (found - self._means) * known - true
            self._sums += torch.stack([known, error.abs(), error**2, true, true**2])

    def merge(self, others: Iterable[Self]) -> None:
        for other in others:
            known, absolute, squared, total, squares = other._sums
            off = other._means - self._means
            squares = squares + 2 * off * total + off**2 * known
            self._sums += torch.stack([known, absolute, squared, total + off * known, squares])

    def compute(self) -> dict[str, float | None]:
        each = self._each()
        return {
            name: mean_defined([numbers[name] for numbers in each]) for name in Regression.metrics
        }

    def per_class(self) -> dict[str, dict[str, float | None]]:
        if len(self._names) < 2:
            return {}
        return dict(zip(self._names, self._each(), strict=True))

    def _each(self) -> list[dict[str, float | None]]:
        found: list[dict[str, float | None]] = []
        for count, absolute, squared, total, squares in self._sums.T.tolist():
            spread = squares - total**2 / count if count else 0.0
            found.append(
                {
                    "mae": absolute / count if count else None,
                    "rmse": math.sqrt(squared / count) if count else None,
                    "r2": 1 - squared / spread if spread > 1e-12 * squares else None,
                }
            )
        return found


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
    outputs = ("numbers",)
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
        found = raw.double()
        means, deviations = self._scale(found)
        numbers = found[:, : self._size] * deviations + means
        if not self._sure:
            return [{"numbers": row} for row in numbers]
        unsure = _log_deviation(found[:, self._size :]).exp() * deviations
        return [
            {"numbers": row, "deviation": deviation}
            for row, deviation in zip(numbers, unsure, strict=True)
        ]

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

    def export(self, raw: Tensor) -> tuple[Tensor, ...]:
        means, deviations = self._scale(raw)
        return (raw.float()[:, : self._size] * deviations.float() + means.float(),)

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
