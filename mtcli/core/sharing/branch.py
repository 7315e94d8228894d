"""`branch`: shared up to a stage, and from there on each task has layers of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor

from mtcli.core.errors import ConfigError, did_you_mean
from mtcli.core.sharing import SHARINGS, Maps, Modules, Plan, Shared, Sharing
from mtcli.core.trunks import Trunk
from mtcli.core.trunks.stages import Stages, find_stages

BRANCH_AT = "c4"
"""The last shared map where nothing else is said."""


class Branch(Sharing):
    """A tree of one fork: early stages for all tasks, private copies of the later ones.

    Early layers see edges and textures that suit any task, late ones what a task looks for
    (Yosinski et al., "How transferable are features in deep neural networks?", arXiv:1411.1792);
    Vandenhende et al., "Branched Multi-Task Networks" (arXiv:1904.02920), choose such trees by
    how alike the tasks' features are. Departure: every task branches off at the same map, which
    the user chooses.
    """

    def share(self, build: Callable[[], Trunk], plan: Plan) -> Shared:
        trunk = build()
        stages = find_stages(trunk, plan.name)
        at = plan.branch_at or BRANCH_AT
        forks = stages.levels[:-1]  # behind the last map nothing would be left to have apart
        if at not in forks:
            raise ConfigError(
                f"model.branch_at: {plan.name} has no branch point {at}",
                expected=", ".join(forks),
                mend="sharing: hard shares all of it"
                if at == stages.levels[-1]
                else did_you_mean(at, forks),
            )
        place = stages.levels.index(at) + 1
        shared, private = stages.levels[:place], stages.levels[place:]
        branches = {task: stages.keep(build().module, private) for task in plan.tasks}
        return Shared(
            modules=Modules({plan.key: stages.keep(trunk.module, shared), **branches}),
            specs=dict.fromkeys(plan.tasks, trunk.specs),
            streams={task: task for task in plan.tasks},
            run=partial(
                _run,
                key=plan.key,
                tasks=tuple(plan.tasks),
                stages=stages,
                shared=shared,
                private=private,
            ),
            own={task: (f"trunks.{task}",) for task in plan.tasks},
            mean=trunk.mean,
            std=trunk.std,
        )


def _run(
    modules: Modules,
    x: Tensor,
    key: str,
    tasks: tuple[str, ...],
    stages: Stages,
    shared: tuple[str, ...],
    private: tuple[str, ...],
) -> dict[str, Maps]:
    common: Maps = {}
    for level in shared:
        x = common[level] = stages.run(modules.trunks[key], level, x)
    found = {}
    for task in tasks:
        maps, y = dict(common), x
        for level in private:
            y = maps[level] = stages.run(modules.trunks[task], level, y)
        found[task] = maps
    return found


SHARINGS.add("branch")(Branch())
