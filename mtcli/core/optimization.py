"""How weights move: parameter groups, the learning rate's curve, the average of the weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from mtcli.core.architecture import prefix_of
from mtcli.core.config import TrainConfig
from mtcli.core.layers import layers_of
from mtcli.core.network import Network
from mtcli.core.tying import aliases


def build_optimizer(network: Network, config: TrainConfig, rates: Mapping[str, float]) -> Optimizer:
    """AdamW or SGD over all parameters, in groups of one learning rate and weight decay.

    Norms and biases (tensors of one dimension) have no weight decay. Each group keeps its factor
    on the learning rate as `lr_factor`. A tied parameter moves once, by the smallest factor that
    its names have.

    Args:
        network: whose parameters move.
        config: the optimizer, its rate, and `lr_decay`.
        rates: factors on the learning rate of the trunks, by key; see `rate_factors`.
    """
    factors = rate_factors(network, rates, config.lr_decay)
    tied = aliases(network)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        factor = min(factors.get(alias, 1.0) for alias in tied.get(name, (name,)))
        groups.setdefault((factor, decay), []).append(parameter)
    described = [
        {"params": parameters, "lr_factor": factor, "weight_decay": decay}
        for (factor, decay), parameters in groups.items()
    ]
    if config.optimizer == "adamw":
        return AdamW(described, lr=config.lr, fused=True)
    return SGD(
        described, lr=config.lr, momentum=config.momentum, nesterov=config.momentum > 0, fused=True
    )


def rate_factors(network: Network, rates: Mapping[str, float], decay: float) -> dict[str, float]:
    """The factor on the learning rate of each parameter of the trunks.

    That of layer l of L in a trunk of rate r is r · decay^(L − l): what sees the picture first
    moves least (Howard and Ruder, arXiv:1801.06146, section 3.2, who call it discriminative
    fine-tuning). Layers that tasks have behind a shared trunk count with it.
    """
    factors = {}
    numbered = {key: layers_of(network.trunk_of(key)) for key in rates}
    for key, rate in rates.items():
        layers = numbered[key]
        behind = [
            own for part, own in numbered.items() if part != key and network.parts[part] == key
        ]
        last = max(layers.values(), default=0)
        last += max((1 + max(own.values(), default=-1) for own in behind), default=0)
        for name, _ in network.trunk_of(key).named_parameters():
            factors[f"{prefix_of(key)}{name}"] = rate * decay ** (last - layers[name])
    return factors


def learning_rate(step: int, total: int, warmup: float, peak: float) -> float:
    """The rate of update `step` (from 0) of `total`: linear warm-up, then half a cosine to 0."""
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1.0, total - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Give every group its factor of the rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_factor"]


class WeightAverage:
    """An exponential moving average of all weights and running statistics (EMA).

    average ← d · average + (1 − d) · weights, with d = min(decay, (1 + n) / (10 + n)) after n
    updates, so that a short training is not held back by its start (as in TensorFlow's
    ExponentialMovingAverage). Integers (BatchNorm's counters) are copied. A tied tensor moves once.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network: Network = copy.deepcopy(network).eval().requires_grad_(False)
        # Once: to walk through the modules takes longer than to average.
        state: Mapping[str, Tensor] = self.network.state_dict()
        further = {name for names in aliases(network).values() for name in names[1:]}
        self._tensors = {name: tensor for name, tensor in state.items() if name not in further}
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average towards the network's present state."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        averages: list[Tensor] = []
        values: list[Tensor] = []
        state: Mapping[str, Tensor] = network.state_dict()
        for name, average in self._tensors.items():
            if average.is_floating_point():
                averages.append(average)
                values.append(state[name])
            else:
                average.copy_(state[name])
        torch._foreach_lerp_(averages, values, 1 - decay)
        self.updates += 1
