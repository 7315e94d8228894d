"""What every trunk keeps to, whatever its family; a new family is tested without being named."""

from __future__ import annotations

import math
import pickle
from copy import deepcopy
from pathlib import Path

import pytest
import torch

from mtcli.core.features import level_stride
from mtcli.core.heads.classrows import class_rows
from mtcli.core.heads.native import NativeHead, build_native
from mtcli.core.plugins import import_trunk
from mtcli.core.trunks import FAMILIES, build_trunk, find_family
from tests.conftest import DEVICE
from tests.core.trunks import test_timm

# A family with hundreds of networks says in its own test which of them are small.
SMALL = {"timm": test_timm.NAMES}
# A user's own is a plug-in, as a config that names it makes it.
CUSTOM, _ = import_trunk("tests.custom_trunk:SmallTrunk", (), Path(), "model.trunk", __name__)
TRUNKS = [
    *(
        name
        for family in FAMILIES.names()
        if family != "custom"
        for name in SMALL.get(family) or FAMILIES.get(family).names()[:3]
    ),
    CUSTOM,
]
NATIVE = [name for name in TRUNKS if build_trunk(name).specs["c5"].tail is not None]
CLASSES = 7

SIZE = (64, 96)
every_trunk = pytest.mark.parametrize("name", TRUNKS)
every_native = pytest.mark.parametrize("name", NATIVE)


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


# Those with a classifier of their own.


def _native(name: str, dropout: float = 0.0) -> NativeHead:
    return build_native(build_trunk(name).specs["c5"], CLASSES, dropout).to(DEVICE)


def _c5(name: str, number: int = 2) -> dict[str, torch.Tensor]:
    channels = build_trunk(name).specs["c5"].channels
    return {"c5": torch.randn(number, channels, 2, 3, device=DEVICE)}


@every_native
def test_a_native_head_s_weights_follow_from_torch_s_generator(name: str) -> None:
    states = []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        states.append(_native(name).state_dict())
    assert all(torch.equal(states[0][tensor], states[1][tensor]) for tensor in states[0])
    assert any(not torch.equal(states[0][tensor], states[2][tensor]) for tensor in states[0])


@every_native
def test_every_parameter_of_a_native_head_gets_a_gradient(name: str) -> None:
    head = _native(name).train()
    head(_c5(name, 3)).square().sum().backward()
    without = [tensor for tensor, values in head.named_parameters() if values.grad is None]
    assert without == []


@every_native
def test_the_rows_of_a_native_head_s_classes_are_named(name: str) -> None:
    head = _native(name)
    tensors = dict(head.named_parameters())
    assert class_rows(head)
    for tensor, rows in class_rows(head).items():
        assert len(tensors[tensor]) == rows.length(CLASSES)


@every_native
def test_a_native_head_learns_from_one_row(name: str) -> None:
    head = _native(name).train()
    before = {tensor: values.clone() for tensor, values in head.named_buffers()}
    head(_c5(name, 1)).sum().backward()
    assert all(values.grad is not None for values in head.parameters())
    assert all(module.training for module in head.modules())
    # One row has no variance to learn of.
    assert all(torch.equal(values, before[tensor]) for tensor, values in head.named_buffers())


@every_native
def test_a_native_head_drops_out_in_training_alone(name: str) -> None:
    head, features = _native(name, dropout=0.9), _c5(name, 4)
    with torch.no_grad():
        assert not torch.equal(head.train()(features), head(features))
        assert torch.equal(head.eval()(features), head(features))


@every_native
def test_a_native_head_s_copies_are_independent(name: str) -> None:
    head, features = _native(name).eval(), _c5(name)
    for copy in (deepcopy(head), pickle.loads(pickle.dumps(head))):
        assert list(copy.state_dict()) == list(head.state_dict())
        assert torch.equal(copy(features), head(features))
        with torch.no_grad():
            for values in copy.parameters():
                values.zero_()
        assert copy(features).abs().max() == 0
        assert head(features).abs().max() > 0
