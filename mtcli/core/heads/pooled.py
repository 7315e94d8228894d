"""Global average pooling and one linear layer, for a few numbers a picture."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from mtcli.core.heads.classrows import ClassRows


class PooledHead(nn.Module):
    """The mean of a map over the picture, dropout, a linear layer.

    Args:
        channels: of the map.
        outputs: K, for each class or number.
        dropout: before the linear layer.
        groups: how often there are K, one set behind the other.
    """

    def __init__(self, channels: int, outputs: int, dropout: float, groups: int = 1) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, groups * outputs)
        rows = ClassRows(groups=groups)
        self.by_class = {"classifier.weight": rows, "classifier.bias": rows}

    def forward(self, features: Mapping[str, Tensor], targets: object = None) -> Tensor:
        """`c5` `[N, C, H, W]` to `[N, groups · K]`."""
        pooled = features["c5"].mean(dim=(2, 3))
        answer: Tensor = self.classifier(self.dropout(pooled))
        return answer
