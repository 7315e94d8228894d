"""A forward pass written down: what each operation reads, gives and costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

DEVICES = ("meta", "cpu")
"""Where something is measured: on `meta`, tensors have shapes and nothing else. What it cannot do,
since it asks for values, is done in earnest."""


@dataclass(frozen=True, slots=True)
class _Operation:
    reads: frozenset[int]
    gives: frozenset[int]
    multiply_adds: int


class Tape:
    """A context in which every tensor operation is written down, views and in-place ones too.

    Tensors are told apart by their storages, which are kept until the tape is dropped: best used
    on the `meta` device, where they hold nothing.

    Multiply-adds are those of convolutions and matrix products, attention included: half of what
    `torch.utils.flop_counter` counts, which takes each for two operations. Norms, activations,
    pooling and resizing are not counted, as is the custom.

    Operations are told by their numbers, in the order in which they were run.

    Args:
        constants: tensors that no operation changes, as parameters are: that two operations read
            one, or views of it, does not make one depend on the other.

    Attributes:
        place: what each operation is written down with, the name of what runs it.
    """

    def __init__(self, constants: Iterable[Tensor] = ()) -> None:
        self.place = ""
        self._stack = ExitStack()
        self._operations: list[_Operation] = []
        self._readers: dict[int, set[int]] = defaultdict(set)
        self._places: dict[str, set[int]] = defaultdict(set)
        self._kept: list[object] = []
        self._constants = frozenset(map(self._storage, constants))

    def __enter__(self) -> Self:
        counter = self._stack.enter_context(FlopCounterMode(display=False))
        # The mode that is entered last is asked first, and what it runs, the counter counts.
        self._stack.enter_context(_Recorder(self, counter))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def write(self, reads: object, gives: object, multiply_adds: int) -> None:
        """Add an operation by its arguments, its results and what it cost."""
        inputs, outputs = (frozenset(map(self._storage, _tensors(v))) for v in (reads, gives))
        number = len(self._operations)
        self._operations.append(_Operation(inputs, outputs, multiply_adds))
        self._places[self.place].add(number)
        for storage in inputs:
            self._readers[storage].add(number)

    @property
    def multiply_adds(self) -> int:
        """Of all operations so far."""
        return sum(operation.multiply_adds for operation in self._operations)

    def cost(self, operations: Collection[int]) -> int:
        """The multiply-adds of some operations."""
        return sum(self._operations[number].multiply_adds for number in operations)

    def at(self, place: str) -> set[int]:
        """The operations that were written down with a place."""
        return self._places[place]

    def reading(self, tensor: Tensor) -> set[int]:
        """The operations that a tensor, or a view of it, was an argument of."""
        return self._readers[self._storage(tensor)]

    def behind(self, tensors: Iterable[Tensor]) -> set[int]:
        """The operations that tensors depend on."""
        wanted = {self._storage(tensor) for tensor in tensors}
        found = set()
        for number in reversed(range(len(self._operations))):
            operation = self._operations[number]
            if operation.gives & wanted:
                found.add(number)
                wanted |= operation.reads - self._constants
        return found

    def shares(
        self, maps: Sequence[Tensor], parameters: Sequence[Tensor]
    ) -> list[tuple[int, set[int]]]:
        """What each map needs that no map before it does.

        Args:
            maps: results of operations on the tape.
            parameters: tensors that operations may have read.

        Returns:
            For each map its multiply-adds, and the positions of its parameters.
        """
        storages = [self._storage(parameter) for parameter in parameters]
        done: set[int] = set()
        read: set[int] = set()
        found = []
        for feature in maps:
            own = self.behind([feature]) - done
            inputs: set[int] = set().union(*(self._operations[n].reads for n in own)) - read
            found.append(
                (self.cost(own), {n for n, storage in enumerate(storages) if storage in inputs})
            )
            done |= own
            read |= inputs
        return found

    def _storage(self, tensor: Tensor) -> int:
        storage = tensor.untyped_storage()
        self._kept.append(storage)  # else its address would be given to another
        return int(storage._cdata)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Hands each operation to a tape when it was run."""

    def __init__(self, tape: Tape, counter: FlopCounterMode) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._tape = tape
        self._counter = counter

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: object,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run one operation, and write it down."""
        before = self._counter.get_total_flops()
        result = func(*args, **(kwargs or {}))
        counted = self._counter.get_total_flops() - before
        self._tape.write((args, kwargs), result, counted // 2)
        return result


def _tensors(value: object) -> Iterator[Tensor]:
    """The tensors in arguments or results, which may be nested."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
