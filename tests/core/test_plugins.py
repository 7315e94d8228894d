"""Plug-ins: modules of the user's own, found beside the config or among what is installed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mtcli.core.configfile import dump_config, load_config
from mtcli.core.errors import ConfigError
from mtcli.core.heads import DETECTORS
from mtcli.core.plugins import import_plugins
from mtcli.core.tasks import KINDS
from mtcli.core.trunks import FAMILIES, build_trunk

WHERE = "mtcli.yaml"
MARK = """\
from pathlib import Path
with Path("mark.txt").open("a") as file:
    file.write(__name__ + " ")
"""


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers or imports is gone after it."""
    for registry in (KINDS, DETECTORS, FAMILIES):
        registry.names()
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """The config's folder, which is not the working folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder.resolve()


def runs() -> list[str]:
    """The names of the modules that ran, in their order."""
    return Path("mark.txt").read_text().split() if Path("mark.txt").exists() else []


def problem(names: list[str], base: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        import_plugins(names, base, WHERE)
    return caught.value


# Where they are found.


def test_a_name_is_a_file_in_the_config_s_folder(base: Path) -> None:
    (base / "my_heads.py").write_text(MARK)
    assert import_plugins(["my_heads"], base, WHERE) == (str(base / "my_heads.py"),)
    assert runs() == ["my_heads"]


def test_a_name_may_lie_deeper(base: Path) -> None:
    (base / "more").mkdir()
    (base / "more" / "my_heads.py").write_text(MARK)
    found = import_plugins(["more.my_heads"], base, WHERE)
    assert found == (str(base / "more" / "my_heads.py"),)


def test_a_name_may_be_a_package_of_several_files(base: Path) -> None:
    (base / "my_package").mkdir()
    (base / "my_package" / "__init__.py").write_text("from . import inner\n")
    (base / "my_package" / "inner.py").write_text(MARK)
    found = import_plugins(["my_package"], base, WHERE)
    assert found == (str(base / "my_package" / "__init__.py"),)
    assert runs() == ["my_package.inner"]


@pytest.mark.parametrize("path", ["sub/my_heads.py", "./sub/my_heads.py", "sub/../sub/my_heads.py"])
def test_a_path_is_relative_to_the_config(base: Path, path: str) -> None:
    (base / "sub").mkdir()
    (base / "sub" / "my_heads.py").write_text(MARK)
    assert import_plugins([path], base, WHERE) == (str(base / "sub" / "my_heads.py"),)


def test_an_absolute_path_and_one_from_home_stay(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path.resolve() / "elsewhere.py"
    file.write_text(MARK)
    assert import_plugins([str(file), "~/elsewhere.py"], base, WHERE) == (str(file),) * 2
    assert runs() == ["elsewhere"]


def test_an_installed_module_keeps_its_name(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    (site / "my_installed").mkdir(parents=True)
    (site / "my_installed" / "__init__.py").write_text("")
    (site / "my_installed" / "kinds.py").write_text(MARK)
    monkeypatch.syspath_prepend(site)
    assert import_plugins(["my_installed.kinds"], base, WHERE) == ("my_installed.kinds",)
    assert runs() == ["my_installed.kinds"]


def test_the_config_s_folder_comes_before_what_is_installed(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "my_heads.py").write_text("raise AssertionError('the wrong one')\n")
    (base / "my_heads.py").write_text(MARK)
    monkeypatch.syspath_prepend(site)
    assert import_plugins(["my_heads"], base, WHERE) == (str(base / "my_heads.py"),)


def test_each_runs_once_however_often_it_is_named(base: Path) -> None:
    (base / "my_heads.py").write_text(MARK)
    import_plugins(["my_heads", "my_heads.py", str(base / "my_heads.py")], base, WHERE)
    import_plugins(["my_heads"], base, WHERE)
    assert runs() == ["my_heads"]


def test_the_search_path_is_left_as_it_was(base: Path) -> None:
    (base / "my_heads.py").write_text("")
    before = list(sys.path)
    import_plugins(["my_heads"], base, WHERE)
    assert sys.path == before


# What they register.


def test_what_is_registered_is_there(base: Path) -> None:
    (base / "my_heads.py").write_text(
        "from mtcli.core.heads import DETECTORS\n"
        "from mtcli.core.heads.fcos import Fcos\n"
        "@DETECTORS.add('mine')\n"
        "class Mine(Fcos):\n"
        "    '''FCOS by another name.'''\n"
    )
    import_plugins(["my_heads"], base, WHERE)
    assert DETECTORS.get("mine").__name__ == "Mine"
    assert "mine" in DETECTORS.names()
    from mtcli.core.tasks.detection import DetectionOptions

    assert DetectionOptions(head="mine").head == "mine"


def test_a_name_that_is_taken_is_refused(base: Path) -> None:
    (base / "my_kinds.py").write_text(
        "from mtcli.core.tasks import KINDS\nKINDS.add('classification')(object)\n"
    )
    error = problem(["my_kinds"], base)
    assert error.what == "plugins: my_kinds: there are two of the task kind classification"
    assert error.where == str(base / "my_kinds.py")
    assert KINDS.get("classification").__name__ == "Classification"
    assert "my_kinds" not in sys.modules


def test_two_plugins_of_one_name_are_refused(base: Path) -> None:
    for name in ("one", "two"):
        (base / f"my_{name}.py").write_text(
            "from mtcli.core.tasks import KINDS\nKINDS.add('brightness')(object)\n"
        )
    error = problem(["my_one", "my_two"], base)
    assert error.what == "plugins: my_two: there are two of the task kind brightness"


# What goes wrong.


def test_a_missing_module_is_named_with_where_it_was_looked_for(base: Path) -> None:
    error = problem(["nosuch_heads"], base)
    assert error.what == "plugins: no module nosuch_heads"
    assert error.where == WHERE
    assert error.expected == f"nosuch_heads.py in {base}, or an installed module"


def test_a_missing_file_is_named(base: Path) -> None:
    error = problem(["sub/nosuch.py"], base)
    assert "sub/nosuch.py" in error.what
    assert str(base / "sub" / "nosuch.py") in f"{error.where} {error.found}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("raise KeyError('x')\n", "KeyError: 'x'"),
        ("def broken(:\n", "SyntaxError: "),
        ("assert False, 'not today'\n", "AssertionError: not today"),
    ],
    ids=["divides", "raises", "syntax", "asserts"],
)
def test_what_is_raised_on_the_way_is_said_with_the_file(base: Path, text: str, found: str) -> None:
    (base / "my_broken.py").write_text(text)
    error = problem(["my_broken"], base)
    assert error.what == "plugins: my_broken cannot be imported"
    assert error.where == str(base / "my_broken.py")
    assert error.found is not None
    assert error.found.startswith(found)
    assert error.__cause__ is not None  # for --debug


def test_a_missing_dependency_is_not_taken_for_a_missing_plugin(base: Path) -> None:
    (base / "my_heads.py").write_text("import nosuch_dependency\n")
    error = problem(["my_heads"], base)
    assert error.what == "plugins: my_heads cannot be imported"
    assert error.found == "No module named 'nosuch_dependency'"


def test_a_broken_one_is_forgotten_and_may_be_mended(base: Path) -> None:
    (base / "my_heads.py").write_text("1 / 0\n")
    problem(["my_heads"], base)
    assert "my_heads" not in sys.modules
    (base / "my_heads.py").write_text(MARK + "# mended\n")
    import_plugins(["my_heads"], base, WHERE)
    assert runs() == ["my_heads"]


def test_the_name_of_another_module_is_refused(base: Path) -> None:
    (base / "json.py").write_text(MARK)
    error = problem(["json"], base)
    assert error.what == "plugins: json: another module is called json"
    assert error.where == str(base / "json.py")
    assert error.found is not None
    assert error.found.endswith("json/__init__.py")
    assert runs() == []


# Through a config.


def test_a_config_names_them_and_its_kinds_may_be_theirs(shapes: Path) -> None:
    file = shapes / "mtcli.yaml"
    (shapes / "my_kinds.py").write_text(
        "from mtcli.core.tasks import KINDS\n"
        "from mtcli.core.tasks.classification import Classification\n"
        "@KINDS.add('sorting')\n"
        "class Sorting(Classification):\n"
        "    '''A classification by another name.'''\n"
        "    kind = 'sorting'\n"
    )
    file.write_text(
        "plugins: [my_kinds]\n" + file.read_text().replace("kind: classification", "kind: sorting")
    )

    config = load_config(file)

    assert config.tasks["cls"].kind == "sorting"
    assert config.plugins == (str(shapes / "my_kinds.py"),)
    # The run's own config says where they are, whatever its folder.
    elsewhere = Path("dumped.yaml")
    elsewhere.write_text(dump_config(config, elsewhere.parent))
    assert load_config(elsewhere) == config


@pytest.mark.parametrize("said", ["my_kinds", "[1]", "{a: b}"])
def test_a_config_lists_them(shapes: Path, said: str) -> None:
    file = shapes / "mtcli.yaml"
    file.write_text(f"plugins: {said}\n" + file.read_text())
    with pytest.raises(ConfigError, match="plugins: wrong value"):
        load_config(file)


@pytest.mark.parametrize("said", ["", "[]", "null"])
def test_none_may_be_named(shapes: Path, said: str) -> None:
    file = shapes / "mtcli.yaml"
    file.write_text(f"plugins: {said}\n" + file.read_text())
    assert load_config(file).plugins == ()


# Trunks.

TRUNK = """\
from tests.custom_trunk import SmallTrunk


