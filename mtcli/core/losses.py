"""The gradients of one update: several batches, several tasks, one backward a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mtcli.core.data.sample import Batch
from mtcli.core.distillation import Teacher
from mtcli.core.network import Network
from mtcli.core.runtime import Runtime
from mtcli.core.task import AnyTask


def add_gradients(
    network: Network,
    tasks: Mapping[str, AnyTask],
    weights: Mapping[str, float],
    batches: Sequence[Batch],
    runtime: Runtime,
    scaler: torch.amp.GradScaler,
    teacher: Teacher | None = None,
) -> dict[str, Tensor]:
    """Add the gradients of an update's batches to the parameters.

    Each part of a task's loss is a sum over its batch divided by a count over all batches, so
    that the gradients are those of one large batch, whatever labels fall where. A task without a
    label in any of them leaves its own layers without a gradient, and so does one of which
    everything is frozen.

    Returns:
        The loss of each task that had a label, and the teacher's as `distill`: scalars on the
        device, without their weights.
    """
    counts: dict[str, dict[str, Tensor]] = {}
    for batch in batches:
        for name, target in batch.targets.items():
            total = counts.setdefault(name, {})
            for part, count in tasks[name].counts(target).items():
                total[part] = total[part] + count if part in total else count
    losses: dict[str, Tensor] = {}
    pictures = sum(len(batch.keys) for batch in batches)
    for batch in batches:
        if not batch.rows and teacher is None:
            continue
        with runtime.autocast():
            features = network.encode(batch.inputs)
            answers = network.heads(features, batch.rows, batch.targets)
            apart = None if teacher is None else teacher.distance(batch.inputs, features)
        weighted = []
        for name, raw in answers.items():
            parts = tasks[name].loss(raw, batch.targets[name], counts[name])
            loss = torch.stack(list(parts.values())).sum()
            weighted.append(weights[name] * loss)
            losses[name] = losses.get(name, 0) + loss.detach()
        if teacher is not None and apart is not None:
            apart = apart * (len(batch.keys) / pictures)
            weighted.append(teacher.weight * apart)
            losses["distill"] = losses.get("distill", 0) + apart.detach()
        update = torch.stack(weighted).sum()
        if update.requires_grad:
            torch.autograd.backward(scaler.scale(update))
    return losses
