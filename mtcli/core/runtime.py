"""The machine: device, number format, seeds, and the versions of what is installed."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import metadata
from typing import TypeVar

import torch
from torch import nn

from mtcli import __version__
from mtcli.core.errors import UsageError

M = TypeVar("M", bound=nn.Module)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Runtime:
    """Where and in which number format the network is computed."""

    device: torch.device
    precision: str

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which the network runs; losses are computed in fp32 all the same."""
        return torch.autocast(
            self.device.type,
            dtype=DTYPES[self.precision] if self.precision != "fp32" else torch.bfloat16,
            enabled=self.precision != "fp32",
        )

    def place(self, network: M) -> M:
        """Move a network to the device, channels last: the faster layout on CPU and GPU alike."""
        return network.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def choose_runtime(device: str, precision: str) -> Runtime:
    """Turn `auto` into what this machine has, and refuse what it has not.

    Raises:
        UsageError: the device is not there, or cannot compute in this format.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = torch.device(device)
    if chosen.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (chosen.index or 0) >= count:
            raise UsageError(
                f"no such device: {device}",
                found=f"{count} CUDA devices" if count else "no CUDA device on this machine",
                mend="--device auto takes what there is",
            )
    if precision == "auto":
        if chosen.type == "cpu":
            precision = "fp32"
        else:
            # Of the chosen device, and in hardware: emulated bf16 is slower than fp32.
            with torch.cuda.device(chosen):
                native = torch.cuda.is_bf16_supported(including_emulation=False)
            precision = "bf16" if native else "fp16"
    if precision == "fp16" and chosen.type == "cpu":
        raise UsageError(
            "fp16 is not for training on a CPU", mend="--precision fp32, or bf16 where it is fast"
        )
    return Runtime(chosen, precision)


def seed_everything(seed: int) -> None:
    """Seed torch's generators: weights at the start, then dropout and drop path.

    Order and augmentation of the data have generators of their own.
    """
    torch.manual_seed(seed)


def describe_environment(runtime: Runtime) -> dict[str, object]:
    """What a run notes of the machine, to be able to explain a difference later."""
    names = ("torch", "torchvision", "timm", "numpy", "pillow", "faster-coco-eval", "safetensors")
    device = torch.cuda.get_device_name(runtime.device) if runtime.device.type == "cuda" else "cpu"
    return {
        "mtcli": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": device,
        "precision": runtime.precision,
        "threads": torch.get_num_threads(),
        "packages": {name: metadata.version(name) for name in names},
    }