class MyTrunk(SmallTrunk):
    pass
"""


def with_trunk(shapes: Path, name: str, key: str = "model") -> Path:
    """A config whose main trunk, or whose task's, is called `name`."""
    file = shapes / "mtcli.yaml"
    document = yaml.safe_load(file.read_text())
    if key == "model":
        document["model"]["trunk"] = name
    elif key == "trunks":
        document["model"]["trunks"] = {"other": {"trunk": name}}
        document["tasks"]["cls"]["trunk"] = "other"
    else:
        document["tasks"]["cls"]["trunk"] = name
    file.write_text(yaml.safe_dump(document))
    return file


@pytest.mark.parametrize("name", ["my_trunks", "my_trunks.py", "./my_trunks.py"])
def test_a_trunk_s_module_is_a_plug_in(shapes: Path, name: str) -> None:
    (shapes / "my_trunks.py").write_text(TRUNK)

    config = load_config(with_trunk(shapes, f"{name}:MyTrunk"))

    assert config.plugins == (str(shapes / "my_trunks.py"),)
    assert config.model.trunk == "my_trunks:MyTrunk"
    assert type(build_trunk(config.model.trunk).module).__name__ == "MyTrunk"
    # The run's own config says where it is, whatever its folder.
    elsewhere = Path("dumped.yaml")
    elsewhere.write_text(dump_config(config, elsewhere.parent))
    assert load_config(elsewhere) == config


