"""The maps of trunks on disk: written once in the pictures' order, read at any place."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from mtcli.core.errors import SaveError
from mtcli.core.run import replace_text

FOLDER = "features"
"""Where a run keeps them."""
DESCRIPTION = "features.json"

Inputs = Callable[[Sequence[str]], dict[str, Tensor]]
"""Gives what the network reads in place of the pictures of some keys."""


class Layout(NamedTuple):
    """What a map is for every picture: its shape, and the number format that the trunk gives."""

    channels: int
    height: int
    width: int
    dtype: torch.dtype

    @property
    def bytes(self) -> int:
        """Of one picture."""
        return self.channels * self.height * self.width * self.dtype.itemsize


class FeatureStore:
    """Maps of a run's pictures, a file for each map of a split: `[pictures, H, W, C]`.

    Numbers stay in the format in which the trunk gave them, and lie channels last, as the network
    computes: reading changes nothing. Files are mapped into memory to be read, but written
    plainly: a disk that is full is an error then, and not a signal that ends the process.

    Args:
        run: the run's folder.
        layouts: by the map's name among the network's inputs; see `network.map_name`.
        keys: the pictures of each split.
        origin: what the maps follow from, as plain values; other maps are not taken for these.
    """

    def __init__(
        self,
        run: Path,
        layouts: Mapping[str, Layout],
        keys: Mapping[str, Sequence[str]],
        origin: Mapping[str, object],
    ) -> None:
        self.folder = run / FOLDER
        self._layouts = dict(layouts)
        self._keys = keys
        maps = {name: [*layout[:3], str(layout.dtype)] for name, layout in layouts.items()}
        counts = {split: len(own) for split, own in keys.items()}
        self._description = {"maps": maps, "pictures": counts, **origin}

    @property
    def bytes(self) -> int:
        """Of all maps of all pictures."""
        pictures = sum(len(own) for own in self._keys.values())
        return pictures * sum(layout.bytes for layout in self._layouts.values())

    def is_whole(self) -> bool:
        """Whether all of it is there, made of the same."""
        try:
            found = json.loads((self.folder / DESCRIPTION).read_text(encoding="utf-8"))
            return bool(found == self._description) and all(
                self._path(split, name).stat().st_size == len(own) * layout.bytes
                for split, own in self._keys.items()
                for name, layout in self._layouts.items()
            )
        except (OSError, ValueError):
            return False

    def begin(self) -> None:
        """Make an empty folder; what was there is no more.

        Raises:
            SaveError: it cannot be made.
        """
        self.remove()
        with self._saving():
            self.folder.mkdir()

    def append(self, split: str, maps: Mapping[str, Tensor]) -> None:
        """Add the maps `[N, C, H, W]` of the next pictures of a split.

        Raises:
            SaveError: they cannot be written.
        """
        with self._saving():
            for name in self._layouts:
                rows = maps[name].permute(0, 2, 3, 1).contiguous().cpu()
                with self._path(split, name).open("ab") as file:
                    file.write(rows.view(torch.uint8).numpy().data)

    def seal(self) -> None:
        """Say that it is whole, once all of it is on disk.

        Raises:
            SaveError: it cannot be written.
        """
        with self._saving():
            for split in self._keys:
                for name in self._layouts:
                    with self._path(split, name).open("rb+") as file:
                        os.fsync(file.fileno())
        replace_text(self.folder / DESCRIPTION, json.dumps(self._description, indent=1))

    def inputs(self, split: str) -> Inputs:
        """Reads the maps `[N, C, H, W]` of pictures of a split by their keys; it must be whole."""
        places = {key: place for place, key in enumerate(self._keys[split])}
        kept = {
            name: self._mapped(self._path(split, name), (len(places), *layout[:3]), layout.dtype)
            for name, layout in self._layouts.items()
        }

        def read(keys: Sequence[str]) -> dict[str, Tensor]:
            rows = torch.tensor([places[key] for key in keys])
            return {name: whole[rows].permute(0, 3, 1, 2) for name, whole in kept.items()}

        return read

    def remove(self) -> None:
        """Leave nothing of it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _mapped(path: Path, shape: tuple[int, int, int, int], dtype: torch.dtype) -> Tensor:
        count, channels, height, width = shape
        flat = torch.from_file(str(path), shared=False, size=math.prod(shape), dtype=dtype)
        return flat.view(count, height, width, channels)

    def _path(self, split: str, name: str) -> Path:
        """By the map's number: its name holds that of a trunk, which need be no file name."""
        return self.folder / f"{split}-{list(self._layouts).index(name)}.maps"

    @contextlib.contextmanager
    def _saving(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SaveError(
                f"cannot keep the features: {error.strerror}",
                where=self.folder,
                mend="make room, or train without train.cache_features",
            ) from None
