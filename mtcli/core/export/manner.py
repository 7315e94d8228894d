"""How a model is exported: what a file is, beside what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Dynamic = Literal["none", "batch", "size"]
"""What may differ from call to call: nothing, the number of pictures, or their size too."""

Number = Literal["fp32", "int8"]
"""The format of the numbers that a file computes in."""

DYNAMICS: tuple[Dynamic, ...] = get_args(Dynamic)
NUMBERS: tuple[Number, ...] = get_args(Number)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a model is exported.

    Attributes:
        decoded: whether the file says what `decode` would; else what the heads say.
        dynamic: what may differ from call to call.
        precision: the format of its numbers.
        opset: ONNX's version of the operators; None is the one that torch takes.
    """

    decoded: bool = True
    dynamic: Dynamic = "batch"
    precision: Number = "fp32"
    opset: int | None = None

    @property
    def batch(self) -> int | None:
        """How many pictures the file takes at once; None: any number."""
        return 1 if self.dynamic == "none" else None
