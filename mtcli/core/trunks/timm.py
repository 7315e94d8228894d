"""Any network of timm that gives feature maps, under timm's own names."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import timm
from torch import Tensor, nn

from mtcli.core.errors import ConfigError
from mtcli.core.features import FeatureSpec
from mtcli.core.trunks import FAMILIES, Trunk, TrunkFamily
from mtcli.core.trunks.tail import build_tail


def _extract(module: nn.Module, x: Tensor, indices: dict[str, int]) -> dict[str, Tensor]:
    model: Any = module
    maps = model.forward_intermediates(
        x, indices=list(indices.values()), intermediates_only=True, output_fmt="NCHW"
    )
    return dict(zip(indices, maps, strict=True))


class TimmFamily(TrunkFamily):
    """timm.create_model, pruned behind the last map.

    The whole model with `forward_intermediates` rather than `features_only`'s flattened copy,
    since the latter renames tensors in some families (ConvNeXt) and weight files would not fit.
    """

    def names(self) -> list[str]:
        return timm.list_models()

    def build(self, name: str, drop_path: float) -> Trunk:
        options: dict[str, Any] = {"drop_path_rate": drop_path} if drop_path else {}
        if "." in name and name not in timm.list_pretrained():
            raise ConfigError(f"model.trunk: no such trunk: {name}")
        try:
            getter: Any = timm.create_model(
                name, pretrained=False, features_only=True, feature_cls="getter", **options
            )
        except TypeError as error:
            if not drop_path:
                raise _without_maps(name, error) from None
            raise ConfigError(
                f"model.drop_path: {name} has no drop path", mend="leave it out"
            ) from None
        except (RuntimeError, AttributeError, AssertionError, NotImplementedError) as error:
            raise _without_maps(name, error) from None
        specs, indices = {}, {}
        info = getter.feature_info
        for index, channels, stride in zip(
            getter.out_indices, info.channels(), info.reduction(), strict=True
        ):
            if stride >= 4 and math.log2(stride).is_integer():
                level = f"c{int(math.log2(stride))}"
                specs[level] = FeatureSpec(channels, stride)
                indices[level] = index
        missing = [level for level in ("c2", "c3", "c4", "c5") if level not in specs]
        if missing:
            raise ConfigError(
                f"model.trunk: {name} gives no {', '.join(missing)}",
                expected="maps of strides 4, 8, 16 and 32",
                found=f"strides {', '.join(map(str, info.reduction()))}",
                mend="choose a network whose maps shrink by stages, resnet18 for example",
            )
        wanted = {level: indices[level] for level in ("c2", "c3", "c4", "c5")}
        specs["c5"] = replace(
            specs["c5"],
            tail=partial(build_tail, name, indices["c5"], frozenset(getter.model.state_dict())),
        )
        published = getter.model.pretrained_cfg
        return Trunk(
            module=getter.model,
            specs={level: specs[level] for level in wanted},
            extract=partial(_extract, indices=wanted),
            mean=tuple(published["mean"]),
            std=tuple(published["std"]),
        )


def _without_maps(name: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"model.trunk: {name} gives no feature maps",
        found=str(error).splitlines()[0] if str(error) else None,
        mend="choose a convolutional network, resnet18 for example",
    )


FAMILIES.add("timm")(TimmFamily())
