"""The rows of a batch that have an input, one input behind the other, and all rows of the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtcli.core.inputs import PICTURE_CHANNELS


def one_behind_the_other(inputs: Sequence[str], pictures: Mapping[str, Tensor]) -> Tensor:
    """Pictures `[R, 1 or 3, H, W]` of several inputs as one batch `[M, 3, H, W]`.

    A measured map, which has one channel, is grey: each of the three is the same.
    """
    return torch.cat([pictures[name].expand(-1, PICTURE_CHANNELS, -1, -1) for name in inputs])


def by_input(
    inputs: Sequence[str], joined: Tensor, rows: Mapping[str, Tensor], count: int
) -> list[Tensor]:
    """What became of such a batch, `[M, C, h, w]`, by input: each `[N, C, h, w]`."""
    parts = joined.split_with_sizes([rows[name].shape[0] for name in inputs])
    return [in_batch(part, rows[name], count) for name, part in zip(inputs, parts, strict=True)]


def in_batch(part: Tensor, rows: Tensor, count: int) -> Tensor:
    """Some rows `[R, C, h, w]` of a batch among all its N rows; zeros where there is none."""
    if rows.shape[0] == count:
        return part
    whole = torch.empty(
        (count, *part.shape[1:]),
        dtype=part.dtype,
        device=part.device,
        memory_format=torch.channels_last,
    )
    return whole.zero_().index_copy(0, rows, part)
