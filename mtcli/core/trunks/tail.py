"""A timm network's own layers behind its last map, cut off exactly where its trunk ends."""

from __future__ import annotations

from collections.abc import Callable, Set
from functools import partial
from typing import Any

import timm
import torch
from torch import Tensor, nn

from mtcli.core.errors import ConfigError

SIDE = 64
"""Of the picture that a cut is tried on."""
TOLERANCE = 1e-5


def build_tail(
    name: str, index: int, of_trunk: Set[str], outputs: int, dropout: float
) -> nn.Module:
    """What timm's network called `name` does with its own `c5`, as a module `[N, C, h, w]` to K.

    It is timm's whole network, in which everything up to the last layer of the trunk does
    nothing, so that the network's own forward runs what is left, under its own names. That the
    trunk and this tail are together the whole network is tried on a random picture.

    Args:
        name: of the network.
        index: of `c5` among its maps.
        of_trunk: the names of the trunk's tensors.
        outputs: K.
        dropout: before the last layer.

    Raises:
        ConfigError: the network has no layers of its own that can be separated.
    """
    try:
        model: Any = timm.create_model(
            name, pretrained=False, num_classes=outputs, drop_rate=dropout
        )
    except TypeError:
        raise _inseparable(name, "a classifier without dropout") from None
    model.eval()
    every = set(model.state_dict())
    # A generator of its own: weights follow from torch's, whatever is tried.
    picture = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad():
            (c5,) = model.forward_intermediates(
                picture, indices=[index], intermediates_only=True, output_fmt="NCHW"
            )
            order, wanted = _run(model, picture)
            _silence(model, order, of_trunk)
            found = model(c5)
    except (RuntimeError, AttributeError, AssertionError, TypeError, ValueError) as error:
        raise _inseparable(name, str(error) or type(error).__name__) from None
    if not isinstance(wanted, Tensor) or wanted.shape != (1, outputs):
        raise _inseparable(name, "answers that are no logits")
    left = model.state_dict().keys()
    if left & of_trunk or (left | of_trunk) != every or [*model.parameters(recurse=False)]:
        raise _inseparable(name, "layers that belong to neither part, or to both")
    if found.shape != wanted.shape or not torch.allclose(
        found, wanted, rtol=TOLERANCE, atol=TOLERANCE
    ):
        raise _inseparable(name, "other logits from trunk and classifier than from the whole")
    tail: nn.Module = model.train()
    return tail


def _run(model: nn.Module, picture: Tensor) -> tuple[list[str], Any]:
    """The model's children in the order in which they first ran, and its answer."""
    order: dict[str, None] = {}

    def note(child: str, *_: object) -> None:
        order.setdefault(child)

    # A child may be a list, which does not run itself: what is inside speaks for it.
    hooks = [
        module.register_forward_pre_hook(partial(note, child))
        for child, part in model.named_children()
        for module in part.modules()
    ]
    answer = model(picture)
    for hook in hooks:
        hook.remove()
    return list(order), answer


def _silence(model: nn.Module, order: list[str], of_trunk: Set[str]) -> None:
    """Have every child do nothing, up to the last one with a tensor of the trunk."""
    holders = {name.partition(".")[0] for name in of_trunk}
    last = max(place for place, child in enumerate(order) if child in holders)
    for child in order[: last + 1]:
        silent: Callable[[], nn.Module] = nn.Identity
        if isinstance(model.get_submodule(child), nn.ModuleList):
            silent = nn.ModuleList
        setattr(model, child, silent())


def _inseparable(name: str, found: str) -> ConfigError:
    return ConfigError(
        f"head: native: the trunk {name} has no classifier that can be separated from it",
        found=found.splitlines()[0],
        mend="leave head out: pooled has one layer of its own, over any trunk",
    )
