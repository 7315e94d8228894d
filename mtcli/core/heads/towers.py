"""What dense detectors share: towers of convolutions, cells in a row, the focal loss over them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torchvision.ops import sigmoid_focal_loss

from mtcli.core.heads.dense import conv_norm_relu


def tower(channels: int, depth: int, dropout: float) -> nn.Sequential:
    """`depth` 3×3 convolutions with GroupNorm and ReLU, then dropout of whole channels."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += conv_norm_relu(channels, channels)
    if dropout:
        layers.append(nn.Dropout2d(dropout))
    return nn.Sequential(*layers)


def start_rare(logits: nn.Conv2d) -> None:
    """Let every place start at probability 0.01, or under focal loss background drowns the rest."""
    assert logits.bias is not None
    nn.init.constant_(logits.bias, -math.log(99.0))


def by_cell(output: Tensor) -> Tensor:
    """`[N, C, H, W]` to `[N, H * W, C]`."""
    return output.flatten(2).transpose(1, 2)


def focal_sum(
    logits: Tensor,
    positives: Tensor,
    labels: Tensor,
    looked_for: Tensor | None,
    ignored: Tensor | None = None,
) -> Tensor:
    """The focal loss of all places, summed.

    Lin et al., "Focal Loss for Dense Object Detection" (arXiv:1708.02002), equation 5.

    Args:
        logits: `[N, P, K]`.
        positives: `[M]` int64, picture number times P plus place number.
        labels: `[M]` int64 class numbers of these.
        looked_for: `[N, K]` bool, the classes whose absence means something; None: all.
        ignored: `[I]` int64, places that are taught nothing.
    """
    wanted = torch.zeros_like(logits, dtype=torch.float32).flatten(0, 1)
    wanted[positives, labels] = 1
    flat = logits.float().flatten(0, 1)
    losses: Tensor = sigmoid_focal_loss(flat, wanted, alpha=0.25, gamma=2.0).view(logits.shape)
    if looked_for is not None:
        losses = losses * looked_for[:, None]
    total = losses.sum()
    return total if ignored is None else total - losses.flatten(0, 1)[ignored].sum()
