"""`cross_stitch`: a trunk a task, and behind each stage every map is mixed from all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce

import torch
from torch import Tensor, nn

from mtcli.core.modules import HIDDEN, Named, hidden
from mtcli.core.sharing import SHARINGS, Maps, Modules, Plan, Shared, Sharing
from mtcli.core.trunks import Trunk
from mtcli.core.trunks.stages import Stages, find_stages

OWN = 0.9
"""How much of its own map a task starts with; the others share the rest."""


class Stitch(nn.Module):
    """What one task's unit makes of all maps of a level: `x̃_i[c] = Σ_j alpha_ij[c] · x_j[c]`.

    Misra et al., "Cross-stitch Networks for Multi-task Learning" (arXiv:1604.03539), equation 1,
    with a factor for each channel, for any number of tasks. The factors of map j are called as
    its task, so that weights find their places among other tasks, or in another order.

    Args:
        own: i, the task whose map comes out.
        tasks: whose maps are mixed.
        channels: C, of each.
    """

    def __init__(self, own: str, tasks: Sequence[str], channels: int) -> None:
        super().__init__()
        others = (1 - OWN) / max(1, len(tasks) - 1)
        for task in tasks:
            start = 1 - others * (len(tasks) - 1) if task == own else others
            # A task may have any name, also one that `register_parameter` refuses.
            self._parameters[task] = nn.Parameter(torch.full((channels,), start))

    def forward(self, maps: Mapping[str, Tensor]) -> Tensor:
        """The maps of all tasks `[N, C, h, w]` to one."""
        parts = []
        # Not `named_parameters`, which passes over a factor that is tied to another.
        for name, alpha in self._parameters.items():
            assert alpha is not None
            task = name.removeprefix(HIDDEN)
            # In the map's own format, else all behind it would be float32 under autocast.
            factor = alpha.to(maps[task].dtype)[:, None, None]
            parts.append(factor * maps[task])
        return reduce(torch.add, parts)

    def hide_clashes(self) -> None:
        """As of `Named`, for the factors."""
        factors = dict(self._parameters)
        self._parameters.clear()
        for name, alpha in factors.items():
            self._parameters[hidden(name)] = alpha


class CrossStitch(Sharing):
    """Misra et al., arXiv:1604.03539: soft sharing that is learnt, from nearly apart.

    What goes on to the next stage is the mixed map, and a task's head reads the mixed maps.

    Departures: units stand behind each map, c2 to c5, of whatever trunk, where the paper has them
    behind the pooling and fully connected layers of AlexNet. The trunks start from the same
    published weights, or each at random, where the paper's best were trained on their tasks before.
    The units learn at the full rate, where the paper gives them up to 1000 times the layers', and
    without weight decay, which would draw the maps towards zero.
    """

    def share(self, build: Callable[[], Trunk], plan: Plan) -> Shared:
        built = {task: build() for task in plan.tasks}
        first = next(iter(built.values()))
        stages = find_stages(first, plan.name)
        units = {
            task: nn.ModuleDict(
                {
                    level: Stitch(task, plan.tasks, spec.channels)
                    for level, spec in first.specs.items()
                }
            )
            for task in plan.tasks
        }
        trunks = {task: stages.keep(trunk.module, stages.levels) for task, trunk in built.items()}
        return Shared(
            modules=Modules(trunks, Named(units)),
            specs={task: trunk.specs for task, trunk in built.items()},
            streams={task: task for task in plan.tasks},
            run=partial(_run, stages=stages),
            # What comes before is mixed into the maps of all tasks.
            own={task: (f"sharing.{task}.{stages.levels[-1]}",) for task in plan.tasks},
            mean=first.mean,
            std=first.std,
        )


def _run(modules: Modules, x: Tensor, stages: Stages) -> dict[str, Maps]:
    assert isinstance(modules.between, Named)
    units = dict(modules.between.items())
    found: dict[str, Maps] = {task: {} for task in units}
    current = dict.fromkeys(units, x)
    for level in stages.levels:
        apart = {
            task: stages.run(modules.trunks[task], level, given) for task, given in current.items()
        }
        for task, unit in units.items():
            assert isinstance(unit, nn.ModuleDict)
            current[task] = found[task][level] = unit[level](apart)
    return found


SHARINGS.add("cross_stitch")(CrossStitch())
