"""Trunks of the user's own: found among plug-ins alone, and held to what they promise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtcli.core.errors import ConfigError
from mtcli.core.plugins import import_trunk
from mtcli.core.trunks import build_trunk, find_family
from mtcli.core.trunks.custom import PLUGGED
from tests import custom_trunk
from tests.custom_trunk import SmallTrunk

NAME = "tests.custom_trunk:SmallTrunk"


@pytest.fixture(autouse=True)
def _plugged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(PLUGGED)
    import_trunk(NAME, (), Path(), "model.trunk", "mtcli.yaml")
    yield
    PLUGGED.clear()
    PLUGGED.update(before)


def problem(monkeypatch: pytest.MonkeyPatch, made: Any, drop_path: float = 0.0) -> ConfigError:
    """What is said of a class in the place of the small trunk."""
    monkeypatch.setattr(custom_trunk, "Broken", made, raising=False)
    with pytest.raises(ConfigError) as caught:
        build_trunk("tests.custom_trunk:Broken", drop_path)
    assert caught.value.what.startswith(("model.trunk: tests.custom_trunk:Broken", "model.drop"))
    assert caught.value.mend
    return caught.value


def test_it_is_built_with_what_its_class_says() -> None:
    trunk = build_trunk(NAME)
    assert isinstance(trunk.module, SmallTrunk)
    assert [spec.channels for spec in trunk.specs.values()] == [16, 24, 32, 48]
    assert trunk.mean == (0.485, 0.456, 0.406)
    assert trunk.std == (0.229, 0.224, 0.225)
    assert trunk.module.training
    assert trunk.specs["c5"].tail is None


def test_being_tried_changes_nothing_of_it() -> None:
    torch.manual_seed(4)
    tried = build_trunk(NAME).module.state_dict()
    after = torch.rand(())
    torch.manual_seed(4)
    plain = SmallTrunk().state_dict()
    assert torch.equal(torch.rand(()), after)
    assert all(torch.equal(tried[name], plain[name]) for name in plain)


def test_without_a_normalisation_it_is_half_and_a_quarter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(SmallTrunk, "mean")
    monkeypatch.delattr(SmallTrunk, "std")
    trunk = build_trunk(NAME)
    assert trunk.mean == (0.5, 0.5, 0.5)
    assert trunk.std == (0.25, 0.25, 0.25)


def test_drop_path_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dropping(SmallTrunk):
        def __init__(self, drop_path: float = 0.0) -> None:
            super().__init__()
            self.drop_path = drop_path

    monkeypatch.setattr(custom_trunk, "Dropping", Dropping, raising=False)
    assert build_trunk("tests.custom_trunk:Dropping", 0.25).module.drop_path == 0.25
    assert build_trunk("tests.custom_trunk:Dropping").module.drop_path == 0.0
    assert "has no drop path" in problem(monkeypatch, SmallTrunk, drop_path=0.25).what


def test_levels_beside_its_own_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    class More(SmallTrunk):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"stem": x, **super().forward(x)}

    monkeypatch.setattr(custom_trunk, "More", More, raising=False)
    trunk = build_trunk("tests.custom_trunk:More")
    assert list(trunk.extract(trunk.module, torch.rand(2, 3, 32, 32))) == ["c2", "c3", "c4", "c5"]


# Where it is looked for.


def test_only_plug_ins_are_looked_into() -> None:
    """A checkpoint names a trunk too; nothing is imported, and nothing else is made, for it."""
    with pytest.raises(ConfigError, match="no such trunk: subprocess:Popen") as caught:
        find_family("subprocess:Popen")
    assert caught.value.mend is not None
    assert "no plug-in subprocess was imported" in caught.value.mend


def test_a_name_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trapped.py").write_text("open('sprung', 'w')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="no such trunk"):
        find_family("trapped:Trunk")
    assert not Path("sprung").exists()


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("tests.custom_trunk:SmalTrunk", "did you mean tests.custom_trunk:SmallTrunk?"),
        ("my_package.trunks.MyTrunk", "one of your own is named by its module and class"),
        ("my_package.trunks:MyTrunk", "no plug-in my_package.trunks was imported"),
    ],
)
def test_what_is_not_found_is_said(name: str, mend: str) -> None:
    with pytest.raises(ConfigError, match=f"no such trunk: {name}") as caught:
        build_trunk(name)
    assert caught.value.mend is not None
    assert caught.value.mend.startswith(mend)


# Promises.


def test_it_is_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    error = problem(monkeypatch, ModuleType)
    assert error.what.endswith("is no module")
    assert error.expected == "a class derived from torch.nn.Module"


@pytest.mark.parametrize(
    ("channels", "what", "found"),
    [
        (None, "does not say its channels", None),
        ([16, 24], "does not say its channels", "[16, 24]"),
        ({"c2": 1, "c3": 1, "c5": 1}, "does not say the channels of c4", "nothing"),
        ({"c2": 0, "c3": 1, "c4": 1, "c5": 1}, "does not say the channels of c2", "0"),
        ({"c2": 1, "c3": "2", "c4": 1, "c5": 1}, "does not say the channels of c3", "'2'"),
    ],
)
def test_it_says_its_channels(
    monkeypatch: pytest.MonkeyPatch, channels: Any, what: str, found: str | None
) -> None:
    error = problem(monkeypatch, type("Own", (SmallTrunk,), {"channels": channels}))
    assert error.what.endswith(what)
    assert error.found == found


@pytest.mark.parametrize("fact", ["mean", "std"])
@pytest.mark.parametrize("values", [0.5, (0.5, 0.5), (0.5, 0.5, "x"), (123.7, 116.3, 103.5)])
def test_its_normalisation_is_by_channel(
    monkeypatch: pytest.MonkeyPatch, fact: str, values: Any
) -> None:
    error = problem(monkeypatch, type("Own", (SmallTrunk,), {fact: values}))
    assert error.what.endswith(f"has no {fact} for each channel")
    assert error.found == repr(values)


def test_a_deviation_is_not_zero_but_a_mean_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    zero = {"mean": (0, 0, 0), "std": (1, 1, 1)}
    monkeypatch.setattr(custom_trunk, "Zero", type("Zero", (SmallTrunk,), zero), raising=False)
    assert build_trunk("tests.custom_trunk:Zero").mean == (0.0, 0.0, 0.0)
    assert problem(monkeypatch, type("Own", (SmallTrunk,), {"std": (1, 1, 0)})).found == "(1, 1, 0)"


def test_it_is_made_without_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    class Greedy(SmallTrunk):
        def __init__(self, depth: int) -> None:
            super().__init__()

    error = problem(monkeypatch, Greedy)
    assert error.what.endswith("cannot be made")
    assert error.found is not None
    assert "missing 1 required positional argument: 'depth'" in error.found


def _answering(answer: Any) -> type[SmallTrunk]:
    """A trunk whose maps, right ones, go through a function."""

    class Own(SmallTrunk):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            changed: dict[str, Tensor] = answer(super().forward(x))
            return changed

    return Own


@pytest.mark.parametrize(
    ("answer", "what", "expected", "found"),
    [
        (lambda maps: list(maps.values()), "gives no maps by level", "a dict of", "list"),
        (
            lambda maps: {k: v for k, v in maps.items() if k != "c4"},
            "gives no c4",
            "[1, 32, 4, 6]",
            "c2, c3, c5",
        ),
        (
            lambda maps: {**maps, "c4": maps["c4"][:, :, ::2, ::2]},
            "c4 has another shape",
            "[1, 32, 4, 6] for pictures [1, 3, 64, 96]",
            "[1, 32, 2, 3]",
        ),
        (
            lambda maps: {**maps, "c2": maps["c2"].transpose(2, 3)},
            "c2 has another shape",
            "[1, 16, 16, 24]",
            "[1, 16, 24, 16]",
        ),
        (
            lambda maps: {**maps, "c5": maps["c5"][:, 1:]},
            "c5 has another shape",
            "[1, 48, 2, 3]",
            "[1, 47, 2, 3]",
        ),
        (lambda maps: {**maps, "c3": None}, "c3 is no tensor", "[1, 24, 8, 12]", "NoneType"),
        (lambda maps: {**maps, "c3": maps["c3"] / 0}, "c3 is not finite", "finite", "infinite"),
        (
            lambda maps: {**maps, "c3": maps["c3"] * torch.nan},
            "c3 is not finite",
            "finite",
            "NaN",
        ),
        (lambda maps: {**maps, "c3": maps["c3"].long()}, "c3 is not finite", "f", "torch.int64"),
        (lambda maps: maps["nosuch"], "does not take pictures [1, 3, 64, 96]", "", "KeyError: "),
    ],
)
def test_it_gives_its_maps(
    monkeypatch: pytest.MonkeyPatch, answer: Any, what: str, expected: str, found: str
) -> None:
    error = problem(monkeypatch, _answering(answer))
    assert error.what.endswith(what)
    assert (error.expected or "").startswith(expected)
    assert error.found is not None
    assert error.found.startswith(found)


def test_layers_that_do_not_fit_each_other_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(SmallTrunk):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 17, 3))

    error = problem(monkeypatch, Own)
    assert error.what.endswith("does not take pictures [1, 3, 64, 96]")
    assert error.found is not None
    assert "RuntimeError" in error.found
    assert error.__cause__ is not None  # for --debug


def test_what_is_no_module_is_listed_nowhere_and_still_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(custom_trunk, "Settings", dict, raising=False)
    listed = find_family(NAME).names()
    assert NAME in listed
    assert "tests.custom_trunk:Settings" not in listed
    assert "is no module" in problem(monkeypatch, dict).what
