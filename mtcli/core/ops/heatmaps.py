"""Heat maps: where they are highest, finer than their cells, and what lies around a place."""

from __future__ import annotations

import torch
from torch import Tensor


def peaks(logits: Tensor, radius: int) -> Tensor:
    """Where heat maps `[N, K, h, w]` of logits are highest: `[N, K, 2]` x, y in cells.

    Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation"
    (arXiv:1910.06278), section 3.1: the peak of a Gaussian is m - D''(m)^-1 D'(m), D' and D''
    being gradient and Hessian of the map's logarithm at its highest cell m. Logits are that
    logarithm but for a constant, which no derivative sees.

    Departures: against noise the paper smooths the map with a Gaussian and takes differences of
    neighbours. Here the derivatives are those of the parabola that fits all cells up to `radius`
    away best (least squares); of a Gaussian both are exact, this one at the border too, where
    smoothing pulls peaks inwards, and the window is moved to where it has room. The peak stays
    within one cell of the highest, and is its middle where the map is no hill.
    """
    height, width = logits.shape[2:]
    highest = logits.flatten(2).argmax(dim=2)
    y = highest // width
    x = highest - y * width
    # Maps have 8 cells a side or more, the network's input being a multiple of 32 pixels.
    middle_x, middle_y = x.clamp(radius, width - 1 - radius), y.clamp(radius, height - 1 - radius)
    away = torch.arange(-radius, radius + 1, device=logits.device)
    rows, columns = middle_y[..., None] + away, middle_x[..., None] + away
    places = rows[..., None] * width + columns[..., None, :]
    window = logits.flatten(2).gather(2, places.flatten(2)).view(places.shape)
    # Near 0, where floats are finest: only differences matter.
    window = window - window.amax(dim=(2, 3), keepdim=True)

    # The fit's terms x, y, xy and, less their mean, x² and y² are orthogonal over a square window:
    # each coefficient is a sum of its own.
    line = away.to(logits.dtype)
    bow = line**2 - (line**2).mean()
    cross = line[:, None] * line
    by_row, by_column = window.mean(dim=3), window.mean(dim=2)
    dx, dy = ((means * line).sum(2) / (line**2).sum() for means in (by_column, by_row))
    dxx, dyy = (2 * (means * bow).sum(2) / (bow**2).sum() for means in (by_column, by_row))
    dxy = (window * cross).sum(dim=(2, 3)) / (cross**2).sum()

    determinant = dxx * dyy - dxy**2
    # What is flatter than a Gaussian of 100 cells is a plain, bent by rounding.
    hill = (dxx < 0) & (determinant > 1e-8)
    determinant = torch.where(hill, determinant, 1.0)
    top_x = torch.where(hill, middle_x + (dxy * dy - dyy * dx) / determinant, x)
    top_y = torch.where(hill, middle_y + (dxy * dx - dxx * dy) / determinant, y)
    return torch.stack(
        [
            (top.maximum(cell - 1).minimum(cell + 1) + 0.5).clamp(0, side)
            for top, cell, side in ((top_x, x, width), (top_y, y, height))
        ],
        dim=2,
    )


def gaussians(places: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """Logarithms `[N, K, h, w]` of distributions around places `[N, K, 2]` x, y.

    Places and `sigma` are in cells, `size` is h, w; each map's shares of its cells add up to 1.
    """
    across, down = (
        (-((_centres(side, places) - place[..., None]) ** 2) / (2 * sigma**2))
        for side, place in zip(reversed(size), places.unbind(dim=2), strict=True)
    )
    # One over cells is the product of one over columns and one over rows.
    return down.log_softmax(dim=2)[..., None] + across.log_softmax(dim=2)[..., None, :]


def near_mass(logits: Tensor, places: Tensor, reach: float) -> Tensor:
    """The probability `[N, K]` of the cells of maps `[N, K, h, w]` around places `[N, K, 2]`.

    A map is a softmax over its cells; counted are those whose centre is no further than `reach`
    cells from the place, across and down.
    """
    shares = logits.flatten(2).softmax(dim=2).view(logits.shape)
    height, width = logits.shape[2:]
    x, y = places.unbind(dim=2)
    columns = (_centres(width, x) - x[..., None]).abs() <= reach
    rows = (_centres(height, y) - y[..., None]).abs() <= reach
    window = rows[..., None] & columns[..., None, :]
    return (shares * window).sum(dim=(2, 3)).clamp(max=1)


def _centres(cells: int, like: Tensor) -> Tensor:
    """The centres of a row of cells: 0.5, 1.5 and so on."""
    return torch.arange(cells, device=like.device, dtype=like.dtype) + 0.5
