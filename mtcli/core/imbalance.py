"""Against classes of very different size: weights by class, focal and asymmetric loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveFloat
from torch import Tensor

from mtcli.core.labels import LabelError, unknown_class

ClassWeights = Literal["balanced"] | dict[str, Annotated[float, Field(ge=0)]] | None
"""What a config may say: nothing, `balanced`, or a weight by class name (1 for others)."""

Gamma = PositiveFloat | None

MAX_WEIGHT = 10.0
"""`balanced` goes no further for classes that apply or not, nor below its inverse: one odd picture
would rule the update."""

GAMMA_NEGATIVE, MARGIN = 4, 0.05
"""Of the asymmetric loss, as in its paper; the exponent of its positives is 0 there."""


def class_weights(
    said: ClassWeights, classes: Sequence[str], counts: Sequence[int]
) -> tuple[float, ...] | None:
    """A weight for each class; None where all are alike.

    `balanced` is total / (classes · count), as scikit-learn has it: each class then weighs as
    much in all as every other. A class without an example weighs 1.

    Raises:
        LabelError: a weight for a class that the task does not have.
    """
    if said is None:
        return None
    if said == "balanced":
        present = [count for count in counts if count]
        return tuple(sum(present) / (len(present) * count) if count else 1.0 for count in counts)
    weights = _by_name(said, classes)
    if not any(weights):
        raise LabelError("every class weighs nothing", found="class_weights of 0 alone")
    return weights


def positive_weights(
    said: ClassWeights, classes: Sequence[str], positives: Sequence[int], negatives: Sequence[int]
) -> tuple[float, ...] | None:
    """The weight of each class where it applies, against 1 elsewhere; None where all are 1.

    `balanced` is negatives / positives, within a factor of `MAX_WEIGHT`: both then weigh as much
    in all. A class without a positive weighs 1.

    Raises:
        LabelError: a weight for a class that the task does not have.
    """
    if said is None:
        return None
    if said == "balanced":
        return tuple(
            min(max(negative / positive, 1 / MAX_WEIGHT), MAX_WEIGHT) if positive else 1.0
            for positive, negative in zip(positives, negatives, strict=True)
        )
    return _by_name(said, classes)


def _by_name(said: Mapping[str, float], classes: Sequence[str]) -> tuple[float, ...]:
    for name in said:
        if name not in classes:
            raise unknown_class(name, classes)
    return tuple(said.get(name, 1.0) for name in classes)


def weights_of(numbers: Tensor, weights: Sequence[float] | None) -> Tensor:
    """The weight of each class number `[…]` as float32; ones where all classes weigh alike."""
    if weights is None:
        return torch.ones(numbers.shape, device=numbers.device)
    table = torch.tensor(weights, dtype=torch.float32)
    return table.to(numbers.device, non_blocking=True)[numbers]


def focal_cross_entropy(
    logits: Tensor, numbers: Tensor, gamma: float | None, smoothing: float = 0.0
) -> Tensor:
    """Cross-entropy `[N]` of logits `[N, K, …]` and class numbers `[N, …]`, one by one.

    With `gamma` times (1 - p)^gamma, p the probability of the true class: Lin et al., "Focal Loss
    for Dense Object Detection" (arXiv:1708.02002), equation 4.
    """
    loss = F.cross_entropy(logits, numbers, reduction="none", label_smoothing=smoothing)
    if gamma is None:
        return loss
    unsure = -logits.log_softmax(dim=1).gather(1, numbers[:, None]).squeeze(1).expm1()
    # At 0 the slope of an exponent below 1 is infinite.
    return unsure.clamp(min=1e-6) ** gamma * loss


def asymmetric_losses(logits: Tensor) -> tuple[Tensor, Tensor]:
    """What each logit costs where its class applies, and where it does not; shaped as they are.

    Ridnik et al., "Asymmetric Loss For Multi-Label Classification" (arXiv:2009.14119), sections
    2.3 and 2.4, with γ+ = 0, γ- = 4 and m = 0.05:
    L+ = (1 - p)^γ+ log p and L- = p_m^γ- log(1 - p_m), p_m = max(p - m, 0).
    Departures: a mean over cells in place of a sum; the gradient flows through the exponents too,
    which the authors' code may cut off.
    """
    shifted = (logits.sigmoid() - MARGIN).clamp(min=0)
    # 1 - p_m is never below the margin: the logarithm is safe.
    return -F.logsigmoid(logits), -(shifted**GAMMA_NEGATIVE) * torch.log1p(-shifted)
