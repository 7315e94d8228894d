"""Maps of numbers as files hold them, checked and freed of what was not measured."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from mtcli.core.data.arrays import Array
from mtcli.core.errors import DataError
from mtcli.core.labels import NumberMapLabel
from mtcli.core.maps import UNMEASURED


def measured_map(
    numbers: Array,
    where: object,
    scale: float = 1.0,
    unmeasured: float | Literal["nan"] = UNMEASURED,
    mend: str = "write 0 there",
) -> NumberMapLabel:
    """The label of a map.

    Args:
        numbers: `[H, W]`, as the file has them.
        where: the file, for messages.
        scale: what they are multiplied with.
        unmeasured: the file's number for a pixel that was not measured.
        mend: what a person can do about other numbers.

    Raises:
        DataError: a pixel is no number, infinite, or negative.
    """
    with np.errstate(over="ignore"):
        if unmeasured == "nan":
            missing = np.isnan(numbers)
        else:
            # In single precision -9999.9 is another number than in double.
            own = numbers.dtype.type(unmeasured) if numbers.dtype.kind == "f" else unmeasured
            missing = numbers == own
        values = (numbers.astype(np.float64) * scale).astype(np.float32)
    values[missing] = UNMEASURED
    wrong = int((~(np.isfinite(values) & (values >= 0))).sum())
    if wrong:
        raise DataError(
            f"a number that is negative, infinite or none at all, in {wrong} pixels",
            where=where,
            expected="numbers of 0 and above; 0 is not measured",
            mend=mend,
        )
    return NumberMapLabel(torch.from_numpy(values))
