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
from mtcli.core.trunks.custom import PLUGGED


def import_plugins(
    names: Iterable[str], base: Path, where: object, key: str = "plugins"
) -> tuple[str, ...]:
    """Import modules so that they can register what they hold.

    Args:
        names: of modules that are installed or lie in `base`, or paths of `.py` files.
        base: the config's folder.
        where: what named them, for messages.
        key: of the config that named them, for messages.

    Returns:
        The same names, absolute paths for those that are files.

    Raises:
        ConfigError: one cannot be found or imported.
    """
    # What comes with mtcli first: a plug-in must not take its names.
    for registry in (KINDS, READERS, DETECTORS, DENSE_HEADS, FAMILIES):
        registry.names()
    return tuple(_import(name, base, where, key) for name in names)


def import_trunk(
    name: str, imported: Iterable[str], base: Path, key: str, where: object
) -> tuple[str, str]:
    """Import the module of a trunk of the user's own, where that was not done.

    Args:
        name: `module:Class`, the module named as a plug-in is.
        imported: the plug-ins of the same config.
        base: the config's folder.
        key: of the config that names it, for messages.
        where: what named it, for messages.

    Returns:
        The trunk's name with the module as it was imported, which holds wherever the config
        lies, and the plug-in.

    Raises:
        ConfigError: the module cannot be found or imported.
    """
    module, _, made = name.rpartition(":")
    plugin = {_module_of(plugin): plugin for plugin in imported}.get(module)
    if plugin is None and _file(module, base) is None and module in sys.modules:
        plugin = PLUGGED.get(module)
    if plugin is None:
        (plugin,) = import_plugins([module], base, where, key)
    return f"{_module_of(plugin)}:{made}", plugin


def _import(name: str, base: Path, where: object, key: str) -> str:
    path = _file(name, base)
    found = name if path is None else str(path)
    try:
        if path is None:
            importlib.import_module(name)
        else:
            _import_file(path)
    except ModuleNotFoundError as error:
        missing = f"{name}.".startswith(f"{error.name}.")
        raise ConfigError(
            f"{key}: no module {name}" if missing else f"{key}: {name} cannot be imported",
            where=where,
            expected=f"{name}.py in {base}, or an installed module" if missing else None,
            found=None if missing else str(error),
        ) from None
    except MtcliError as error:
        raise ConfigError(f"{key}: {name}: {error.what}", where=path, found=error.found) from error
    # A plug-in is foreign code, which can raise anything, and leave.
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"{key}: {name} cannot be imported",
            where=path or where,
            found=f"{type(error).__name__}: {error}",
        ) from error
    PLUGGED[_module_of(found)] = found
    return found


def _module_of(plugin: str) -> str:
    """The name under which a plug-in is imported, by where it was found."""
    if not plugin.endswith(".py"):
        return plugin
    path = Path(plugin)
    return path.parent.name if path.name == "__init__.py" else path.stem


def _import_file(path: Path) -> None:
    name = _module_of(str(path))
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
