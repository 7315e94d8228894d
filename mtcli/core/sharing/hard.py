"""`hard`: all tasks read the same maps of one trunk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from mtcli.core.sharing import SHARINGS, Maps, Modules, Plan, Shared, Sharing
from mtcli.core.trunks import Trunk


class Hard(Sharing):
    """Caruana, "Multitask Learning" (Machine Learning 28, 1997): hidden layers for all tasks.

    One trunk, one stream, whatever the trunk is.
    """

    apart = False

    def share(self, build: Callable[[], Trunk], plan: Plan) -> Shared:
        trunk = build()
        return Shared(
            modules=Modules({plan.key: trunk.module}),
            specs={plan.key: trunk.specs},
            streams=dict.fromkeys(plan.tasks, plan.key),
            run=partial(_run, key=plan.key, extract=trunk.extract),
            mean=trunk.mean,
            std=trunk.std,
        )


def _run(
    modules: Modules,
    x: Tensor,
    key: str,
    extract: Callable[[nn.Module, Tensor], Maps],
) -> dict[str, Maps]:
    return {key: extract(modules.trunks[key], x)}


SHARINGS.add("hard")(Hard())
