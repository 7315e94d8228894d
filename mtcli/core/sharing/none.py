"""`none`: each task has a trunk of its own, the baseline of all sharing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor, nn

from mtcli.core.sharing import SHARINGS, Maps, Modules, Plan, Shared, Sharing
from mtcli.core.trunks import Trunk


class NoSharing(Sharing):
    """A trunk for each task: single-task networks that learn in one run, on the same pictures.

    With the same weights to start from, and without what joins them elsewhere (clipping by the
    norm of all gradients, one dropout's random numbers), they learn what separate networks learn.
    """

    def share(self, build: Callable[[], Trunk], plan: Plan) -> Shared:
        built = {task: build() for task in plan.tasks}
        first = next(iter(built.values()))
        return Shared(
            modules=Modules({task: trunk.module for task, trunk in built.items()}),
            specs={task: trunk.specs for task, trunk in built.items()},
            streams={task: task for task in plan.tasks},
            run=partial(_run, extracts={task: trunk.extract for task, trunk in built.items()}),
            own={task: (f"trunks.{task}",) for task in plan.tasks},
            mean=first.mean,
            std=first.std,
        )


def _run(
    modules: Modules,
    x: Tensor,
    extracts: Mapping[str, Callable[[nn.Module, Tensor], Maps]],
) -> dict[str, Maps]:
    return {task: extract(modules.trunks[task], x) for task, extract in extracts.items()}


SHARINGS.add("none")(NoSharing())
