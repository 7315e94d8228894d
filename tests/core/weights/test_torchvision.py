"""torchvision's classification files: the network computes what torchvision's own does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from mtcli.core.errors import ConfigError
from mtcli.core.heads.native import build_native
from mtcli.core.trunks import build_trunk
from mtcli.core.weights import load_trunk_weights, read_weights
from mtcli.core.weights.naming import IN_OTHER_WORDS
from tests.core.heads.test_native import scramble

SIZES = ("tiny", "small")


def _first(count: int) -> Callable[[Any, Tensor], Tensor]:
    return lambda model, x: model.features[:count](x)


def _resnet(model: Any, x: Tensor) -> Tensor:
    x = model.maxpool(model.relu(model.bn1(model.conv1(x))))
    answer: Tensor = model.layer4(model.layer3(model.layer2(model.layer1(x))))
    return answer


EFFICIENTNET = _first(8)  # before the last convolution
CONVNEXT = _first(8)


def _densenet(model: Any, x: Tensor) -> Tensor:
    answer: Tensor = model.features(x).relu()
    return answer


def _mnasnet(model: Any, x: Tensor) -> Tensor:
    answer: Tensor = model.layers[:14](x)
    return answer


QUICK = {
    "resnet18": ("resnet18", _resnet),
    "mobilenet_v2": ("mobilenetv2_100", _first(18)),
    "mnasnet0_5": ("mnasnet_050", _mnasnet),
    "efficientnet_b0": ("efficientnet_b0", EFFICIENTNET),
}
SLOW = {
    "resnext50_32x4d": ("resnext50_32x4d", _resnet),
    "densenet121": ("densenet121", _densenet),
    "mnasnet0_75": ("mnasnet_075", _mnasnet),
    "mnasnet1_0": ("mnasnet_100", _mnasnet),
    **{name: (name, EFFICIENTNET) for name in (f"efficientnet_b{n}" for n in range(1, 5))},
    **{name: (name, CONVNEXT) for name in map("convnext_{}".format, SIZES)},
}
FILES = [
    *(pytest.param(theirs, *ours, id=theirs) for theirs, ours in QUICK.items()),
    *(
        pytest.param(theirs, *ours, id=theirs, marks=pytest.mark.slow)
        for theirs, ours in SLOW.items()
    ),
]
"""torchvision's name, timm's, and what torchvision's network has at `c5`."""


def _published(name: str, classes: int = 11) -> Any:
    model: nn.Module = getattr(models, name)(weights=None, num_classes=classes).eval()
    if not name.startswith("convnext"):
        scramble(model)
    else:  # no BatchNorm, and values that grow from block to block
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.05)
    torch.save(model.state_dict(), "w.pth")
    return model


@pytest.mark.parametrize(("theirs", "name", "at_c5"), FILES)
def test_a_file_fits_and_the_network_computes_the_same(
    theirs: str, name: str, at_c5: Callable[[Any, Tensor], Tensor]
) -> None:
    model = _published(theirs)
    trunk = build_trunk(name)
    head = build_native(trunk.specs["c5"], 11, 0.0).eval()

    tensors = read_weights("w.pth", name)
    for part in (trunk.module, head):
        own = part.state_dict()
        part.load_state_dict({tensor: tensors.pop(tensor, own[tensor]) for tensor in own})
    assert not tensors

    pixels = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        c5 = trunk.extract(trunk.module.eval(), pixels)["c5"]
        wanted = at_c5(model, pixels)
        scale = float(wanted.std())
        assert scale > 0
        torch.testing.assert_close(c5 / scale, wanted / scale, rtol=1e-4, atol=1e-4)
        logits, wanted = head({"c5": c5}), model(pixels)
    scale = float(wanted.abs().max())
    torch.testing.assert_close(logits / scale, wanted / scale, rtol=1e-4, atol=1e-4)


def test_every_trunk_that_is_said_to_fit_is_tried() -> None:
    tried = {name for name, _ in (QUICK | SLOW).values()}
    assert tried >= IN_OTHER_WORDS - {"tf_efficientnet_lite0"}


@pytest.mark.parametrize(
    ("theirs", "name"),
    [("regnet_y_400mf", "regnety_004"), ("mobilenet_v3_small", "mobilenetv3_small_100")],
)
def test_a_file_of_another_order_or_epsilon_is_refused(theirs: str, name: str) -> None:
    _published(theirs)
    with pytest.raises(ConfigError, match="the file lacks") as caught:
        load_trunk_weights(build_trunk(name).module, "w.pth", name)
    assert caught.value.where == str(Path("w.pth"))


def test_a_file_of_a_larger_network_is_refused() -> None:
    _published("efficientnet_b1")
    with pytest.raises(ConfigError, match="the file lacks"):
        load_trunk_weights(build_trunk("efficientnet_b0").module, "w.pth", "efficientnet_b0")
