"""Global average pooling and one or two linear layers, for a few numbers a picture."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from mtcli.core.heads.classrows import ClassRows


class PooledHead(nn.Module):
    """The mean of a map over the picture, a hidden layer if asked for, dropout, a linear layer.

    Args:
        channels: of the map.
        outputs: K, for each class or number.
        dropout: before the linear layer.
        groups: how often there are K, one set behind the other.
        hidden: the width of a linear layer with ReLU before the dropout; None: there is none.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        dropout: float,
        groups: int = 1,
        hidden: int | None = None,
    ) -> None:
        super().__init__()
        self.hidden = None if hidden is None else nn.Linear(channels, hidden)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(hidden or channels, groups * outputs)
        rows = ClassRows(groups=groups)
        self.by_class = {"classifier.weight": rows, "classifier.bias": rows}

    def forward(self, features: Mapping[str, Tensor], targets: object = None) -> Tensor:
        """`c5` `[N, C, H, W]` to `[N, groups · K]`."""
        pooled = features["c5"].mean(dim=(2, 3))
        if self.hidden is not None:
            pooled = self.hidden(pooled).relu()
        answer: Tensor = self.classifier(self.dropout(pooled))
        return answer
