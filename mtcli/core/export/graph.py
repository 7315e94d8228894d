"""The graph that is shipped: pictures as files have them in, flat named tensors out."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mtcli.core.inputs import IMAGE, PICTURE_CHANNELS, rows_name
from mtcli.core.modules import Heads
from mtcli.core.network import Network
from mtcli.core.task import AnyTask


class Graph(nn.Module):
    """A network with everything around it that is not Python: what is exported.

    Takes each input of the network in its order: of a picture `[N, H, W, 3]` uint8 RGB, of a
    measured map `[N, H, W]` float32 in [0, 1]; with several inputs, every record has them all.

    Args:
        network: in evaluation mode; it loses the heads of other tasks.
        tasks: by name, those that answer.
        decoded: whether answers are decoded; else they are what the heads say.
    """

    def __init__(self, network: Network, tasks: Mapping[str, AnyTask], decoded: bool) -> None:
        super().__init__()
        network.heads = Heads({name: network.heads[name] for name in tasks})
        self.network = network.requires_grad_(False)
        self._tasks = dict(tasks)
        self._decoded = decoded

    def forward(self, *pictures: Tensor) -> dict[str, Tensor]:
        """The tensors of all tasks, by `TASK/OUTPUT`."""
        inputs = {}
        for (name, channels), pixels in zip(self.network.inputs.items(), pictures, strict=True):
            is_picture = channels == PICTURE_CHANNELS
            inputs[name] = pixels.permute(0, 3, 1, 2) if is_picture else pixels[:, None]
            if name != IMAGE or len(self.network.inputs) > 1:
                inputs[rows_name(name)] = torch.arange(pixels.shape[0], device=pixels.device)
        height, width = pictures[0].shape[1], pictures[0].shape[2]
        found: dict[str, Tensor] = {}
        for name, raw in self.network(inputs).items():
            task = self._tasks[name]
            own = task.export(raw, (height, width)) if self._decoded else task.export_raw(raw)
            found |= {f"{name}/{output}": tensor for output, tensor in own.items()}
        return found
