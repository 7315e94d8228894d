"""Trunks as stages: which have them, that they are what the trunk does, and what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mtcli.core.errors import ConfigError
from mtcli.core.features import FeatureSpec, level_stride
from mtcli.core.plugins import import_trunk
from mtcli.core.trunks import Trunk, build_trunk
from mtcli.core.trunks.stages import find_stages
from tests.conftest import DEVICE

CUSTOM, _ = import_trunk("tests.custom_trunk:SmallTrunk", (), Path(), "model.trunk", __name__)
STAGED = [
    "tiny",
    "resnet18",
    "tf_efficientnet_lite0",
    "mobilenetv4_conv_small",
    "convnext_atto",
    CUSTOM,
]
LEVELS = ("c2", "c3", "c4", "c5")

every_staged = pytest.mark.parametrize("name", STAGED)


def shaken(name: str) -> Trunk:
    """A trunk none of whose layers is the identity."""
    trunk = build_trunk(name)
    with torch.no_grad():
        for parameter in trunk.module.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    trunk.module.to(DEVICE)
    return trunk


def pictures() -> Tensor:
    return torch.rand(2, 3, 96, 64, device=DEVICE)


@every_staged
@pytest.mark.parametrize("training", [False, True])
def test_stages_give_the_trunk_s_own_maps(name: str, training: bool) -> None:
    trunk = shaken(name)
    stages = find_stages(trunk, name)
    assert stages.levels == LEVELS
    module, x = trunk.module.train(training), pictures()
    with torch.no_grad():
        wanted = trunk.extract(module, x)
        for level in stages.levels:
            x = stages.run(module, level, x)
            torch.testing.assert_close(x, wanted[level], rtol=1e-4, atol=1e-5)


@every_staged
def test_a_stage_can_be_run_up_to_its_last_layer(name: str) -> None:
    trunk = shaken(name)
    stages = find_stages(trunk, name)
    module, x = trunk.module.eval(), pictures()
    with torch.no_grad():
        for level, layers in stages.layers.items():
            inner, outer = stages.run_apart(module, level, x)
            assert torch.equal(outer, stages.run(module, level, x))
            if len(layers) == 1:
                assert inner is outer
            else:
                assert torch.equal(module.get_submodule(layers[-1])(inner), outer)
            x = outer


@every_staged
def test_every_layer_stands_in_one_stage(name: str) -> None:
    trunk = build_trunk(name)
    stages = find_stages(trunk, name)
    layers = [layer for level in stages.levels for layer in stages.layers[level]]
    assert len(layers) == len({*layers})
    for tensor, _ in trunk.module.named_parameters():
        assert sum(tensor.startswith(f"{layer}.") for layer in layers) == 1, tensor


@every_staged
def test_what_is_kept_has_its_names_and_still_runs(name: str) -> None:
    trunk = shaken(name)
    stages = find_stages(trunk, name)
    x = pictures()
    with torch.no_grad():
        wanted = trunk.extract(trunk.module.eval(), x)
    whole = trunk.module.state_dict()
    other = build_trunk(name).module.to(DEVICE)
    other.load_state_dict(whole)
    early = stages.keep(other, LEVELS[:2]).eval()
    late = stages.keep(trunk.module, LEVELS[2:]).eval()
    one, two = early.state_dict(), late.state_dict()
    assert not one.keys() & two.keys()
    assert one.keys() | two.keys() == whole.keys()
    with torch.no_grad():
        for module, levels in ((early, LEVELS[:2]), (late, LEVELS[2:])):
            for level in levels:
                x = stages.run(module, level, x)
                torch.testing.assert_close(x, wanted[level], rtol=1e-4, atol=1e-5)


@every_staged
def test_looking_changes_nothing(name: str) -> None:
    trunk = build_trunk(name)
    trunk.module.train()
    before = {tensor: value.clone() for tensor, value in trunk.module.state_dict().items()}
    generator = torch.get_rng_state()
    find_stages(trunk, name)
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(module.training for module in trunk.module.modules())
    for tensor, value in trunk.module.state_dict().items():
        assert torch.equal(value, before[tensor])


def test_resnet18_is_cut_behind_its_blocks() -> None:
    layers = find_stages(build_trunk("resnet18"), "resnet18").layers
    assert layers["c2"] == ("conv1", "bn1", "act1", "maxpool", "layer1.0", "layer1.1")
    assert layers["c5"] == ("layer4.0", "layer4.1")


def test_a_block_that_starts_as_the_identity_hides_no_end_of_a_stage() -> None:
    """tiny's do: without another look c2 would end before its block."""
    assert find_stages(build_trunk("tiny"), "tiny").layers["c2"][-1] == "stages.c2.1"


