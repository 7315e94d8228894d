"""A forward pass written down: what each operation reads, gives and costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode


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
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._operations: list[_Operation] = []
        self._kept: list[object] = []

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
        self._operations.append(_Operation(inputs, outputs, multiply_adds))

    @property
    def multiply_adds(self) -> int:
        """Of all operations so far."""
        return sum(operation.multiply_adds for operation in self._operations)

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
            own = self._behind(feature) - done
            inputs: set[int] = set().union(*(self._operations[n].reads for n in own)) - read
            counted = sum(self._operations[n].multiply_adds for n in own)
            found.append((counted, {n for n, storage in enumerate(storages) if storage in inputs}))
            done |= own
            read |= inputs
        return found

    def _behind(self, feature: Tensor) -> set[int]:
        """The positions of the operations that a tensor depends on."""
        wanted = {self._storage(feature)}
        found = set()
        for number in reversed(range(len(self._operations))):
            operation = self._operations[number]
            if operation.gives & wanted:
                found.add(number)
                wanted |= operation.reads
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
