"""Trunks by name, and their stages."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mtcli.core.errors import ConfigError, UsageError
from mtcli.core.features import FeatureSpec
from mtcli.core.inventory import trunks
from mtcli.core.inventory.trunks import SELECTION, all_names, matching_names, measure_trunk
from mtcli.core.trunks import Trunk


def test_resnet18_is_as_published() -> None:
    """1.8 × 10^9 multiply-adds (He et al., arXiv:1512.03385, table 1), 11.69 M parameters."""
    facts = measure_trunk("resnet18", (224, 224))
    classifier = 512 * 1000
    assert facts.multiply_adds + classifier == 1_814_073_344
    assert facts.parameters + classifier + 1000 == 11_689_512
    assert facts.unused == 0
    assert sum(stage.multiply_adds for stage in facts.stages) == facts.multiply_adds
    assert [stage.shape for stage in facts.stages] == [
        (64, 56, 56),
        (128, 28, 28),
        (256, 14, 14),
        (512, 7, 7),
    ]
    assert [stage.stride for stage in facts.stages] == [4, 8, 16, 32]


def test_the_stages_of_tiny_are_worked_by_hand() -> None:
    facts = measure_trunk("tiny", (64, 32))
    # c2: the stem (3 → 16), down (16 → 32), two convolutions of 32; norms have two a channel.
    weights = [3 * 16 * 9, 16 * 32 * 9, 32 * 32 * 9, 32 * 32 * 9]
    norms = 2 * (16 + 32 + 32 + 32)
    places = [32 * 16, 16 * 8, 16 * 8, 16 * 8]
    first = facts.stages[0]
    assert first.parameters == sum(weights) + norms
    assert first.multiply_adds == sum(w * n for w, n in zip(weights, places, strict=True))
    assert first.shape == (32, 16, 8)


def test_meta_counts_as_a_real_pass_does() -> None:
    name = "mobilenetv3_small_050"
    facts = measure_trunk(name, (64, 64))
    model = timm.create_model(name, features_only=True, feature_cls="getter").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, 64, 64))
    assert facts.multiply_adds == counter.get_total_flops() // 2
    assert facts.parameters == sum(p.numel() for p in model.parameters())


class Asking(nn.Module):
    """A trunk that looks at its values, which `meta` has none of."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1), nn.Conv2d(9, 9, 1)])

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = {}
        for level, layer, stride in zip(("c2", "c3"), self.layers, (4, 2), strict=False):
            x = maps[level] = layer(x[..., ::stride, ::stride])
            assert x.sum().item() is not None
        return maps


def test_what_meta_cannot_do_is_done_in_earnest(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(name: str) -> Trunk:
        specs = {"c2": FeatureSpec(4, 4), "c3": FeatureSpec(4, 8)}
        return Trunk(Asking(), specs, lambda module, x: module(x), (0.5,) * 3, (0.5,) * 3)

    monkeypatch.setattr(trunks, "build_trunk", build)
    facts = measure_trunk("asking", (16, 16))
    assert [(s.parameters, s.multiply_adds) for s in facts.stages] == [
        (16, 12 * 16),
        (20, 16 * 4),
    ]
    assert facts.unused == 90  # the third convolution is never used
    assert facts.parameters == 126


def test_measuring_leaves_the_generator_alone() -> None:
    before = torch.get_rng_state()
    measure_trunk("resnet10t", (64, 64))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_trunk_of_another_size_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not take pictures of 96 × 96") as caught:
        measure_trunk("swin_tiny_patch4_window7_224", (96, 96))
    assert caught.value.found is not None
    with pytest.raises(ConfigError, match="resnet18 does not take pictures of 100 × 96") as caught:
        measure_trunk("resnet18", (100, 96))
    assert caught.value.expected == "height and width in multiples of 32"


def test_patterns() -> None:
    assert matching_names("resnet18") == ["resnet18"]  # not wide_resnet18_… and others that have it
    assert {"resnet10t", "resnet18", "resnet50"} <= set(matching_names("resnet*"))
    assert all(name.startswith("resnet") for name in matching_names("resnet*"))
    assert "tf_efficientnet_lite0" in matching_names("efficientnet_lite")
    assert matching_names("tiny") == ["tiny"]
    with pytest.raises(UsageError, match="no trunk matches resnt18") as caught:
        matching_names("resnt18")
    assert caught.value.mend == "did you mean resnet18?"


def test_patterns_that_no_trunk_s_name_has_may_mean_a_tag() -> None:
    assert matching_names("resnet18.tv_in1k") == ["resnet18.tv_in1k"]
    assert {"resnet18.tv_in1k", "resnet18.a1_in1k"} <= set(matching_names("resnet18.*"))
    assert {"resnet18.tv_in1k", "resnet34.tv_in1k"} <= set(matching_names("tv_in1k"))
    assert all(name.endswith(".tv_in1k") for name in matching_names("*.tv_in1k"))
    with pytest.raises(UsageError, match=r"no trunk matches resnet18\.tv_in2k") as caught:
        matching_names("resnet18.tv_in2k")
    assert caught.value.mend == "did you mean resnet18.tv_in1k?"


def test_the_selection_is_known() -> None:
    assert set(SELECTION) <= set(all_names())
