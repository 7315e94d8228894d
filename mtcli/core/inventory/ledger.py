"""Whose a network's parameters and operations are: which part's, and which tasks need them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from mtcli.core.inventory.facts import Part, Shape
from mtcli.core.inventory.passes import Pass, part_of
from mtcli.core.network import Network

Resting = Mapping[str, int | None] | None
"""The names of tensors that do not learn in the first epoch, each with the last one of those in
which it does not (None: the end); or None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: how many numbers it has, all its names, and the parts that have it."""

    size: int
    names: tuple[str, ...]
    parts: tuple[str, ...]


class Ledger:
    """What a pass through a network tells of its parts.

    What is tied between parts is in none of them; see `tied`.

    Args:
        network: whose parameters are counted.
        run: a pass through it.
        paths: of all its parts.
        resting: which parameters do not learn.

    Attributes:
        parameters: each once.
    """

    def __init__(self, network: Network, run: Pass, paths: Sequence[str], resting: Resting) -> None:
        self._run = run
        self._resting = resting
        self._needs = {task: run.tape.behind(maps.values()) for task, maps in run.features.items()}
        found: dict[int, tuple[int, list[str]]] = {}
        for name, own in network.named_parameters(remove_duplicate=False):
            found.setdefault(id(own), (own.numel(), []))[1].append(name)
        self.parameters = [
            Parameter(size, tuple(names), _parts_of(names, paths)) for size, names in found.values()
        ]

    def part(self, path: str, what: str, outputs: Mapping[str, Shape] | None = None) -> Part:
        """A part that the pass ran."""
        return self._entry(path, what, outputs or {}, self._of(path), self._run.tape.at(path))

    def trunk(self, path: str, name: str, streams: Collection[str]) -> Part:
        """A trunk, or a task's part of one, by its stages.

        A stage is what a map needs and no finer map does, whatever the trunk's modules are called.

        Args:
            path: of the trunk.
            name: the trunk's.
            streams: those that it leads to.
        """
        tape, maps = self._run.tape, self._run.maps
        stages: list[Part] = []
        operations, parameters = set(tape.at(path)), self._of(path)
        for level in dict.fromkeys(level for stream in streams for level in maps[stream]):
            features = [maps[stream][level] for stream in streams]
            own = operations & tape.behind(features)
            if own:
                operations -= own
                read = [parameter for parameter in parameters if self._is_read(parameter, own)]
                parameters = [parameter for parameter in parameters if parameter not in read]
                given = {"": tuple(features[0].shape[1:])}
                stages.append(self._entry(level, "", given, read, own))
        whole = self._of(path), tape.at(path)
        return self._entry(path, name, {}, *whole, parts=tuple(stages))

    def head(self, task: str, kind: str, outputs: Mapping[str, Shape], multiply_adds: int) -> Part:
        """A task's head, which did not run in the pass."""
        path = f"heads.{task}"
        return self._sum(path, kind, outputs, (task,), self._of(path), multiply_adds)

    def tied(self) -> list[Part]:
        """What is tied between parts: for each group of parts its parameters, counted once."""
        groups: dict[tuple[str, ...], list[Parameter]] = {}
        for parameter in self.parameters:
            if len(parameter.parts) > 1:
                groups.setdefault(parameter.parts, []).append(parameter)
        found = []
        for parts, own in groups.items():
            users = {task for parameter in own for task in self._users(parameter)}
            in_order = tuple(task for task in self._needs if task in users)
            found.append(self._sum("tied", ", ".join(parts), {}, in_order, own, 0))
        return found

    def needed_by_several(self) -> int:
        """How many numbers several tasks need."""
        return sum(p.size for p in self.parameters if len(self._users(p)) > 1)

    def needed_by_one(self) -> dict[str, int]:
        """How many numbers one task alone needs, by task."""
        found = dict.fromkeys(self._needs, 0)
        for parameter in self.parameters:
            users = self._users(parameter)
            if len(users) == 1:
                found[users[0]] += parameter.size
        return found

    def frozen(self, parameters: Iterable[Parameter]) -> int | None:
        """How many numbers do not learn at first; None where nobody knows."""
        if self._resting is None:
            return None
        return sum(p.size for p in parameters if not self._resting.keys().isdisjoint(p.names))

    def until(self, parameters: Iterable[Parameter]) -> dict[int, int]:
        """How many of those learn later, by the last epoch in which they do not."""
        found: Counter[int] = Counter()
        for parameter in parameters:
            ends = [(self._resting or {}).get(name) for name in parameter.names]
            known = [end for end in ends if end is not None]
            if known:
                found[max(known)] += parameter.size
        return dict(sorted(found.items()))

    def _of(self, path: str) -> list[Parameter]:
        return [parameter for parameter in self.parameters if parameter.parts == (path,)]

    def _is_read(self, parameter: Parameter, operations: Set[int]) -> bool:
        tape, known = self._run.tape, self._run.parameters
        return any(tape.reading(known[name]) & operations for name in parameter.names)

    def _users(self, parameter: Parameter) -> list[str]:
        """The tasks that need a parameter."""
        return [
            task
            for task, needed in self._needs.items()
            if f"heads.{task}" in parameter.parts or self._is_read(parameter, needed)
        ]

    def _entry(
        self,
        name: str,
        what: str,
        outputs: Mapping[str, Shape],
        parameters: Sequence[Parameter],
        operations: Set[int],
        parts: tuple[Part, ...] = (),
    ) -> Part:
        users = tuple(task for task, needed in self._needs.items() if needed & operations)
        cost = self._run.tape.cost(operations)
        return self._sum(name, what, outputs, users, parameters, cost, parts)

    def _sum(
        self,
        name: str,
        what: str,
        outputs: Mapping[str, Shape],
        tasks: tuple[str, ...],
        parameters: Sequence[Parameter],
        multiply_adds: int,
        parts: tuple[Part, ...] = (),
    ) -> Part:
        return Part(
            name=name,
            what=what,
            outputs=outputs,
            tasks=tasks,
            parameters=sum(parameter.size for parameter in parameters),
            multiply_adds=multiply_adds,
            frozen=self.frozen(parameters),
            parts=parts,
            until=self.until(parameters),
        )


def _parts_of(names: Iterable[str], paths: Sequence[str]) -> tuple[str, ...]:
    found = dict.fromkeys(part_of(name, paths) for name in names)
    return tuple(path for path in found if path is not None)
