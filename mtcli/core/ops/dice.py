"""The Dice coefficient of soft maps."""

from __future__ import annotations

import torch
from torch import Tensor


def soft_dice(found: Tensor, numbers: Tensor, counted: Tensor) -> Tensor:
    """How far probabilities cover the true pixels of each picture and class: `[N, K]` in [0, 1].

    Milletari et al., "V-Net" (arXiv:1606.04797), section 3, without the squares: 2 Σpg /
    (Σp + Σg).

    Args:
        found: probabilities `[N, K, H, W]`.
        numbers: the true classes `[N, H, W]` int64; any where a pixel is not counted.
        counted: which pixels are, `[N, H, W]` bool.
    """
    found = found * counted[:, None]
    common = torch.zeros(found.shape[:2], device=found.device)
    true = torch.zeros_like(common)
    # Sums by class through an index, rather than one-hot maps of all classes.
    of_true = found.gather(1, numbers[:, None]).flatten(1)
    common = common.scatter_add(1, numbers.flatten(1), of_true)
    true = true.scatter_add(1, numbers.flatten(1), counted.flatten(1).float())
    return 2 * common / (found.sum(dim=(2, 3)) + true).clamp(min=1e-6)
