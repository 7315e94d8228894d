"""The dense head of DeepLabv3+: a coarse map seen at several scales, sharpened by a fine one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mtcli.core.features import FeatureSpec
from mtcli.core.heads import DENSE_HEADS
from mtcli.core.heads.classrows import ClassRows
from mtcli.core.heads.dense import DenseHead, conv_norm_relu, resized

RATES = (3, 6, 9)
"""Dilations. The paper's 6, 12, 18 are for stride 16; `c5` has stride 32."""

FINE = 48
"""Channels that the fine map is reduced to, as in the paper."""


@DENSE_HEADS.add("deeplab")
class DeepLabHead(DenseHead):
    """The coarsest map seen at several scales, sharpened by the finest: DeepLabv3+.

    Chen et al., "Encoder-Decoder with Atrous Separable Convolution" (arXiv:1802.02611): atrous
    spatial pyramid pooling on `c5` (a 1×1 convolution, three dilated 3×3 ones, and the picture's
    mean), joined with `c2`, then two 3×3 convolutions. Departures: GroupNorm in place of
    BatchNorm, plain in place of separable convolutions, 128 channels in place of 256, and the
    trunk keeps its stride of 32 rather than being dilated to 16.
    """

    levels = ("c2", "c5")
    by_class = {"output.weight": ClassRows(), "output.bias": ClassRows()}

    def __init__(self, specs: Mapping[str, FeatureSpec], outputs: int, dropout: float) -> None:
        super().__init__(specs, outputs, dropout)
        width, coarse = 128, specs["c5"].channels
        self.point = conv_norm_relu(coarse, width, kernel=1)
        self.dilated = nn.ModuleList(conv_norm_relu(coarse, width, dilation=rate) for rate in RATES)
        self.mean = conv_norm_relu(coarse, width, kernel=1)
        self.joined = conv_norm_relu(5 * width, width, kernel=1)
        self.fine = conv_norm_relu(specs["c2"].channels, FINE, kernel=1)
        self.decoder = nn.Sequential(
            conv_norm_relu(width + FINE, width), conv_norm_relu(width, width)
        )
        self.dropout = nn.Dropout2d(dropout)
        self.output = nn.Conv2d(width, outputs, 1)

    def cells(self, features: Mapping[str, Tensor]) -> Tensor:
        coarse, fine = features["c5"], features["c2"]
        mean = self.mean(coarse.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *coarse.shape[2:])
        scales = [self.point(coarse), *(conv(coarse) for conv in self.dilated), mean]
        context = self.joined(torch.cat(scales, dim=1))
        context = resized(context, (fine.shape[2], fine.shape[3]))
        decoded = self.decoder(torch.cat([context, self.fine(fine)], dim=1))
        answer: Tensor = self.output(self.dropout(decoded))
        return answer
