"""Joint random changes of a picture and its labels, by torchvision's transforms v2."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torchvision.transforms import InterpolationMode, v2

from mtcli.core.config import Augmentation, ColorJitter, Crop, Flip, Zoom
from mtcli.core.data.geometry import PADDING
from mtcli.core.data.sample import Sample


class Augment:
    """The steps of `data.augment` in their order, drawn from a seed of their own for each sample.

    Args:
        steps: from the config.
        size: the working size, height and width.
    """

    def __init__(self, steps: Sequence[Augmentation], size: tuple[int, int]) -> None:
        self._transform = v2.Compose([_build(step, size) for step in steps]) if steps else None

    def __call__(self, sample: Sample, seed: int) -> Sample:
        """Change picture, labels and frame as one."""
        if self._transform is None:
            return sample
        # transforms v2 take no generator: the global one is seeded for this call alone.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            changed: Sample = self._transform(sample)
        return changed


def _build(augmentation: Augmentation, size: tuple[int, int]) -> v2.Transform:
    step = augmentation.step
    if isinstance(step, ColorJitter):
        return v2.ColorJitter(step.brightness, step.contrast, step.saturation, step.hue)
    if isinstance(step, Zoom):
        return v2.RandomAffine(
            degrees=0,
            translate=(step.shift, step.shift) if step.shift else None,
            scale=step.scale,
            interpolation=InterpolationMode.BILINEAR,
            fill=PADDING,
        )
    if isinstance(step, Crop):
        crop = v2.RandomResizedCrop(list(size), scale=step.scale, ratio=step.ratio, antialias=True)
        return v2.RandomApply([crop], p=step.p)
    assert isinstance(step, Flip)
    flip = v2.RandomHorizontalFlip if augmentation.name == "hflip" else v2.RandomVerticalFlip
    return flip(p=step.p)
