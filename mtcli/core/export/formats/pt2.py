"""`pt2`: what `torch.export` writes, to be run by torch alone."""

from __future__ import annotations

import json
import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torchvision  # noqa: F401 - without its operators a file that has them cannot be loaded
from torch import Tensor
from torch.export.passes import move_to_device_pass

from mtcli.core.errors import CheckpointError
from mtcli.core.export.formats import EXPORTERS, Format, Session
from mtcli.core.export.manner import Manner
from mtcli.core.export.pictures import Pictures
from mtcli.core.export.program import Program

EXTRA = "mtcli.json"

PARTS = re.compile(
    r"(models/model\.json|data/weights/(weight_\d+|model_weights_config\.json)"
    r"|data/constants/(tensor_\d+|model_constants_config\.json)|data/sample_inputs/model\.pt"
    r"|extra/[\w.]+|archive_format|archive_version|byteorder|\.data/\w+)$"
)
"""The parts of an archive that are read; others would hold libraries or pickled objects."""

TENSOR = re.compile(r"(weight|tensor)_\d+")
"""The names of parts that hold a tensor."""

BROKEN = (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, EOFError)
"""What zipfile raises about a broken archive; a RuntimeError about an encrypted one."""

WORDS = re.compile(r"[su]\d+|[A-Z][A-Za-z]*|positive|integer|\d+|")
"""Of what a formula for a side may consist: torch has Python evaluate it."""


class PT2(Format):
    """An archive of the graph as JSON, and of tensors as bytes."""

    ending = ".pt2"
    precisions = ("fp32",)

    def write(
        self,
        program: Program,
        path: Path,
        manner: Manner,
        metadata: Mapping[str, Any],
        calibration: Iterable[Pictures],
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about weights that are views of others
            torch.export.save(
                program.exported, path, extra_files={EXTRA: json.dumps(metadata, allow_nan=False)}
            )

    def read(self, path: Path) -> Session:
        return _Session(path)


class _Session(Session):
    """A file whose graph is loaded when it is first run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._run: Any = None
        self._device = torch.device("cpu")
        try:
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
                names = archive.namelist()
                inside = {name.partition("/")[2]: archive.read(name) for name in _texts(names)}
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            ValueError,
            RuntimeError,
            EOFError,
        ) as error:
            raise _damaged(path, str(error)) from None
        if damaged is not None:
            raise _damaged(path, damaged)
        found = inside.get(f"extra/{EXTRA}")
        self.metadata = None if found is None else found.decode("utf-8", "replace")
        if self.metadata is not None:
            _refuse_code(path, names, inside)

    def run(self, pictures: Pictures, device: torch.device) -> dict[str, Tensor]:
        if self._run is None or device != self._device:
            self._load(device)
        with torch.inference_mode():
            found = self._run(*(pixels.to(device) for pixels in pictures.values()))
        return {name: tensor.cpu() for name, tensor in found.items()}

    def _load(self, device: torch.device) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exported = torch.export.load(self._path)
        except Exception as error:  # of whatever kind: torch promises none
            raise _damaged(self._path, str(error) or type(error).__name__) from None
        if device.type != "cpu":
            exported = move_to_device_pass(exported, device)
        self._run, self._device = exported.module(), device


def _texts(names: list[str]) -> list[str]:
    """The parts of an archive that are read as text before anything of it is loaded."""
    return [name for name in names if name.endswith(".json") or "/sample_inputs/" in name]


def _refuse_code(path: Path, names: list[str], inside: Mapping[str, bytes]) -> None:
    """See that loading an archive runs nothing but its graph.

    `torch.export.load` unpickles what an archive says is pickled, loads the libraries in it, and
    has Python evaluate its formulas for sides. Nothing of these is in what mtcli writes.

    Raises:
        CheckpointError: something of these is there.
    """
    own = [name.partition("/")[2] for name in names]
    strange = [name for name in own if not PARTS.match(name)]
    # Of two parts of one name torch may read another than was looked at here.
    strange += [name for name, times in Counter(own).items() if times > 1]
    strange += [name for name, text in inside.items() if "sample_inputs" in name and text]
    for name, text in inside.items():
        if name.endswith("_config.json") and not _is_plain(path, text):
            strange.append(name)
        if name == "models/model.json":
            strange += [text for text in _formulas(path, text) if not _is_harmless(text)]
    if strange:
        raise CheckpointError(
            "the file holds more than a graph and its weights, and is not run",
            where=path,
            found=strange[0][:80],
        )


def _is_plain(path: Path, text: bytes) -> bool:
    """Whether a list of tensors says of each that it is bytes, in a part that is known."""
    try:
        entries = json.loads(text)["config"].values()
        return all(
            entry["use_pickle"] is False
            and re.fullmatch(r"(weight|tensor)_\d+", entry["path_name"])
            for entry in entries
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        raise _damaged(path, "the list of its tensors") from None


def _formulas(path: Path, text: bytes) -> Iterator[str]:
    """Every formula in the description of a graph."""
    try:
        waiting = [json.loads(text)]
    except ValueError:
        raise _damaged(path, "the graph is no valid JSON") from None
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
            if "expr_str" in value:
                yield str(value["expr_str"])
        elif isinstance(value, list):
            waiting += value


def _is_harmless(formula: str) -> bool:
    return all(WORDS.fullmatch(word) for word in re.split(r"[\s+*/(),=<>&|'-]+", formula))


def _damaged(path: Path, found: str) -> CheckpointError:
    first = found.strip().splitlines()[0] if found.strip() else None
    return CheckpointError("the file is damaged, or no .pt2 archive", where=path, found=first)


EXPORTERS.add("pt2")(PT2())
