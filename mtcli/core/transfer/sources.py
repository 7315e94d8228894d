"""What an origin is, and what it tells of its network, before any of its tensors is placed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mtcli.core.checkpoint import load_model, plugins_of
from mtcli.core.description import Model
from mtcli.core.plugins import import_plugins
from mtcli.core.published import Published, named_as_ours
from mtcli.core.run import MODEL, WEIGHTS, find_checkpoint, run_of
from mtcli.core.weightfile import is_weight_file, require_weight_file
from mtcli.core.weights import read_tensors
from mtcli.core.weights.packages import find_package

PACKAGE = "package:"

Told = Model | Published | str | None
"""A network, or the name of its trunk alone, or nothing."""


@dataclass(frozen=True, slots=True)
class Source:
    """An origin, before anything of it is read.

    Attributes:
        place: absolute, or as it was named.
        checkpoint: its folder, where it is one.
        config: of the run that the checkpoint is of.
    """

    place: str
    checkpoint: Path | None = None
    config: Path | None = None


def find_source(origin: str) -> Source:
    """An origin by what `--from` says.

    Raises:
        MtcliError: there is no such run, checkpoint or file.
    """
    path = Path(origin)
    if origin == "imagenet" or origin.startswith(PACKAGE):
        return Source(origin)
    if path.name == WEIGHTS and (path.parent / MODEL).is_file():
        path = path.parent  # what lies beside tells what the tensors mean
    if is_weight_file(path):
        require_weight_file(path, "--from")
    if path.is_file():
        return Source(str(path.resolve()))
    checkpoint = find_checkpoint(path)
    run = run_of(checkpoint)
    return Source(str(checkpoint.resolve()), checkpoint, run.config if run else None)


def told_by(source: Source, allow_plugins: bool) -> Told:
    """What an origin tells of its network.

    Raises:
        MtcliError: it is damaged, carries code, or is no known package.
    """
    if source.checkpoint is not None:
        if allow_plugins:
            import_plugins(plugins_of(source.checkpoint), Path.cwd(), source.checkpoint)
        return load_model(source.checkpoint)[0]
    if source.place.startswith(PACKAGE):
        return find_package(source.place.removeprefix(PACKAGE), "--from").trunk
    path = Path(source.place)
    return named_as_ours(read_tensors(path, "--from")) if path.is_file() else None