@pytest.mark.parametrize("key", ["trunks", "tasks"])
def test_so_is_that_of_a_trunk_beside_it(shapes: Path, key: str) -> None:
    (shapes / "my_trunks.py").write_text(TRUNK)
    config = load_config(with_trunk(shapes, "./my_trunks.py:MyTrunk", key))
    assert config.plugins == (str(shapes / "my_trunks.py"),)
    named = config.model.trunks["other"].trunk if key == "trunks" else config.tasks["cls"].trunk
    assert named == "my_trunks:MyTrunk"


def test_a_module_in_a_package_beside_the_config_is_found(shapes: Path) -> None:
    (shapes / "my_package").mkdir()
    (shapes / "my_package" / "my_trunks.py").write_text(TRUNK)
    config = load_config(with_trunk(shapes, "my_package.my_trunks:MyTrunk"))
    assert config.plugins == (str(shapes / "my_package" / "my_trunks.py"),)
    assert config.model.trunk == "my_trunks:MyTrunk"


def test_an_installed_one_keeps_its_name(shapes: Path) -> None:
    config = load_config(with_trunk(shapes, "tests.custom_trunk:SmallTrunk"))
    assert config.plugins == ("tests.custom_trunk",)
    assert config.model.trunk == "tests.custom_trunk:SmallTrunk"


def test_a_plug_in_is_not_listed_twice(shapes: Path) -> None:
    (shapes / "my_trunks.py").write_text(TRUNK)
    file = with_trunk(shapes, "my_trunks:MyTrunk")
    file.write_text(f"plugins: [my_trunks.py]\n{file.read_text()}")
    assert load_config(file).plugins == (str(shapes / "my_trunks.py"),)


@pytest.mark.parametrize("key", ["model", "trunks", "tasks"])
def test_a_config_that_may_import_nothing_imports_no_trunk(shapes: Path, key: str) -> None:
    (shapes / "my_trunks.py").write_text(MARK)
    file = with_trunk(shapes, "./my_trunks.py:MyTrunk", key)
    with pytest.raises(ConfigError, match="not imported unasked") as caught:
        load_config(file, allow_plugins=False)
    assert caught.value.found == "['./my_trunks.py:MyTrunk']"
    assert runs() == []


def test_a_trunk_without_its_module_is_said_by_its_key(shapes: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(with_trunk(shapes, "nosuch_trunks:MyTrunk", "tasks"))
    assert caught.value.what == "tasks.cls.trunk: no module nosuch_trunks"
    assert caught.value.where == str(shapes / "mtcli.yaml")


def test_a_trunk_whose_module_is_broken_is_said_by_its_key(shapes: Path) -> None:
    (shapes / "my_trunks.py").write_text("1 / 0\n")
    with pytest.raises(ConfigError) as caught:
        load_config(with_trunk(shapes, "my_trunks:MyTrunk"))
    assert caught.value.what == "model.trunk: my_trunks cannot be imported"