# --- Trunks that are not made of stages ----------------------------------------------------------


class Plain(nn.Module):
    """Five layers of stride 2; the maps behind the last four."""

    down1: nn.Conv2d

    def __init__(self) -> None:
        super().__init__()
        for number, before in enumerate((3, 8, 8, 8, 8), start=1):
            setattr(self, f"down{number}", nn.Conv2d(before, 8, 3, stride=2, padding=1))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.down1(x)
        maps = {}
        for number, level in enumerate(LEVELS, start=2):
            x = maps[level] = getattr(self, f"down{number}")(x)
        return maps


class Functional(Plain):
    """What is between its layers is none."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = torch.tanh(self.down1(x))
        maps = {}
        for number, level in enumerate(LEVELS, start=2):
            x = maps[level] = torch.tanh(getattr(self, f"down{number}")(x))
        return maps


class Skipping(Plain):
    """The last map is made of two others."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = super().forward(x)
        return {**maps, "c5": maps["c5"] + nn.functional.avg_pool2d(maps["c4"], 2)}


class Loose(Plain):
    """A parameter of its own, which starts as nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(8))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = super().forward(x)
        return {**maps, "c5": maps["c5"] + self.shift[:, None, None]}


class Idle(Plain):
    """A parameter of its own that does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Parameter(torch.zeros(8))


class Backwards(Plain):
    """Its layers were made in another order than they run."""

    def __init__(self) -> None:
        super().__init__()
        first = self._modules.pop("down1")
        self._modules["down1"] = first


class Raising(Plain):
    """A layer that does not know what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.down3 = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        table: dict[str, nn.Module] = {"one": nn.Identity()}
        self._modules = {"table": _Table(table), **self._modules}


class _Table(nn.Module):
    def __init__(self, table: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.table = dict(table)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.table["two"](x)
        return found


def made_up(module: nn.Module) -> Trunk:
    specs = {level: FeatureSpec(8, level_stride(level)) for level in LEVELS}
    extract = lambda own, x: own(x)
    return Trunk(module, specs, extract, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def test_a_made_up_trunk_may_have_stages() -> None:
    stages = find_stages(made_up(Plain()), "plain")
    assert stages.layers == {
        "c2": ("down1", "down2"),
        "c3": ("down3",),
        "c4": ("down4",),
        "c5": ("down5",),
    }


@pytest.mark.parametrize(
    ("module", "found"),
    [
        (Functional, "no layer of it gives c2"),
        (Skipping, "no layer of it gives c5"),
        (Loose, "no layer of it gives c5"),
        (Idle, "idle belongs to none of its layers"),
        (Backwards, "expected input"),
        (Raising, "'two'"),
    ],
)
def test_a_made_up_trunk_without_stages_is_refused(module: type[nn.Module], found: str) -> None:
    with pytest.raises(ConfigError) as error:
        find_stages(made_up(module()), "made up")
    assert error.value.what == (
        "model.sharing: the trunk made up has no stages that run one after another"
    )
    assert found in (error.value.found or "")
    assert "hard and none take any trunk" in (error.value.mend or "")


def test_hrnet_is_refused() -> None:
    with pytest.raises(ConfigError, match="hrnet_w18_small has no stages"):
        find_stages(build_trunk("hrnet_w18_small"), "hrnet_w18_small")


def test_a_trunk_may_see_other_channels() -> None:
    module = Plain()
    module.down1 = nn.Conv2d(4, 8, 3, stride=2, padding=1)
    assert find_stages(replace(made_up(module), channels=4), "wide").levels == LEVELS
