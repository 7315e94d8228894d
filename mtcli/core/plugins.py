"""Plug-ins: modules of the user's own that register kinds, formats, heads or trunks."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from mtcli.core.errors import ConfigError, MtcliError


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
    return tuple(_import(name, base, where) for name in names)


def _import(name: str, base: Path, where: object) -> str:
    path = _file(name, base)
    module = path.stem if path is not None and path.name != "__init__.py" else None
    module = module or (path.parent.name if path is not None else name)
    try:
        if path is None:
            importlib.import_module(name)
            return name
        loaded = sys.modules.get(module)
        if loaded is not None:
            found = getattr(loaded, "__file__", None)
            if found is None or Path(found).resolve() != path:
                raise ConfigError(
                    f"plugins: another module is called {module}", where=where, found=str(found)
                )
            return str(path)
        spec = importlib.util.spec_from_file_location(module, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[module] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[module])
        except BaseException:
            del sys.modules[module]
            raise
    except MtcliError:
        raise
    except ModuleNotFoundError as error:
        missing = error.name == name
        raise ConfigError(
            f"plugins: no module {name}" if missing else f"plugins: {name} cannot be imported",
            where=where,
            expected=f"{name}.py in {base}, or an installed module" if missing else None,
            found=None if missing else str(error),
        ) from None
    # A plug-in is foreign code, which can raise anything.
    except Exception as error:
        raise ConfigError(
            f"plugins: {name} cannot be imported",
            where=path or where,
            found=f"{type(error).__name__}: {error}",
        ) from error
    return str(path)


def _file(name: str, base: Path) -> Path | None:
    """The file of a plug-in that is no installed module."""
    if name.endswith(".py"):
        return (base / Path(name).expanduser()).resolve()
    inside = base.joinpath(*name.split("."))
    for path in (inside.with_suffix(".py"), inside / "__init__.py"):
        if path.is_file():
            return path.resolve()
    return None
