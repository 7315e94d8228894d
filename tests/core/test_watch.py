"""LossWatch: losses wait on the device, and one that is not finite stops the work."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mtcli.core.errors import NonFiniteError
from mtcli.core.watch import LossWatch
from tests.conftest import DEVICE

NORM = 1.0


def _value(number: float) -> Tensor:
    return torch.tensor(number, device=DEVICE)


def _add(watch: LossWatch, norm: float = NORM, keys: tuple[str, ...] = (), **losses: float) -> None:
    watch.add({name: _value(loss) for name, loss in losses.items()}, _value(norm), keys)


def test_means_are_over_the_updates_that_had_a_label() -> None:
    watch = LossWatch()
    _add(watch, cls=1.0, det=5.0)
    _add(watch, cls=2.0)
    _add(watch, cls=6.0, det=7.0)
    watch.read(1, check_norm=True)
    assert watch.means() == {"cls": 3.0, "det": 6.0}


def test_nothing_is_read_before_read() -> None:
    watch = LossWatch()
    _add(watch, cls=math.nan)
    _add(watch, cls=1.0)
    assert watch.waiting == 2
    assert watch.means() == {}


def test_add_does_not_look_at_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    for name in ("item", "tolist", "cpu", "numpy", "__float__", "__bool__"):
        monkeypatch.setattr(Tensor, name, lambda *_, name=name: looks.append(name))
    _add(LossWatch(), cls=1.0)
    assert looks == []


def test_all_waiting_updates_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = LossWatch()
    for loss in (1.0, 2.0, 3.0):
        _add(watch, cls=loss)
    original, looks = Tensor.tolist, []

    def counted(self: Tensor) -> object:
        looks.append(1)
        return original(self)

    monkeypatch.setattr(Tensor, "tolist", counted)
    watch.read(1, check_norm=True)
    assert looks == [1]
    assert watch.means() == {"cls": 2.0}


def test_nothing_waits_after_read_and_sums_go_on() -> None:
    watch = LossWatch()
    _add(watch, cls=1.0)
    watch.read(1, check_norm=True)
    assert watch.waiting == 0
    _add(watch, cls=4.0)
    watch.read(1, check_norm=True)
    assert watch.means() == {"cls": 2.5}


def test_a_watch_goes_on_from_sums_of_before() -> None:
    watch = LossWatch({"cls": 3.0}, {"cls": 2})
    _add(watch, cls=6.0)
    watch.read(1, check_norm=True)
    assert watch.means() == {"cls": 3.0}


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_names_task_epoch_and_pictures(loss: float) -> None:
    watch = LossWatch()
    _add(watch, keys=("fine.png",), cls=1.0)
    _add(watch, keys=("a.png", "b.png"), cls=1.0, det=loss)
    with pytest.raises(NonFiniteError) as caught:
        watch.read(7, check_norm=True)
    assert caught.value.what == f"the loss of det is {loss}"
    assert caught.value.where == "epoch 7, pictures a.png, b.png"


@pytest.mark.parametrize("norm", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_names_tasks_epoch_and_pictures(norm: float) -> None:
    watch = LossWatch()
    _add(watch, norm, ("a.png",), cls=1.0, det=2.0)
    with pytest.raises(NonFiniteError) as caught:
        watch.read(2, check_norm=True)
    assert caught.value.what == f"the gradient of cls, det is {norm}"
    assert caught.value.where == "epoch 2, pictures a.png"


def test_an_infinite_gradient_is_passed_over_under_loss_scaling() -> None:
    watch = LossWatch()
    _add(watch, math.inf, cls=1.0)
    watch.read(1, check_norm=False)
    assert watch.means() == {"cls": 1.0}


def test_a_loss_of_nan_stops_under_loss_scaling_too() -> None:
    watch = LossWatch()
    _add(watch, cls=math.nan)
    with pytest.raises(NonFiniteError):
        watch.read(1, check_norm=False)


def test_many_pictures_are_counted_and_not_all_named() -> None:
    watch = LossWatch()
    _add(watch, keys=tuple(f"{n}.png" for n in range(20)), cls=math.nan)
    with pytest.raises(NonFiniteError, match="the loss of cls is nan") as caught:
        watch.read(1, check_norm=True)
    assert caught.value.where is not None
    assert caught.value.where.endswith("14.png, 15.png and 4 more")


def test_an_update_without_any_label_is_read_with_the_others() -> None:
    nothing = torch.nn.Linear(1, 1, device=DEVICE)
    watch = LossWatch()
    _add(watch, cls=2.0)
    watch.add({}, torch.nn.utils.clip_grad_norm_(nothing.parameters(), 1.0), ("a.png",))
    watch.read(1, check_norm=True)
    assert watch.means() == {"cls": 2.0}


def test_reading_nothing_is_nothing() -> None:
    watch = LossWatch()
    watch.read(1, check_norm=True)
    assert watch.means() == {}
