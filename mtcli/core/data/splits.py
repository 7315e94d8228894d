"""Which pictures there are, and which belong to a split."""

from __future__ import annotations

import os
from pathlib import Path

from mtcli.core.config import Config, DataConfig, TaskConfig
from mtcli.core.configinputs import InputMaps
from mtcli.core.configsplits import DrawnSplits, ImageArrays, SplitColumn, Splits
from mtcli.core.data.arrays import ArrayRow, open_array
from mtcli.core.data.pictures import pictures_below
from mtcli.core.data.readers import picture_key
from mtcli.core.data.readers.csv import read_columns
from mtcli.core.errors import ConfigError, DataError, did_you_mean

Source = Path | ArrayRow
"""Where a picture lies: a file, or a row of an array."""

ImagePlace = Path | ImageArrays
SplitPlace = SplitColumn | DrawnSplits | dict[str, Path] | tuple[str, ...]


def places(data: DataConfig, task: TaskConfig) -> tuple[ImagePlace, SplitPlace]:
    """The pictures and splits of a task: its own, else those of `data`."""
    images, splits = task.pictures or data.pictures, task.splits or data.splits
    assert images is not None, "checked with the config"
    assert splits is not None, "checked with the config"
    return images, splits


def list_pictures(
    images: ImagePlace, splits: SplitPlace, split: str, key: str = "data"
) -> dict[str, Source]:
    """The pictures of a split by their names below `images`, each once, in the file's order.

    Args:
        images: the folder or array.
        splits: what says which picture is in which.
        split: the one wanted.
        key: of the config, for messages.

    Raises:
        ConfigError: there is no such split.
        DataError: a file is missing or broken, or the split is empty.
    """
    found, names, source = _names(images, splits, split, key)
    if split not in found:
        raise ConfigError(f"{key}.splits: no such split: {split}", mend=did_you_mean(split, found))
    if not names:
        raise DataError(f"the split {split} is empty", where=source)
    if isinstance(images, ImageArrays):
        return _rows(images, names, split, source)
    return {name: Path(os.path.normpath(images / name)) for name in names}


def all_pictures(images: ImagePlace) -> dict[str, Source]:
    """Every picture of a folder or array by its name, sorted."""
    if isinstance(images, Path):
        return {path.relative_to(images).as_posix(): path for path in pictures_below(images)}
    rows = range(len(open_array(images.arrays, images.key)))
    return {str(row): ArrayRow(images.arrays, images.key, row) for row in rows}


def names_of(splits: SplitPlace) -> list[str]:
    """The names of all splits, in the order in which they stand."""
    if isinstance(splits, SplitColumn):
        rows = read_columns(splits.csv, [splits.key, splits.column])
        return list(dict.fromkeys(name for _, (_, name) in rows if name))
    return list(splits.fractions if isinstance(splits, DrawnSplits) else splits)


def has_split(splits: SplitPlace, split: str) -> bool:
    """Whether splits speak of this one."""
    return split in names_of(splits)


def check_files(config: Config) -> None:
    """See that images and split lists are there, also those of splits that are used later.

    Raises:
        DataError: one is missing.
    """
    wanted: dict[str, tuple[DataConfig | TaskConfig, Splits | None]] = {
        "data": (config.data, config.data.splits)
    }
    for name, task in config.tasks.items():
        wanted[f"tasks.{name}"] = (task, task.splits)
    for key, (place, splits) in wanted.items():
        for said, folder in folders_of(place).items():
            if not folder.is_dir():
                beside = [other.name for other in folder.parent.glob("*") if other.is_dir()]
                mend = did_you_mean(folder.name, beside)
                raise DataError(f"{key}.{said}: no such folder", where=folder, mend=mend)
        for split, path in splits.items() if isinstance(splits, dict) else ():
            if not path.exists():
                raise _no_list(f"{key}.splits.{split}", path)


def folders_of(place: DataConfig | TaskConfig) -> dict[str, Path]:
    """The folders of pictures, and of other inputs, that are named, by the key that names each."""
    said: dict[str, object] = {"images": place.images}
    for name, given in (place.inputs or {}).items():
        said[f"inputs.{name}"] = given.maps if isinstance(given, InputMaps) else given
    return {key: folder for key, folder in said.items() if isinstance(folder, Path)}


def array_of(images: ImageArrays, split: str) -> tuple[Path, str | None]:
    """File and key of the array that holds the pictures of a split."""
    return split_array(images.arrays, images.key, split)


def split_array(path: Path, key: str | None, split: str) -> tuple[Path, str | None]:
    """A file and a key in which `{split}` may stand."""
    return (
        Path(str(path).replace("{split}", split)),
        None if key is None else key.replace("{split}", split),
    )


def _names(
    images: ImagePlace, splits: SplitPlace, split: str, key: str
) -> tuple[list[str], list[str], object]:
    """Which splits there are, the names of the wanted one, and what says so."""
    if isinstance(splits, SplitColumn):
        rows = list(read_columns(splits.csv, [splits.key, splits.column]))
        found = list(dict.fromkeys(name for _, (_, name) in rows if name))
        return found, [picture for _, (picture, name) in rows if name == split], splits.csv
    assert not isinstance(splits, DrawnSplits), "drawn from all pictures"
    if isinstance(splits, tuple):
        if not isinstance(images, ImageArrays):
            raise ConfigError(
                f"{key}.splits: names alone",
                expected="a file or folder for each split; names alone are for pictures in arrays",
            )
        if split not in splits:
            return list(splits), [], None
        path, array = array_of(images, split)
        if any(array_of(images, other) == (path, array) for other in splits if other != split):
            raise ConfigError(
                f"{key}.splits: every split has the same array",
                where=path,
                mend="write {split} in its path or key, or name a list of row numbers a split",
            )
        count = len(open_array(path, array))
        return list(splits), [str(number) for number in range(count)], path
    if split not in splits:
        return list(splits), [], None
    path = splits[split]
    if path.is_dir():
        if isinstance(images, ImageArrays):
            raise ConfigError(
                f"{key}.splits.{split}: a folder",
                expected="a list of row numbers, for pictures in arrays",
            )
        below = [Path(os.path.relpath(p, images)).as_posix() for p in pictures_below(path)]
        return list(splits), below, path
    return list(splits), _read_list(path, f"{key}.splits.{split}"), path


def _rows(images: ImageArrays, names: list[str], split: str, source: object) -> dict[str, Source]:
    path, key = array_of(images, split)
    count = len(open_array(path, key))
    rows: dict[str, Source] = {}
    for name in names:
        if not name.isdecimal() or int(name) >= count:
            raise DataError(
                f"no row {name} in the array",
                where=source,
                expected=f"row numbers from 0 to {count - 1}",
            )
        rows[str(int(name))] = ArrayRow(path, key, int(name))
    return rows


def _no_list(key: str, path: Path) -> DataError:
    return DataError(
        f"{key}: no such file",
        where=path,
        expected="a text file with the name of a picture on each line, or a folder of pictures",
    )


def _read_list(path: Path, key: str) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise _no_list(key, path) from None
    except (UnicodeDecodeError, OSError) as error:
        raise DataError(f"{key}: cannot be read: {error}", where=path) from None
    return list(dict.fromkeys(picture_key(line.strip()) for line in lines if line.strip()))
