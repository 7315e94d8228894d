"""Named components found in a package: one file each, no list to edit."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Generic, TypeVar

from mtcli.core.errors import ConfigError, did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """Components of one sort, registered by the modules of `package` when they are imported.

    The modules are imported at the first question, not before, so that asking for help
    does not import torch.

    Args:
        sort: what the components are, as an error calls them ("task kind").
        package: the dotted name of the package whose modules register themselves.
    """

    def __init__(self, sort: str, package: str) -> None:
        self._sort = sort
        self._package = package
        self._entries: dict[str, T] = {}
        self._loaded = False

    def add(self, name: str) -> Callable[[T], T]:
        """A decorator that registers a component under `name`."""

        def register(component: T) -> T:
            if name in self._entries:
                raise ConfigError(f"there are two of the {self._sort} {name}")
            self._entries[name] = component
            return component

        return register

    def get(self, name: str, where: str | None = None) -> T:
        """The component called `name`.

        Raises:
            ConfigError: there is none; near misses are named.
        """
        entries = self._all()
        if name not in entries:
            raise ConfigError(
                f"no such {self._sort}: {name}", where=where, mend=did_you_mean(name, entries)
            )
        return entries[name]

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._all())

    def _all(self) -> dict[str, T]:
        if not self._loaded:
            package = importlib.import_module(self._package)
            for module in pkgutil.iter_modules(package.__path__):
                importlib.import_module(f"{self._package}.{module.name}")
            self._loaded = True
        return self._entries
