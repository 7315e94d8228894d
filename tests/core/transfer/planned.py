"""Plans of small transfers, looked at row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch

from mtcli.core.network import Network
from mtcli.core.task import AnyTask
from mtcli.core.transfer.origin import Origin
from mtcli.core.transfer.plan import Plan, make_plan
from mtcli.core.transfer.rows import Row
from tests.core.transfer.networks import cls, det, network_of, values

BOTH: dict[str, AnyTask] = {"cls": cls("ab"), "det": det("ab")}


def rows(plan: Plan) -> dict[str, Row]:
    return {row.tensor: row for row in plan.rows}


def fates(plan: Plan, prefix: str = "") -> dict[str, int]:
    return dict(Counter(row.fate for row in plan.rows if row.tensor.startswith(prefix)))


def moved(tasks: Mapping[str, AnyTask], origin: Origin, **said: Any) -> tuple[Network, Plan]:
    """A network that got what a plan gives it; what the plan says was done is seen to."""
    network = network_of(tasks)
    before = values(network)
    plan = make_plan(network, tasks, [origin], **said)
    plan.apply(network)
    for name, tensor in values(network).items():
        fate = rows(plan)[name].fate
        if fate == "copied":
            assert torch.equal(tensor, origin.tensors[name]), name
        elif fate == "fresh":
            assert torch.equal(tensor, before[name]), name
        else:
            assert fate == "adapted", name
            assert not torch.equal(tensor, before[name]), name
    return network, plan
