"""Dense heads: shapes on odd pyramids, and that every level that they read matters."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mtcli.core.features import FeatureSpec, level_stride
from mtcli.core.heads import DENSE_HEADS
from mtcli.core.heads.dense import DenseHead, conv_norm_relu, group_norm, resized
from tests.conftest import DEVICE

CHANNELS = 16
WIDTHS = {"c2": 24, "c3": 32, "c4": 40, "c5": 48}


@pytest.fixture(params=DENSE_HEADS.names())
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def _head(name: str, outputs: int = 5, dropout: float = 0.0) -> DenseHead:
    sort = DENSE_HEADS.get(name)
    specs = {
        level: FeatureSpec(WIDTHS.get(level, CHANNELS), level_stride(level))
        for level in sort.levels
    }
    return sort(specs, outputs, dropout).to(DEVICE)


def _features(
    head: DenseHead, size: tuple[int, int], pictures: int = 2, round_up: bool = False
) -> dict[str, Tensor]:
    """Maps of an input of this size; `round_up`: as strided convolutions with padding give them."""
    features = {}
    for level in head.levels:
        stride = level_stride(level)
        height, width = (
            (-(-side // stride) if round_up else max(1, side // stride)) for side in size
        )
        features[level] = torch.randn(
            pictures, WIDTHS.get(level, CHANNELS), height, width, device=DEVICE
        )
    return features


@pytest.mark.parametrize("size", [(64, 96), (96, 160), (32, 32), (32, 224), (224, 32)], ids=str)
def test_the_answer_has_the_finest_level_s_size(name: str, size: tuple[int, int]) -> None:
    head = _head(name)
    assert head.levels[0][1:] == "2"
    answer = head(_features(head, size))
    assert answer.shape == (2, 5, size[0] // 4, size[1] // 4)
    assert answer.isfinite().all()


@pytest.mark.parametrize("size", [(100, 60), (36, 44), (68, 132)], ids=str)
def test_levels_need_not_double_exactly(name: str, size: tuple[int, int]) -> None:
    head = _head(name)
    answer = head(_features(head, size, round_up=True))
    assert answer.shape == (2, 5, size[0] // 4, size[1] // 4)


def test_every_level_gets_a_gradient(name: str) -> None:
    head = _head(name)
    features = {level: f.requires_grad_() for level, f in _features(head, (64, 96)).items()}
    head(features).square().sum().backward()
    for level, feature in features.items():
        assert feature.grad is not None, level
        assert float(feature.grad.abs().sum()) > 0, level


def test_a_cell_sees_its_place_in_every_level(name: str) -> None:
    """Maps that are mirrored give the mirrored answer, if the kernels are."""
    head = _head(name).eval()
    with torch.no_grad():
        for module in head.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.copy_((module.weight + module.weight.flip(3)) / 2)
        features = _features(head, (64, 96))
        mirrored = head({level: feature.flip(3) for level, feature in features.items()})
        torch.testing.assert_close(head(features).flip(3), mirrored, rtol=1e-3, atol=1e-4)


def test_pictures_do_not_see_each_other(name: str) -> None:
    head = _head(name).train()
    features = _features(head, (64, 64), pictures=3)
    with torch.no_grad():
        together = head(features)
        alone = head({level: feature[1:2] for level, feature in features.items()})
    torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-4)


def test_dropout_works_in_training_alone(name: str) -> None:
    head = _head(name, dropout=0.5)
    features = _features(head, (64, 64))
    assert not torch.equal(head(features), head(features))
    head.eval()
    assert torch.equal(head(features), head(features))


def test_one_number_a_pixel_is_possible(name: str) -> None:
    head = _head(name, outputs=1)
    assert head(_features(head, (64, 64))).shape == (2, 1, 16, 16)


def test_fpn_takes_as_many_steps_as_a_level_is_coarser() -> None:
    head = _head("fpn")
    steps = head.steps
    assert isinstance(steps, nn.ModuleDict)
    found = {level: len(list(own.children())) for level, own in steps.items()}
    assert found == {"p2": 1, "p3": 1, "p4": 2, "p5": 3}


def test_fpn_sums_its_levels() -> None:
    """What one level adds to the answer does not depend on the others."""
    head = _head("fpn").eval()
    features, nothing = _features(head, (64, 64)), _features(head, (64, 64))
    with torch.no_grad():
        answers = []
        for other in (features, nothing):
            for coarse in (features, nothing):
                mixed = {**other, "p5": coarse["p5"]}
                answers.append(head(mixed))
    torch.testing.assert_close(
        answers[0] - answers[1], answers[2] - answers[3], rtol=1e-3, atol=1e-4
    )


def test_deeplab_sees_the_whole_picture_from_every_cell() -> None:
    """Through the mean: a change in one corner of `c5` reaches the opposite one."""
    head = _head("deeplab").eval()
    features = _features(head, (32 * 24, 32 * 24), pictures=1)
    changed = {**features, "c5": features["c5"].clone()}
    changed["c5"][:, :, 0, 0] += 50
    with torch.no_grad():
        moved = (head(changed) - head(features)).abs().sum(dim=1)[0]
    assert float(moved[-1, -1]) > 0


@pytest.mark.parametrize("channels", [1, 2, 3, 16, 24, 32, 48, 64, 100, 128, 256])
def test_groups_divide_the_channels_and_hold_two_or_more(channels: int) -> None:
    norm = group_norm(channels)
    assert channels % norm.num_groups == 0
    assert norm.num_groups <= 32
    assert channels // norm.num_groups >= min(2, channels)


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (3, 6)])
def test_convolutions_keep_the_size(kernel: int, dilation: int) -> None:
    layers = conv_norm_relu(8, 16, kernel, dilation)
    assert layers(torch.randn(1, 8, 5, 7)).shape == (1, 16, 5, 7)


def test_resizing_to_the_same_size_is_the_map_itself() -> None:
    feature = torch.randn(1, 2, 3, 5)
    assert resized(feature, (3, 5)) is feature
    assert resized(feature, (6, 10)).shape == (1, 2, 6, 10)
    torch.testing.assert_close(resized(torch.ones(1, 1, 3, 5), (9, 7)), torch.ones(1, 1, 9, 7))
