"""Cross-stitch units: values worked by hand, near-identity at the start."""

from __future__ import annotations

import pytest
import torch

from mtcli.core.sharing.cross_stitch import Stitch

A = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 1, 2)
B = torch.tensor([[10.0, 20.0], [30.0, 40.0]]).reshape(1, 2, 1, 2)


def test_each_channel_is_mixed_by_factors_of_its_own() -> None:
    unit = Stitch("a", ["a", "b"], 2)
    unit.load_state_dict({"a": torch.tensor([1.0, 0.5]), "b": torch.tensor([0.0, 0.25])})
    # Channel 0: 1·[1, 2] + 0·[10, 20]; channel 1: 0.5·[3, 4] + 0.25·[30, 40].
    wanted = torch.tensor([[1.0, 2.0], [9.0, 12.0]]).reshape(1, 2, 1, 2)
    assert torch.equal(unit({"a": A, "b": B}), wanted)


@pytest.mark.parametrize(
    ("tasks", "own", "other"), [("a", 1.0, None), ("ab", 0.9, 0.1), ("abc", 0.9, 0.05)]
)
def test_a_unit_starts_near_its_own_map(tasks: str, own: float, other: float | None) -> None:
    unit = Stitch("a", [*tasks], 2)
    start = {name: values.tolist() for name, values in unit.named_parameters()}
    assert [*start] == [*tasks]
    assert start.pop("a") == pytest.approx([own, own])
    assert all(values == pytest.approx([other, other]) for values in start.values())
    # Maps that are all alike stay as they are.
    torch.testing.assert_close(unit(dict.fromkeys(tasks, A)), A)


def test_gradients_worked_by_hand() -> None:
    unit = Stitch("a", ["a", "b"], 2)
    a, b = A.clone().requires_grad_(), B.clone().requires_grad_()
    unit({"a": a, "b": b}).sum().backward()
    found = {name: parameter.grad for name, parameter in unit.named_parameters()}
    assert found["a"] is not None
    assert found["b"] is not None
    assert found["a"].tolist() == [3.0, 7.0]  # sums of the map over each channel
    assert found["b"].tolist() == [30.0, 70.0]
    assert a.grad is not None
    assert torch.allclose(a.grad, torch.tensor(0.9))


def test_a_map_keeps_its_format() -> None:
    unit = Stitch("a", ["a", "b"], 2)
    assert unit({"a": A.bfloat16(), "b": B.bfloat16()}).dtype == torch.bfloat16


def test_factors_have_no_weight_decay() -> None:
    """Which would draw the maps towards zero; the optimizer decays what has two dimensions."""
    assert all(values.ndim == 1 for values in Stitch("a", ["a", "b"], 2).parameters())


def test_a_task_may_have_any_name() -> None:
    unit = Stitch("type", ["type", "float"], 2)
    assert [*unit.state_dict()] == ["type", "float"]
    assert unit({"type": A, "float": B}).shape == A.shape


def test_a_factor_that_is_tied_to_another_still_counts() -> None:
    unit = Stitch("a", ["a", "b"], 1)
    unit._parameters["b"] = unit._parameters["a"]
    one, two = torch.full((1, 1, 1, 1), 2.0), torch.full((1, 1, 1, 1), 4.0)
    assert unit({"a": one, "b": two}).item() == pytest.approx(0.9 * 2 + 0.9 * 4)
