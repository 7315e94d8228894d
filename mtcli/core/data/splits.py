"""Which pictures belong to a split: from list files, or from a column of a CSV file."""

from __future__ import annotations

from pathlib import Path

from mtcli.core.config import DataConfig, SplitColumn
from mtcli.core.data.readers import picture_key
from mtcli.core.data.readers.csv import read_columns
from mtcli.core.errors import ConfigError, DataError, did_you_mean


def split_keys(config: DataConfig, split: str) -> list[str]:
    """The pictures of a split, each once, in the file's order.

    Raises:
        ConfigError: there is no such split.
        DataError: the file is missing or broken, or the split is empty.
    """
    if isinstance(config.splits, SplitColumn):
        column = config.splits
        rows = list(read_columns(column.csv, (column.key, column.column)))
        found = list(dict.fromkeys(name for _, (_, name) in rows if name))
        keys = [picture for _, (picture, name) in rows if name == split]
        source = column.csv
    else:
        found = list(config.splits)
        keys = []
        if split in config.splits:
            source = config.splits[split]
            keys = _read_list(config, split)
    if split not in found:
        raise ConfigError(f"data.splits: no such split: {split}", mend=did_you_mean(split, found))
    if not keys:
        raise DataError(f"the split {split} is empty", where=source)
    return list(dict.fromkeys(keys))


def check_files(config: DataConfig) -> None:
    """See that the images folder and every split's list are there, also of splits used later.

    Raises:
        DataError: one is missing.
    """
    if not config.images.is_dir():
        raise DataError("data.images: no such folder", where=config.images)
    for split, path in config.splits.items() if isinstance(config.splits, dict) else ():
        if not path.is_file():
            raise _no_list(split, path)


def _no_list(split: str, path: Path) -> DataError:
    return DataError(
        f"data.splits.{split}: no such file",
        where=path,
        expected="a text file with the name of a picture on each line",
    )


def _read_list(config: DataConfig, split: str) -> list[str]:
    assert isinstance(config.splits, dict)
    path = config.splits[split]
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise _no_list(split, path) from None
    except (UnicodeDecodeError, OSError) as error:
        raise DataError(f"data.splits.{split}: cannot be read: {error}", where=path) from None
    return [picture_key(line.strip()) for line in lines if line.strip()]
