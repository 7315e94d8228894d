"""Plug-ins: modules of the user's own that register kinds, formats, heads or trunks."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from mtcli.core.data.readers import READERS
from mtcli.core.errors import ConfigError, MtcliError
from mtcli.core.heads import DENSE_HEADS, DETECTORS
from mtcli.core.tasks import KINDS
from mtcli.core.trunks import FAMILIES


def import_plugins(names: Iterable[str], base: Path, where: object) -> tuple[str, ...]:
    """Import modules so that they can register what they hold.

    Args:
        names: of modules that are installed or lie in `base`, or paths of `.py` files.
        base: the config's folder.
        where: what named them, for messages.

    Returns:
        The same names, absolute paths for those that are files.

    Raises:
        ConfigError: one cannot be found or imported.
    """
    # What comes with mtcli first: a plug-in must not take its names.
    for registry in (KINDS, READERS, DETECTORS, DENSE_HEADS, FAMILIES):
        registry.names()
    return tuple(_import(name, base, where) for name in names)


def _import(name: str, base: Path, where: object) -> str:
    path = _file(name, base)
    try:
        if path is None:
            importlib.import_module(name)
            return name
        _import_file(path)
    except ModuleNotFoundError as error:
        missing = error.name == name
        raise ConfigError(
            f"plugins: no module {name}" if missing else f"plugins: {name} cannot be imported",
            where=where,
            expected=f"{name}.py in {base}, or an installed module" if missing else None,
            found=None if missing else str(error),
        ) from None
    except MtcliError as error:
        raise ConfigError(
            f"plugins: {name}: {error.what}", where=path, found=error.found
        ) from error
    # A plug-in is foreign code, which can raise anything, and leave.
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"plugins: {name} cannot be imported",
            where=path or where,
            found=f"{type(error).__name__}: {error}",
        ) from error
    return str(path)


def _import_file(path: Path) -> None:
    name = path.parent.name if path.name == "__init__.py" else path.stem
    loaded = sys.modules.get(name)
    if loaded is not None:
        found = getattr(loaded, "__file__", None) or ""
        if Path(found).resolve() != path:
            raise ConfigError(f"another module is called {name}", found=found)
        return
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(sys.modules[name])
    except BaseException:
        del sys.modules[name]
        raise


def _file(name: str, base: Path) -> Path | None:
    """The file of a plug-in that is no installed module."""
    if name.endswith(".py"):
        return (base / Path(name).expanduser()).resolve()
    inside = base.joinpath(*name.split("."))
    for path in (inside.with_suffix(".py"), inside / "__init__.py"):
        if path.is_file():
            return path.resolve()
    return None
