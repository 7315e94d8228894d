"""Depth: a number for every pixel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Self

import torch
from pydantic import Field, NonNegativeFloat, model_validator
from torch import Tensor, nn

from mtcli.core.features import FeatureSpec
from mtcli.core.heads import DENSE_HEADS
from mtcli.core.heads.dense import resized
from mtcli.core.labels import LabelError, LabelValue, NumberMapLabel, check_size
from mtcli.core.maps import UNMEASURED, NumberMap
from mtcli.core.metrics.depth import DepthMeter
from mtcli.core.ops.sheet import Sheet
from mtcli.core.options import DenseHeadName, Options
from mtcli.core.task import Prediction, Target, Task, View
from mtcli.core.tasks import KINDS

BALANCE = 0.5
"""λ of the scale-invariant loss: 0 measures depths as they are, 1 leaves their scale free."""

MAX_LOG = 7.0
"""exp(±7) times the geometric mean of the training split: beyond any use, and always finite."""


class DepthOptions(Options):
    """What a config may say of a depth."""

    head: DenseHeadName = "fpn"
    """What answers for the pixels: `fpn`, or `deeplab`, which sees more around each."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Of whole channels, before the last layer."""
    scale_invariant: NonNegativeFloat = 1.0
    """Weight of the loss of logarithms, which forgives a wrong scale of the whole picture half."""
    l1: NonNegativeFloat = 1.0
    """Weight of the absolute error, in units of the mean depth."""

    @model_validator(mode="after")
    def _teaches(self) -> Self:
        if not (self.scale_invariant or self.l1):
            raise ValueError("scale_invariant or l1 must weigh more than 0")
        return self


class DepthFacts(Options):
    """Over the measured pixels of the training split: the mean, and the mean of the logarithms."""

    mean: float
    mean_log: float


