"""Fits a tensor of an origin to one of ours: as it is, bent, or not at all."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from mtcli.core.architecture import prefix_of
from mtcli.core.errors import and_more
from mtcli.core.heads.classrows import ClassRows, class_rows
from mtcli.core.network import Network
from mtcli.core.task import AnyTask
from mtcli.core.transfer.adapting import adapt_channels, matched, move_rows
from mtcli.core.transfer.events import Fate
from mtcli.core.transfer.inputs import Inputs, take_by_input
from mtcli.core.transfer.origin import Origin, names_of_rows
from mtcli.core.transfer.rows import head_of


class Fit:
    """Tries to fit an origin's tensor to one of ours."""

    def __init__(
        self,
        name: str,
        fresh: Tensor,
        tasks: Mapping[str, AnyTask],
        layouts: Mapping[str, ClassRows],
        inputs: Inputs,
    ) -> None:
        self._name = name
        self._fresh = fresh
        self._layout = layouts.get(name)
        self._inputs = inputs
        self._head = head_of(name)
        task = tasks.get(self._head or "")
        self._kind = None if task is None else task.kind
        self._classes = () if task is None else names_of_rows(task)
        self._rows_are = "points" if hasattr(task and task.facts, "points") else "classes"

    def take(self, origin: Origin) -> tuple[Fate, str, Tensor | None]:
        """The fate, why, and the value that fits, if any does."""
        value, fresh = origin.tensors[self._name], self._fresh
        theirs = origin.classes.get(self._head or "")
        if self._layout is not None and self._classes and theirs is not None:
            return self._rows(value, self._layout, theirs, self._classes)
        kind = origin.kinds.get(self._head or "")
        if self._layout is not None and kind and kind != self._kind:
            return "fresh", f"a {kind} there", None
        taken = take_by_input(self._name, fresh, origin, self._inputs)
        if taken is not None:
            return taken
        if value.shape == fresh.shape:
            unnamed = self._layout is not None and self._classes
            return (
                "copied",
                f"{self._rows_are} without names there, in their order" if unnamed else "",
                value,
            )
        there, here = tuple(value.shape), tuple(fresh.shape)
        is_first = self._name in self._inputs.first
        if is_first and value.ndim == 4 and there[0] == here[0] and there[2:] == here[2:]:
            how = "inflated" if here[1] > there[1] else "averaged"
            why = f"{there[1]} input channels {how} to {here[1]}"
            return "adapted", why, adapt_channels(value, here[1])
        if self._layout is not None and there[1:] == here[1:]:
            return (
                "fresh",
                f"{there[0]} rows of unnamed {self._rows_are} there, {here[0]} here",
                None,
            )
        return "fresh", f"another shape there: {list(there)}, not {list(here)}", None

    def _rows(
        self, value: Tensor, layout: ClassRows, theirs: tuple[str, ...], ours: tuple[str, ...]
    ) -> tuple[Fate, str, Tensor | None]:
        fresh = self._fresh
        if value.shape == fresh.shape and theirs == ours:
            return "copied", "", value
        fits = value.shape[1:] == fresh.shape[1:] and len(value) == layout.length(len(theirs))
        if not fits:
            shapes = f"{list(value.shape)}, not {list(fresh.shape)}"
            return "fresh", f"another shape there: {shapes}", None
        classes = matched(theirs, ours)
        if not classes:
            row = "point" if self._rows_are == "points" else "class"
            return "fresh", f"no {row} of the same name ({and_more(theirs)} there)", None
        moved = move_rows(value, fresh, layout, classes, len(theirs), len(ours))
        names = and_more([ours[number] for number in sorted(classes)])
        return "adapted", f"{len(classes)} of {len(ours)} {self._rows_are} by name: {names}", moved


def class_layouts(network: Network) -> dict[str, ClassRows]:
    """The tensors of all heads that have rows for classes."""
    return {
        f"heads.{task}.{name}": rows
        for task, head in network.heads.items()
        for name, rows in class_rows(head).items()
    }


def first_kernels(network: Network) -> set[str]:
    """The kernel that each trunk sees the picture with."""
    found: dict[str, str] = {}
    every = set()
    for part, key in network.parts.items():  # the early layers of a trunk before the late ones
        for name, tensor in network.trunk_of(part).state_dict().items():
            if tensor.ndim == 4 and found.setdefault(key, name) == name:
                every.add(f"{prefix_of(part)}{name}")
    return every
