"""`mtan`: one trunk, and for each task attention that masks every map of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mtcli.core.features import FeatureSpec
from mtcli.core.modules import Named
from mtcli.core.sharing import SHARINGS, Maps, Modules, Plan, Shared, Sharing
from mtcli.core.trunks import Trunk
from mtcli.core.trunks.stages import SIDES, Stages, find_stages

REDUCTION = 4
"""How many times fewer channels than the map a mask is made through."""
OPEN = 2.0
"""What masks start around, before the sigmoid: 0.88 of the map gets through."""
GROUPS = 8


class Mask(nn.Module):
    """One attention module: `a = sigmoid(h(g([u; e]))) ⊙ p`, and `f(a)` for the next stage.

    Args:
        inner: channels of `u`, what the stage's last layer is given.
        carried: channels of `e`, what comes from the stage before; 0 for the first.
        channels: C of `p`, the stage's map.
        onward: channels of what the next stage's attention gets; None behind the last.
    """

    def __init__(self, inner: int, carried: int, channels: int, onward: int | None) -> None:
        super().__init__()
        narrow = max(GROUPS, channels // REDUCTION)
        self.g = _convolution(inner + carried, narrow, 1)
        self.h = nn.Conv2d(narrow, channels, 1)
        assert self.h.bias is not None
        nn.init.constant_(self.h.bias, OPEN)
        self.f = None if onward is None else _convolution(channels, onward, 3)

    def forward(
        self, inner: Tensor, carried: Tensor | None, feature: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """The attended map `[N, C, h, w]`, and what the next stage gets, half as large."""
        if inner.shape[2:] != feature.shape[2:]:
            inner = F.adaptive_max_pool2d(inner, feature.shape[2:])
        seen = inner if carried is None else torch.cat([inner, carried], dim=1)
        attended = torch.sigmoid(self.h(self.g(seen))) * feature
        return attended, None if self.f is None else F.max_pool2d(self.f(attended), 2)


class Mtan(Sharing):
    """Liu et al., "End-to-End Multi-Task Learning with Attention" (arXiv:1803.10704), section 3.

    Of each stage a task's attention sees `u`, the features before its last layer, with what came
    of the attention one stage finer, and masks `p`, the stage's map (equations 1 and 2). `g` and
    `h` are 1×1 convolutions, `f` a 3×3 one, pooled by 2.

    Departures: a stage is what leads to a map of the trunk, c2 to c5; one that is a single layer
    has no inner features, and the mask is made from its map. GroupNorm in place of BatchNorm,
    since a task's pictures may be few, and none before the sigmoid. `g` has a quarter of the
    map's channels, as in the authors' code for ResNet. Masks start nearly open, so that a
    pretrained trunk's maps go through.
    """

    def share(self, build: Callable[[], Trunk], plan: Plan) -> Shared:
        trunk = build()
        stages = find_stages(trunk, plan.name)
        inner = _inner_channels(trunk, stages)
        attention = Named({task: _attention(trunk.specs, inner) for task in plan.tasks})
        return Shared(
            modules=Modules({plan.key: stages.keep(trunk.module, stages.levels)}, attention),
            specs=dict.fromkeys(plan.tasks, trunk.specs),
            streams={task: task for task in plan.tasks},
            run=partial(_run, key=plan.key, stages=stages),
            own={task: (f"sharing.{task}",) for task in plan.tasks},
            mean=trunk.mean,
            std=trunk.std,
        )


def _attention(specs: Mapping[str, FeatureSpec], inner: Mapping[str, int]) -> nn.ModuleDict:
    """A task's masks by level; what goes onward has as many channels as the map that it leaves."""
    masks, carried = nn.ModuleDict(), 0
    following = [*pairwise(specs), ([*specs][-1], None)]
    for level, after in following:
        channels = specs[level].channels
        onward = None if after is None else channels
        masks[level] = Mask(inner[level], carried, channels, onward)
        carried = onward or 0
    return masks


def _inner_channels(trunk: Trunk, stages: Stages) -> dict[str, int]:
    """The channels of what the last layer of each stage is given."""
    was_training = trunk.module.training
    x = torch.zeros(1, trunk.channels, *SIDES)
    found = {}
    trunk.module.eval()
    with torch.no_grad():
        for level in stages.levels:
            inner, x = stages.run_apart(trunk.module, level, x)
            found[level] = inner.shape[1]
    trunk.module.train(was_training)
    return found


def _convolution(channels: int, wider: int, size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, wider, size, padding=size // 2, bias=False),
        nn.GroupNorm(math.gcd(GROUPS, wider), wider),
        nn.ReLU(inplace=True),
    )


def _run(
    modules: Modules,
    x: Tensor,
    key: str,
    stages: Stages,
) -> dict[str, Maps]:
    between = modules.between
    assert isinstance(between, Named)
    apart = {}
    for level in stages.levels:
        inner, x = stages.run_apart(modules.trunks[key], level, x)
        apart[level] = inner, x
    found = {}
    for task, masks in between.items():
        assert isinstance(masks, nn.ModuleDict)
        maps: Maps = {}
        carried: Tensor | None = None
        for level, (inner, feature) in apart.items():
            maps[level], carried = masks[level](inner, carried, feature)
        found[task] = maps
    return found


SHARINGS.add("mtan")(Mtan())
