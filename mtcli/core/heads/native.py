"""The trunk's own classifier: final convolution, pooling and fully connected layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mtcli.core.errors import ConfigError
from mtcli.core.features import FeatureSpec
from mtcli.core.heads.classrows import ClassRows


class NativeHead(nn.Module):
    """The layers behind a trunk's last map, under the names that its published weights have.

    A batch of one row in training is normalised by the running statistics: a BatchNorm behind
    the pooling has one value a channel then, and no variance.

    Args:
        tail: maps `c5` `[N, C, h, w]` to `[N, K]`; its children become this module's.

    Attributes:
        by_class: the tensors of the last layer, whose rows are the classes.
    """

    def __init__(self, tail: nn.Module) -> None:
        super().__init__()
        # In a tuple it is not registered, and its tensors' names get nothing in front.
        self._tail = (tail,)
        self._modules.update(tail._modules)
        self.by_class = _by_class(tail)

    def train(self, mode: bool = True) -> Self:
        """As any module; timm's networks ask themselves, not a layer, whether to drop out."""
        self._tail[0].training = mode
        return super().train(mode)

    def forward(self, features: Mapping[str, Tensor], targets: object = None) -> Tensor:
        """`c5` `[N, C, h, w]` to logits `[N, K]`."""
        with _settled(self, self.training and len(features["c5"]) == 1):
            answer: Tensor = self._tail[0](features["c5"])
        return answer


def build_native(c5: FeatureSpec, outputs: int, dropout: float) -> NativeHead:
    """The trunk's own classifier for K outputs, with random weights.

    Raises:
        ConfigError: the trunk has none, or none that can be separated from it.
    """
    if c5.tail is None:
        raise ConfigError(
            "head: native: the trunk has no classifier of its own",
            expected="a trunk of timm, with its last map c5",
            mend="leave head out: pooled has one layer of its own, over any trunk",
        )
    return NativeHead(c5.tail(outputs, dropout))


def _by_class(tail: Any) -> dict[str, ClassRows]:
    if not hasattr(tail, "get_classifier"):
        return {}
    last = tail.get_classifier()
    return {
        f"{name}.{tensor}": ClassRows()
        for name, module in tail.named_modules()
        if module is last
        for tensor, _ in module.named_parameters(recurse=False)
    }


@contextmanager
def _settled(module: nn.Module, alone: bool) -> Iterator[None]:
    """Have BatchNorms use and keep their running statistics meanwhile."""
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm) and m.training and alone]
    for norm in norms:
        norm.training = False
    try:
        yield
    finally:
        for norm in norms:
            norm.training = True
