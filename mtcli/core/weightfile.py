"""Weight files by their names: what they end in, and near misses of one that is not there."""

from __future__ import annotations

from pathlib import Path

from mtcli.core.errors import ConfigError, did_you_mean

ENDINGS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")


def is_weight_file(path: Path) -> bool:
    """Whether a path is that of a weight file by its name, there or not."""
    return path.suffix.lower() in ENDINGS and not path.is_dir()


def require_weight_file(path: Path, key: str) -> None:
    """See that a weight file is there.

    Args:
        path: of the file.
        key: what named it, for messages.

    Raises:
        ConfigError: it is not; near misses in its folder are named.
    """
    if path.is_file():
        return
    folder = path.parent
    names = [p.name for p in folder.iterdir() if is_weight_file(p)] if folder.is_dir() else []
    here = "" if folder == Path() else f"{folder}/"
    raise ConfigError(f"{key}: no such file", where=path, mend=did_you_mean(path.name, names, here))
