"""The registry: components are found by their files, and only when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mtcli.core.errors import ConfigError
from mtcli.core.registry import Registry

PACKAGE = "made_up_shapes"


@pytest.fixture
def shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[str]]:
    """A package with two modules, `round.py` and `flat.py`, that register one word each."""
    folder = tmp_path / "modules" / PACKAGE
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "from mtcli.core.registry import Registry\n"
        f"SHAPES: Registry[str] = Registry('shape', '{PACKAGE}')\n"
    )
    (folder / "round.py").write_text(f"from {PACKAGE} import SHAPES\nSHAPES.add('round')('disc')\n")
    (folder / "flat.py").write_text(f"from {PACKAGE} import SHAPES\nSHAPES.add('flat')('sheet')\n")
    monkeypatch.syspath_prepend(folder.parent)
    import importlib
    import sys

    yield importlib.import_module(PACKAGE).SHAPES
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def test_names_are_found_by_file_and_sorted(shapes: Registry[str]) -> None:
    assert shapes.names() == ["flat", "round"]


def test_get_gives_the_component_itself(shapes: Registry[str]) -> None:
    assert shapes.get("round") == "disc"


def test_no_module_is_imported_before_the_first_question(shapes: Registry[str]) -> None:
    import sys

    assert f"{PACKAGE}.round" not in sys.modules
    shapes.get("flat")
    assert f"{PACKAGE}.round" in sys.modules


def test_a_new_file_needs_no_other_edit(shapes: Registry[str], tmp_path: Path) -> None:
    new = tmp_path / "modules" / PACKAGE / "square.py"
    new.write_text(f"from {PACKAGE} import SHAPES\nSHAPES.add('square')('tile')\n")
    assert shapes.get("square") == "tile"


def test_a_near_miss_is_named_with_its_place(shapes: Registry[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        shapes.get("ruond", where="tasks.cls.kind")
    assert caught.value.what == "no such shape: ruond"
    assert caught.value.where == "tasks.cls.kind"
    assert caught.value.mend == "did you mean round?"


def test_a_far_miss_lists_what_there_is(shapes: Registry[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        shapes.get("xyz")
    assert caught.value.mend == "there is: flat, round"


def test_a_name_is_registered_once(shapes: Registry[str]) -> None:
    shapes.names()
    with pytest.raises(ConfigError, match="there are two of the shape flat"):
        shapes.add("flat")("another")
