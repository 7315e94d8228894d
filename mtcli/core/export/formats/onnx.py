"""`onnx`: for onnxruntime and whatever else reads ONNX."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mtcli.core.errors import CheckpointError, UsageError, and_more
from mtcli.core.export.formats import EXPORTERS, Format, Session
from mtcli.core.export.manner import Manner
from mtcli.core.export.pictures import Pictures
from mtcli.core.export.program import Program, Shape

if TYPE_CHECKING:
    import onnxruntime

KEY = "mtcli"
"""Where the metadata stands in a file, as JSON."""

PIP = "pip install 'multitask-cli[export]'"


class Onnx(Format):
    """ONNX through torch's exporter of traced graphs; NMS and the like become its operators."""

    ending = ".onnx"
    precisions = ("fp32", "int8")
    opsets = True

    def require(self) -> None:
        _require("onnx", "onnxscript", "onnxruntime")

    def write(
        self,
        program: Program,
        path: Path,
        manner: Manner,
        metadata: Mapping[str, Any],
        calibration: Iterable[Pictures],
    ) -> None:
        self.require()
        import onnx

        proto = _converted(program, manner.opset)
        if manner.precision == "int8":
            from mtcli.core.export.quantizing import quantized

            proto = quantized(proto, calibration)
        opset = next(entry.version for entry in proto.opset_import if entry.domain == "")
        metadata = {**metadata, "export": {**metadata["export"], "opset": opset}}
        proto.producer_name, proto.producer_version = "mtcli", str(metadata["mtcli"])
        del proto.metadata_props[:]
        onnx.helper.set_model_props(proto, _props(metadata))
        onnx.save_model(proto, str(path))

    def read(self, path: Path) -> Session:
        _require("onnxruntime")
        return _Session(path)


class _Session(Session):
    """A file in onnxruntime; on a GPU where that and this onnxruntime can."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._on = torch.device("cpu")
        self._session = self._open(self._on)
        self.metadata = self._session.get_modelmeta().custom_metadata_map.get(KEY)

    def run(self, pictures: Pictures, device: torch.device) -> dict[str, Tensor]:
        if device != self._on:
            self._session, self._on = self._open(device), device
        names = [output.name for output in self._session.get_outputs()]
        given = {name: pixels.numpy() for name, pixels in pictures.items()}
        try:
            found = self._session.run(names, given)
        except Exception as error:  # of whatever kind: onnxruntime promises none
            raise _damaged(self._path, error) from None
        return {name: torch.from_numpy(array) for name, array in zip(names, found, strict=True)}

    def _open(self, device: torch.device) -> onnxruntime.InferenceSession:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # As many as torch takes: by itself onnxruntime would have a thread for every core.
        options.intra_op_num_threads = torch.get_num_threads()
        providers: list[Any] = ["CPUExecutionProvider"]
        if device.type == "cuda" and "CUDAExecutionProvider" in (
            onnxruntime.get_available_providers()
        ):
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
        try:
            return onnxruntime.InferenceSession(str(self._path), options, providers=providers)
        except Exception as error:
            raise _damaged(self._path, error) from None


def _converted(program: Program, opset: int | None) -> Any:
    """The program as an ONNX model.

    Raises:
        UsageError: it has an operator that ONNX, or this version of its operators, lacks.
    """
    with _quietly():
        try:
            made = torch.onnx.export(
                program.exported,
                dynamo=True,
                opset_version=opset,
                input_names=list(program.inputs),
                output_names=list(program.outputs),
                external_data=False,
                verbose=False,
            )
        except Exception as error:
            operator = re.search(r"(?:OpOverload\(op='|operator )'?([\w.:]+)", _chain(error))
            if operator is None:
                raise
            raise UsageError(
                f"ONNX has no operator for {operator[1]}",
                where="--format onnx",
                mend="--format pt2 keeps torch's own operators",
            ) from error
    assert made is not None
    reached = made.model.opset_imports[""]
    if opset is not None and reached != opset:
        raise UsageError(
            f"the operators of version {opset} are not enough for this graph",
            where=f"--opset {opset}",
            found=_newer(made.model_proto, opset),
            mend=f"--opset {reached}, or leave it out",
        )
    _name_sides(made.model.graph.inputs, program.inputs)
    _name_sides(made.model.graph.outputs, program.outputs)
    proto = made.model_proto
    for node in _nodes(proto.graph):
        del node.metadata_props[:]  # where in which file of this machine it came from
    return proto


def _newer(proto: Any, opset: int) -> str | None:
    """The operators of a model whose form is newer than a version has it."""
    import onnx

    (version,) = (entry.version for entry in proto.opset_import if entry.domain == "")
    names = sorted({node.op_type for node in _nodes(proto.graph) if node.domain == ""})
    since = {name: onnx.defs.get_schema(name, version).since_version for name in names}
    newer = [f"{name} ({number})" for name, number in since.items() if number > opset]
    return f"of a newer version: {and_more(newer)}" if newer else None


def _name_sides(values: Iterable[Any], shapes: Mapping[str, Shape]) -> None:
    """Give sides that differ from call to call the names that the documentation has for them."""
    import onnx_ir

    for value in values:
        value.shape = onnx_ir.Shape(shapes[value.name])


def _nodes(graph: Any) -> Iterator[Any]:
    """Every node of a graph, also of those that are attributes of another."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _props(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The metadata for programs, and the chief of it for people who look into the file."""
    tasks = metadata["model"]["tasks"]
    height, width = metadata["model"]["input"]["size"]
    plain = {
        KEY: json.dumps(metadata, allow_nan=False),
        "tasks": ", ".join(f"{name} ({task['kind']})" for name, task in tasks.items()),
        "size": f"{height} × {width} (height, width)",
    }
    for name, task in tasks.items():
        if task["facts"].get("classes"):
            plain[f"classes of {name}"] = ", ".join(map(str, task["facts"]["classes"]))
    return plain


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Hide what the exporter prints, logs and warns of: it is all for its developers."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _chain(error: BaseException | None) -> str:
    """What an error says, and what brought it about."""
    said = []
    while error is not None:
        said.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(said)


def _require(*names: str) -> None:
    for name in names:
        if find_spec(name) is None:
            raise UsageError(f"{name} is not installed", mend=PIP)


def _damaged(path: Path, error: Exception) -> CheckpointError:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return CheckpointError(
        "the file is damaged, or no ONNX model that this onnxruntime runs", where=path, found=first
    )


EXPORTERS.add("onnx")(Onnx())
