"""What every trunk keeps to, whatever its family; a new family is tested without being named."""

from __future__ import annotations

import math

import pytest
import torch

from mtcli.core.features import level_stride
from mtcli.core.trunks import FAMILIES, build_trunk, find_family
from tests.conftest import DEVICE
from tests.core.trunks import test_timm

# A family with hundreds of networks says in its own test which of them are small.
SMALL = {"timm": test_timm.NAMES}
TRUNKS = [
    name
    for family in FAMILIES.names()
    for name in SMALL.get(family) or FAMILIES.get(family).names()[:3]
]

SIZE = (64, 96)
every_trunk = pytest.mark.parametrize("name", TRUNKS)


def _pictures(number: int = 2) -> torch.Tensor:
    return torch.randn(number, 3, *SIZE, device=DEVICE)


@every_trunk
def test_a_trunk_is_found_by_its_name(name: str) -> None:
    assert name in find_family(name).names()


@every_trunk
def test_specs_go_from_c2_to_c5_by_powers_of_two(name: str) -> None:
    specs = build_trunk(name).specs
    assert list(specs) == ["c2", "c3", "c4", "c5"]
    for level, spec in specs.items():
        assert spec.stride == level_stride(level) == 2 ** int(level[1])


@every_trunk
def test_maps_are_as_their_specs_say(name: str) -> None:
    trunk = build_trunk(name)
    maps = trunk.extract(trunk.module.to(DEVICE).eval(), _pictures())
    assert list(maps) == list(trunk.specs)
    for level, spec in trunk.specs.items():
        expected = (2, spec.channels, SIZE[0] // spec.stride, SIZE[1] // spec.stride)
        assert maps[level].shape == expected
        assert maps[level].isfinite().all()


@every_trunk
def test_every_parameter_gets_a_gradient(name: str) -> None:
    trunk = build_trunk(name)
    module = trunk.module.to(DEVICE).train()
    maps = trunk.extract(module, _pictures())
    weighted = [(feature * torch.randn_like(feature)).sum() for feature in maps.values()]
    torch.autograd.backward(torch.stack(weighted).sum())
    without = [
        tensor
        for tensor, parameter in module.named_parameters()
        if parameter.grad is None or not parameter.grad.isfinite().all()
    ]
    assert without == []


@every_trunk
def test_no_parameter_stands_behind_the_last_map(name: str) -> None:
    trunk = build_trunk(name)
    module = trunk.module.to(DEVICE).train()
    trunk.extract(module, _pictures())["c5"].square().sum().backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in module.parameters())


@every_trunk
def test_evaluation_is_deterministic_and_by_picture(name: str) -> None:
    trunk = build_trunk(name)
    module, pictures = trunk.module.to(DEVICE).eval(), _pictures(3)
    with torch.inference_mode():
        first, again = (trunk.extract(module, pictures) for _ in range(2))
        alone = trunk.extract(module, pictures[1:2])
    for level in trunk.specs:
        assert torch.equal(first[level], again[level])
        torch.testing.assert_close(first[level][1:2], alone[level], rtol=1e-3, atol=1e-4)


@every_trunk
def test_weights_follow_from_torch_s_generator(name: str) -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(7)
        states.append(build_trunk(name).module.state_dict())
    assert all(torch.equal(states[0][tensor], states[1][tensor]) for tensor in states[0])
    torch.manual_seed(8)
    other = build_trunk(name).module.state_dict()
    assert any(not torch.equal(states[0][tensor], other[tensor]) for tensor in other)


@every_trunk
def test_normalisation_is_given_per_channel(name: str) -> None:
    trunk = build_trunk(name)
    assert len(trunk.mean) == len(trunk.std) == 3
    assert all(0 <= value <= 1 for value in trunk.mean)
    assert all(0 < value <= 1 and math.isfinite(value) for value in trunk.std)
