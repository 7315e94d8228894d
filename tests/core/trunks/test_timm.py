"""timm's networks as trunks: under timm's own names, pruned behind the last map."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import timm
import torch

from mtcli.core.errors import ConfigError
from mtcli.core.trunks import build_trunk, find_family
from tests.conftest import DEVICE, Cli

CHANNELS = {
    "resnet18": (64, 128, 256, 512),
    "tf_efficientnet_lite0": (24, 40, 112, 320),
    "mobilenetv4_conv_small": (32, 64, 96, 960),
    "convnext_femto": (48, 96, 192, 384),
}
NAMES = tuple(CHANNELS)
"""Small networks of four families; the conformance suite goes through them too."""


@pytest.mark.parametrize("name", NAMES)
def test_channels_are_those_of_the_network(name: str) -> None:
    specs = build_trunk(name).specs
    assert tuple(specs) == ("c2", "c3", "c4", "c5")
    assert tuple(spec.channels for spec in specs.values()) == CHANNELS[name]


@pytest.mark.parametrize("name", NAMES)
def test_tensors_bear_timm_s_own_names_and_shapes(name: str) -> None:
    published = timm.create_model(name, pretrained=False).state_dict()
    own = build_trunk(name).module.state_dict()
    assert own
    for tensor, values in own.items():
        assert published[tensor].shape == values.shape
    # What is left out stands behind the last map.
    rest = set(published) - set(own)
    assert {tensor.partition(".")[0] for tensor in rest} <= {
        "fc",
        "classifier",
        "conv_head",
        "norm_head",
        "bn2",
        "head",
    }


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv4_conv_small", "convnext_femto"])
def test_the_last_map_is_what_timm_s_own_network_makes_of_these_weights(name: str) -> None:
    trunk = build_trunk(name)
    model = timm.create_model(name, pretrained=False)
    model.load_state_dict(trunk.module.state_dict(), strict=False)
    pictures = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        own = trunk.extract(trunk.module.eval(), pictures)["c5"]
        whole: Any = model.eval()
        torch.testing.assert_close(own, whole.forward_features(pictures))


def test_normalisation_is_the_published_one() -> None:
    resnet, efficientnet = build_trunk("resnet18"), build_trunk("tf_efficientnet_lite0")
    assert resnet.mean == pytest.approx((0.485, 0.456, 0.406))
    assert resnet.std == pytest.approx((0.229, 0.224, 0.225))
    assert efficientnet.mean == efficientnet.std == (0.5, 0.5, 0.5)


def test_a_published_variant_is_found_by_its_tag() -> None:
    assert find_family("resnet18.a1_in1k") is find_family("resnet18")


def test_drop_path_drops_branches_in_training_alone() -> None:
    trunk = build_trunk("resnet18", drop_path=0.9)
    module = trunk.module.to(DEVICE)
    for parameter in module.parameters():
        if parameter.ndim == 1:
            torch.nn.init.ones_(parameter)  # timm starts a branch's last norm at 0
    pictures = torch.randn(4, 3, 64, 64, device=DEVICE)
    with torch.no_grad():
        first, again = (trunk.extract(module, pictures)["c5"] for _ in range(2))
        assert not torch.equal(first, again)
        module.eval()
        first, again = (trunk.extract(module, pictures)["c5"] for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize(
    ("name", "drop_path", "what"),
    [
        ("resnet19", 0.0, "model.trunk: no such trunk: resnet19"),
        ("vit_tiny_patch16_224", 0.0, "model.trunk: vit_tiny_patch16_224 gives no c2, c3, c5"),
        ("vgg11", 0.2, "model.drop_path: vgg11 has no drop path"),
        ("tiny", 0.2, "model.drop_path: tiny has no drop path"),
    ],
)
def test_what_cannot_be_built_is_said(name: str, drop_path: float, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_trunk(name, drop_path)
    assert caught.value.what == what
    assert caught.value.mend


def test_a_near_miss_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        build_trunk("resnet_18")
    assert caught.value.mend == "did you mean resnet18?"


def test_building_asks_nothing_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object, **named: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    build_trunk("resnet18")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        pytest.param("mobilevitv2_050", "[64, 96]", id="c5 is 2 by 4 in place of 2 by 3"),
        pytest.param("efficientformer_l1", "[64, 64]", id="made for 224 by 224 alone"),
    ],
)
def test_a_trunk_whose_maps_do_not_fit_the_working_size_is_refused(
    cli: Cli, shapes: Path, name: str, size: str
) -> None:
    """Else cells and pixels drift apart without a word, or the first update fails."""
    words = ("--set", f"model.trunk={name}", "--set", f"data.size={size}", "--tasks", "det")
    answer = cli("train", shapes / "mtcli.yaml", *words, "--quiet")
    assert answer.code == 2, answer.err
    assert name in answer.err
    assert not Path("runs").exists()
