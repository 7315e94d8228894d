"""Joint random changes of a picture and its labels, by torchvision's transforms v2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torchvision.transforms import InterpolationMode, v2
from torchvision.tv_tensors import Mask, wrap

from mtcli.core.configaugment import Augmentation, ColorJitter, Crop, Flip, Zoom
from mtcli.core.data.geometry import FILL
from mtcli.core.data.sample import Sample
from mtcli.core.maps import resized_map


class Augment:
    """The steps of `data.augment` in their order, drawn from a seed of their own for each sample.

    Args:
        steps: from the config.
        size: the working size, height and width.
    """

    def __init__(self, steps: Sequence[Augmentation], size: tuple[int, int]) -> None:
        self._transforms = [_build(step, size) for step in steps]

    def __call__(self, sample: Sample, seed: int) -> Sample:
        """Change picture, labels and frame as one."""
        # transforms v2 take no generator: the CPU's global one is seeded for this call alone.
        # Not torch.manual_seed, which would seed the generators of all GPUs too.
        before = torch.get_rng_state()
        torch.default_generator.manual_seed(seed)
        try:
            for transform in self._transforms:
                sample = _follow_frame(transform(sample))
        finally:
            torch.set_rng_state(before)
        return sample


def _follow_frame(sample: Sample) -> Sample:
    """Note what a step cut off; a later one cannot bring it back."""
    frame = sample["frame"]
    height, width = frame.canvas_size
    corners = frame.as_subclass(torch.Tensor)
    inside = corners.clamp(min=0).minimum(corners.new_tensor([width, height, width, height]))
    cropped = sample["cropped"] or bool((corners - inside).abs().max() > 0.5)
    return {**sample, "frame": wrap(inside, like=frame), "cropped": cropped}


class _Crop(v2.RandomResizedCrop):  # type: ignore[misc]
    """torchvision's, but for maps, which it would move against the picture."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if not isinstance(inpt, Mask):
            return super().transform(inpt, params)
        top, left = params["top"], params["left"]
        part = inpt[..., top : top + params["height"], left : left + params["width"]]
        height, width = self.size
        return resized_map(wrap(part, like=inpt), (height, width))


def _build(augmentation: Augmentation, size: tuple[int, int]) -> v2.Transform:
    step = augmentation.step
    if isinstance(step, ColorJitter):
        return v2.ColorJitter(step.brightness, step.contrast, step.saturation, step.hue)
    if isinstance(step, Zoom):
        zoom = v2.RandomAffine(
            degrees=0,
            translate=(step.shift, step.shift) if step.shift else None,
            scale=step.scale,
            interpolation=InterpolationMode.BILINEAR,
            fill=FILL,
        )
        return zoom if step.p == 1 else v2.RandomApply([zoom], p=step.p)
    if isinstance(step, Crop):
        crop = _Crop(list(size), scale=step.scale, ratio=step.ratio, antialias=True)
        return v2.RandomApply([crop], p=step.p)
    assert isinstance(step, Flip)
    flip = v2.RandomHorizontalFlip if augmentation.name == "hflip" else v2.RandomVerticalFlip
    return flip(p=step.p)
