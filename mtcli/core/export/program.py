"""A network traced to a graph of plain operators, without what no output needs."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from timm.layers import padding
from torch import Tensor
from torch.export import Dim, ExportedProgram, export

from mtcli.core.errors import UsageError
from mtcli.core.export.graph import Graph
from mtcli.core.export.manner import Manner
from mtcli.core.export.pictures import blank_pictures
from mtcli.core.modules import Named
from mtcli.core.sharing.cross_stitch import Stitch

MOST = 4096
"""Pictures at once, and steps of a side, beyond which nobody goes; tracing wants a bound."""

ROWS = "D"
"""The side of a tensor whose rows come one behind the other, whatever picture they are of."""

Shape = list[int | str]
"""Sides of a tensor: numbers, or `N` pictures, `H` and `W` of a picture, `D` rows."""


@dataclass(frozen=True, slots=True)
class Program:
    """A traced graph.

    Attributes:
        exported: what torch made of it.
        inputs: the shape of each by its name.
        outputs: the shape of each by its name, `TASK/OUTPUT`.
        dtypes: of the outputs.
    """

    exported: ExportedProgram
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    dtypes: Mapping[str, str]


def trace(graph: Graph, size: tuple[int, int], manner: Manner) -> Program:
    """Trace a graph for pictures of a size (height, width).

    Raises:
        UsageError: something of the network cannot be traced, or not in this manner.
    """
    network = graph.network
    for module in network.modules():
        if isinstance(module, Named | Stitch):
            module.hide_clashes()
    pictures = blank_pictures(network.inputs, size, 2 if manner.batch is None else manner.batch)
    try:
        with warnings.catch_warnings(), _constant_padding():
            warnings.simplefilter("ignore")  # of torch's own making, for its developers
            exported = export(
                graph,
                tuple(pictures.values()),
                dynamic_shapes=(_dynamic_shapes(pictures, network.stride, manner),),
                strict=False,
            )
            # Without operators that change their input: of these none can be taken for unused.
            exported = exported.run_decompositions({})
    except Exception as error:
        raise UsageError(
            "the network cannot be traced in this manner",
            where=f"--dynamic {manner.dynamic}",
            found=_first_line(error),
            mend="--dynamic none asks least of it; --raw leaves the decoding out",
        ) from error
    _drop_unused(exported)
    return _described(exported, [*pictures], network.stride)


def _dynamic_shapes(
    pictures: Mapping[str, Tensor], stride: int, manner: Manner
) -> tuple[dict[int, Any], ...]:
    shape: dict[int, Any] = {}
    if manner.dynamic != "none":
        shape[0] = Dim("batch", min=1, max=MOST)
    if manner.dynamic == "size":
        shape |= {1: stride * Dim("rows", min=1, max=MOST), 2: stride * Dim("columns", max=MOST)}
    return tuple(dict(shape) for _ in pictures)


@contextlib.contextmanager
def _constant_padding() -> Iterator[None]:
    """Have timm pad TensorFlow-like convolutions by constants, as befits sides of whole strides.

    It reckons their padding from the size of each map. Of a size that is a symbol this would be a
    formula, which grows from layer to layer until tracing comes to no end.
    """
    before = padding.get_same_padding

    def same_padding(x: Any, kernel_size: int, stride: int, dilation: int) -> Any:
        if isinstance(x, int):
            return before(x, kernel_size, stride, dilation)
        return max((kernel_size - 1) * dilation + 1 - stride, 0)

    padding.get_same_padding = same_padding
    try:
        yield
    finally:
        padding.get_same_padding = before


def _drop_unused(exported: ExportedProgram) -> None:
    """Take away the weights that nothing reads, and what tells of the machine it was traced on."""
    for node in exported.graph.find_nodes(
        op="call_function", target=torch.ops.aten._assert_tensor_metadata.default
    ):
        exported.graph.erase_node(node)  # sees that tracing was right, and keeps what it looks at
    exported.graph.eliminate_dead_code()
    placeholders = {node.name: node for node in exported.graph.nodes if node.op == "placeholder"}
    specs = exported.graph_signature.input_specs
    for spec in list(specs):
        node = placeholders[spec.arg.name]
        if spec.target is not None and not node.users:
            exported.graph.erase_node(node)
            specs.remove(spec)
            exported.state_dict.pop(spec.target, None)
            exported.constants.pop(spec.target, None)
    exported.graph_module.recompile()
    for node in exported.graph.nodes:
        node.meta.pop("stack_trace", None)
    exported.example_inputs = None  # would be pickled


def _described(exported: ExportedProgram, inputs: Sequence[str], stride: int) -> Program:
    """The program with the shapes of its inputs and outputs in words."""
    nodes = list(exported.graph.nodes)
    own = {*exported.graph_signature.user_inputs}
    given = [node.meta["val"] for node in nodes if node.op == "placeholder" and node.name in own]
    words: dict[Any, Any] = {}
    sides: tuple[Any, ...] = given[0].shape  # of numbers and symbols
    for letter, side, factor in zip("NHW", sides, (1, stride, stride), strict=False):
        if not isinstance(side, int):
            (symbol,) = side.node.expr.free_symbols
            words[symbol] = type(symbol)(letter, integer=True, positive=True) / factor
    values = [node.meta["val"] for node in nodes[-1].args[0]]
    names = list(exported.call_spec.out_spec.context)
    return Program(
        exported,
        dict(zip(inputs, (_in_words(value, words) for value in given), strict=True)),
        dict(zip(names, (_in_words(value, words) for value in values), strict=True)),
        {
            name: str(value.dtype).removeprefix("torch.")
            for name, value in zip(names, values, strict=True)
        },
    )


def _in_words(value: Tensor, words: Mapping[Any, Any]) -> Shape:
    shape: Shape = []
    sides: tuple[Any, ...] = value.shape
    for side in sides:
        if isinstance(side, int):
            shape.append(side)
            continue
        expression = side.node.expr
        known = expression.free_symbols <= {*words}
        shape.append(str(expression.subs(words)).replace(" ", "") if known else ROWS)
    return shape


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
