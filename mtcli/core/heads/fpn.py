"""The dense head of Panoptic FPN: every pyramid level brought to the finest, and summed."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from mtcli.core.features import FeatureSpec
from mtcli.core.heads import DENSE_HEADS
from mtcli.core.heads.classrows import ClassRows
from mtcli.core.heads.dense import DenseHead, conv_norm_relu, resized


@DENSE_HEADS.add("fpn")
class FpnHead(DenseHead):
    """Every level of the pyramid brought to the finest, and summed.

    Kirillov et al., "Panoptic Feature Pyramid Networks" (arXiv:1901.02446), figure 3. A level of
    stride 4·2^n goes through n steps of 3×3 convolution, GroupNorm, ReLU and upsampling by two;
    the finest through one step without upsampling. Departure: as wide as the pyramid, where the
    paper has 128 channels.
    """

    levels = ("p2", "p3", "p4", "p5")
    by_class = {"output.weight": ClassRows(), "output.bias": ClassRows()}

    def __init__(self, specs: Mapping[str, FeatureSpec], outputs: int, dropout: float) -> None:
        super().__init__(specs, outputs, dropout)
        width = specs["p2"].channels
        self.steps = nn.ModuleDict(
            {
                level: nn.ModuleList(conv_norm_relu(width, width) for _ in range(max(1, n)))
                for n, level in enumerate(self.levels)
            }
        )
        self.dropout = nn.Dropout2d(dropout)
        self.output = nn.Conv2d(width, outputs, 1)

    def cells(self, features: Mapping[str, Tensor]) -> Tensor:
        total = self.steps["p2"][0](features["p2"])  # type: ignore[index]
        # The sizes of the finer levels, which an upsampling by two lands on exactly.
        sizes = [tuple(features[level].shape[2:]) for level in self.levels]
        for n, level in enumerate(self.levels[1:], start=1):
            feature = features[level]
            for step, size in zip(self.steps[level], reversed(sizes[:n]), strict=True):  # type: ignore[call-overload]
                feature = resized(step(feature), size)
            total = total + feature
        answer: Tensor = self.output(self.dropout(total))
        return answer
