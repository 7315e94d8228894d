"""How well scores rank what is there above what is not."""

from __future__ import annotations

import torch
from torch import Tensor


def average_precision(scores: Tensor, positive: Tensor) -> float | None:
    """The mean of the precisions at which the recall rises; None without a positive.

    As scikit-learn defines it: Σ (R_n - R_(n-1)) P_n over the thresholds n from high to low, P and
    R being precision and recall of all scores from the threshold on. Without interpolation, which
    would flatter; equal scores have one threshold, so that their order means nothing.

    Args:
        scores: `[N]`, higher is surer.
        positive: `[N]` bool.
    """
    total = int(positive.sum())
    if total == 0:
        return None
    ranked, order = scores.sort(descending=True)
    hits = positive[order].double().cumsum(0)
    # The last of each row of equal scores stands for its threshold.
    last = torch.ones_like(positive)
    last[:-1] = ranked[1:] != ranked[:-1]
    places = last.nonzero().squeeze(1)
    found = hits[places]
    precision = found / (places + 1)
    gained = found.diff(prepend=found.new_zeros(1)) / total
    return float((gained * precision).sum())
