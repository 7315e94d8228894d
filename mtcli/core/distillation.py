"""Keeping what a network can do while it learns more: its old self as a teacher."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from mtcli.core.modules import Features
from mtcli.core.network import Network
from mtcli.core.weights.naming import is_counter


def known_tasks(network: Network, copied: Collection[str], size: tuple[int, int]) -> list[str]:
    """The tasks of which all is as it was elsewhere: the head, and what its maps are made of.

    Which layers of trunk and pyramid a map is made of, a picture tells: those that a gradient
    from it reaches, with their running statistics.

    Args:
        network: on the CPU; it is left as it was.
        copied: its tensors that were filled with weights from elsewhere.
        size: the working size, height and width.
    """
    tried = copy.deepcopy(network).eval().requires_grad_(True)
    shared = {n: p for n, p in tried.named_parameters() if not n.startswith("heads.")}
    with torch.enable_grad():
        features = tried.encode(tried.blank(size))
    known = []
    for task, head in tried.heads.items():
        read = {f"heads.{task}.{name}" for name, _ in head.named_parameters()}
        total = torch.stack([feature.sum() for feature in features[task].values()]).sum()
        reached = torch.autograd.grad(
            total, [*shared.values()], retain_graph=True, allow_unused=True
        )
        read |= {name for name, found in zip(shared, reached, strict=True) if found is not None}
        modules = {name.rpartition(".")[0] for name in read}
        needed = [name for name in tried.state_dict() if name.rpartition(".")[0] in modules]
        if all(name in copied or is_counter(name) for name in needed):
            known.append(task)
    return known


class Teacher:
    """The network as it was, whose maps the tasks that it knows are to find again.

    Romero et al., "FitNets" (arXiv:1412.6550), equation 3, where the student's maps are compared
    with the teacher's. Departures: both have the same shape, so that no layer is needed between
    them; each map's squared distance is divided by the teacher's squared size, so that maps of
    all levels count alike. Unlike distances of answers it suits every kind of task, and unlike
    labels it needs none.

    Args:
        network: as it is before the first step; a copy is kept.
        tasks: those that it knows.
        weight: of the distance in the loss.
    """

    def __init__(self, network: Network, tasks: Collection[str], weight: float) -> None:
        self.weight = weight
        self._network = copy.deepcopy(network).eval().requires_grad_(False)
        self._tasks = tuple(tasks)

    def distance(self, inputs: Mapping[str, Tensor], features: Features) -> Tensor:
        """How far maps are from the teacher's: 0 where they are equal, 1 where they are all zero.

        The mean over the known tasks' maps, each sum((f - t)^2) / sum(t^2).

        Args:
            inputs: what the maps were made of.
            features: the student's; see `Network.encode`.
        """
        with torch.no_grad():
            wanted = self._network.encode(inputs)
        apart = [
            (features[task][level].float() - old.float()).square().sum()
            / old.float().square().sum().clamp(min=1e-6)
            for task in self._tasks
            for level, old in wanted[task].items()
        ]
        return torch.stack(apart).mean()