@KINDS.add("depth")
class Depth(Task[Tensor, Tensor]):
    """A positive number for every pixel, learnt as a factor of the mean depth.

    A target holds `depth`, a NumberMap `[H, W]` with 0 where nothing was measured; so does a
    prediction, without 0. Batch is depths `[N, H, W]` at the input's size; Raw is `[N, 1, h, w]`
    of the head's finest level, the logarithm of the depth less the training split's mean one.

    Nothing here knows how far a zoom or a crop magnified a picture: the depth of a label stays
    what it was, where Eigen et al. divide it by the scale.
    """

    kind = "depth"
    Options = DepthOptions
    Facts = DepthFacts
    takes = (NumberMapLabel,)
    metrics = {"abs_rel": "min", "rmse": "min", "delta1": "max"}
    outputs = {"depth": "[N, H, W] float32 above 0: in the unit of the labels, at the input's size"}
    raw_outputs = {
        "log_depth": "[N, h, w] float32: natural logarithm of each cell's depth, less the training "
        "split's mean one"
    }

    options: DepthOptions
    facts: DepthFacts

    def __init__(self, options: DepthOptions, facts: DepthFacts) -> None:
        self.options = options
        self.facts = facts
        self._head = DENSE_HEADS.get(options.head)

    @classmethod
    def prepare(cls, options: DepthOptions, values: Iterable[LabelValue]) -> Self:
        count, total, logs = 0, 0.0, 0.0
        for value in values:
            numbers = _checked(value)
            measured = numbers[numbers > UNMEASURED].double()
            count += len(measured)
            total += float(measured.sum())
            logs += float(measured.log().sum())
        if not count:
            raise LabelError("a depth needs measured pixels to learn from", found="none")
        return cls(options, DepthFacts(mean=total / count, mean_log=logs / count))

    @classmethod
    def example(cls, generator: torch.Generator, size: tuple[int, int]) -> NumberMapLabel:
        height, width = size
        near, far = (1 + 9 * torch.rand(2, generator=generator)).tolist()
        down = torch.linspace(far, near, height)[:, None]
        values = down.expand(size) * torch.linspace(1, 1.2, width)
        y, x = (int(torch.randint(side // 2, (), generator=generator)) for side in size)
        values[y : y + height // 3, x : x + width // 3] = UNMEASURED
        return NumberMapLabel(values)

    @property
    def levels(self) -> tuple[str, ...]:
        return self._head.levels

    def head(self, specs: Mapping[str, FeatureSpec]) -> nn.Module:
        return self._head(specs, 1, self.options.dropout)

    def read(self, value: LabelValue, size: tuple[int, int]) -> Target | None:
        numbers = _checked(value)
        check_size(numbers, size, "depth map")
        return _measured({"depth": NumberMap(numbers)})

    def clean(self, target: Target, view: View) -> Target | None:
        return _measured(target)

    def collate(self, targets: Sequence[Target], size: tuple[int, int]) -> Tensor:
        return torch.stack([target["depth"].as_subclass(Tensor) for target in targets])

    def counts(self, batch: Tensor) -> dict[str, Tensor]:
        """Measured pixels, and pictures that have one: few points may be lost on the way here."""
        pixels = (batch > UNMEASURED).flatten(1).sum(dim=1)
        return {"pictures": (pixels > 0).sum().float(), "pixels": pixels.sum().float()}

    def loss(self, raw: Tensor, batch: Tensor, counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The scale-invariant loss a picture, and the absolute error a pixel.

        Eigen et al., "Depth Map Prediction from a Single Image using a Multi-Scale Deep Network"
        (arXiv:1406.2283), equation 4: Σd²/n - λ (Σd)²/n², d being the difference of logarithms
        and n the picture's measured pixels; λ = 0.5.
        """
        found = resized(raw.float(), (batch.shape[1], batch.shape[2]))[:, 0]
        measured = batch > UNMEASURED
        # Where nothing was measured stands any number whose logarithm is finite.
        true = torch.where(measured, batch, self.facts.mean)
        parts = {}
        if self.options.scale_invariant:
            apart = (found + self.facts.mean_log - true.log()) * measured
            pixels = measured.flatten(1).sum(dim=1).clamp(min=1)
            mean = apart.sum(dim=(1, 2)) / pixels
            each = (apart**2).sum(dim=(1, 2)) / pixels - BALANCE * mean**2
            total = self.options.scale_invariant * each.sum()
            parts["scale_invariant"] = total / counts["pictures"].clamp(min=1)
        if self.options.l1:
            error = (self._depth(found) - true).abs() / self.facts.mean
            total = self.options.l1 * (error * measured).sum()
            parts["l1"] = total / counts["pixels"].clamp(min=1)
        return parts

    def _depth(self, relative: Tensor) -> Tensor:
        """Depths from logarithms around the mean one."""
        return (relative.clamp(-MAX_LOG, MAX_LOG) + self.facts.mean_log).exp()

    def meter(self) -> DepthMeter:
        return DepthMeter()

    def truth(self, target: Target) -> Prediction:
        """With 0 where nothing was measured, unlike what `decode` gives."""
        return {"depth": target["depth"]}

    def score(self, metrics: Mapping[str, float | None]) -> float | None:
        return metrics["delta1"]

    def draw(self, sheet: Sheet, prediction: Prediction, target: Target | None) -> None:
        truth = target["depth"].as_subclass(Tensor) if target is not None else None
        sheet.number_map(prediction["depth"].as_subclass(Tensor), truth)

    def summary(self, prediction: Prediction) -> str:
        """The least and the most."""
        depth = prediction["depth"].as_subclass(Tensor)
        known = depth[depth > UNMEASURED]
        return f"{known.min():.3g} … {known.max():.3g}" if len(known) else "nothing"

    def to_json(self, prediction: Prediction) -> dict[str, Any]:
        """What sums the map up: its pixels are more than a line of text can bear."""
        depth = prediction["depth"].as_subclass(Tensor)
        known = depth[depth > UNMEASURED].double()
        return {
            "depth": {
                "min": float(known.min()) if len(known) else None,
                "mean": float(known.mean()) if len(known) else None,
                "max": float(known.max()) if len(known) else None,
                "shape": list(depth.shape),
            }
        }

    def export(self, raw: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
        return {"depth": self._depth(resized(raw.float(), size)[:, 0])}

    def predictions(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        return [{"depth": NumberMap(row)} for row in tensors["depth"]]

    def export_raw(self, raw: Tensor) -> dict[str, Tensor]:
        return {"log_depth": raw.float()[:, 0]}

    def decode_raw(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        return self.decode(tensors["log_depth"][:, None], size)

    def agreement(self, one: Prediction, other: Prediction) -> float:
        """The share of pixels whose depths differ by at most 1 %."""
        depth, again = (answer["depth"].as_subclass(Tensor) for answer in (one, other))
        return float(((depth - again).abs() <= 0.01 * depth.maximum(again)).float().mean())


def _checked(value: LabelValue) -> Tensor:
    """The numbers of a label `[H, W]` float32, each 0 or more."""
    assert isinstance(value, NumberMapLabel)
    numbers = value.values.float()
    wrong = ~numbers.isfinite() | (numbers < 0)
    if wrong.any():
        raise LabelError(
            "a depth that is no number of 0 or more",
            found=f"{float(numbers[wrong][0]):g}, and {int(wrong.sum()) - 1} others",
            mend="write 0 where nothing was measured",
        )
    return numbers


def _measured(target: Target) -> Target | None:
    """The target, if it has a measured pixel."""
    return target if bool((target["depth"] > UNMEASURED).any()) else None
