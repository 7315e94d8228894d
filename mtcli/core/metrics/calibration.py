"""How far stated probabilities are from the shares that came true."""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 15


class Calibration:
    """The expected calibration error over equal bins of confidence.

    Guo et al., "On Calibration of Modern Neural Networks" (arXiv:1706.04599), equation 3.
    """

    def __init__(self) -> None:
        self._counts = torch.zeros(BINS, dtype=torch.float64)
        self._confidence = torch.zeros(BINS, dtype=torch.float64)
        self._right = torch.zeros(BINS, dtype=torch.float64)

    def update(self, confidence: Tensor, right: Tensor) -> None:
        """Add predictions: confidence `[N]` in [0, 1], and whether each was right `[N]`."""
        # A bin holds its upper bound: ]0, 1/15], ]1/15, 2/15], …
        bins = ((confidence.double() * BINS).ceil().long() - 1).clamp(0, BINS - 1)
        self._counts += torch.bincount(bins, minlength=BINS)
        self._confidence.index_add_(0, bins, confidence.double())
        self._right.index_add_(0, bins, right.double())

    def merge(self, other: Calibration) -> None:
        """Add what another collected."""
        self._counts += other._counts
        self._confidence += other._confidence
        self._right += other._right

    def error(self) -> float | None:
        """The error in [0, 1]; None without a prediction."""
        total = self._counts.sum()
        return float((self._confidence - self._right).abs().sum() / total) if total else None
