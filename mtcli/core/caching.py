"""Maps of a trunk that stays as it is: computed once, so that an epoch costs what is behind it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mtcli.core.config import Config
from mtcli.core.data.dataset import Collate, RecordDataset
from mtcli.core.data.features import FeatureStore, Layout
from mtcli.core.data.loader import load_batches, worker_count
from mtcli.core.data.records import Record, digest
from mtcli.core.errors import ConfigError
from mtcli.core.events import Caching, Noted
from mtcli.core.mixing import in_order
from mtcli.core.network import Network, map_name
from mtcli.core.runtime import Runtime


class FeatureCache:
    """What becomes of `train.cache_features`: how large it is, and how it is filled.

    Args:
        network: on the runtime's device, its trunks as they stay; see `freezing.check_frozen`.
        config: of the training.
        records: by split, those that it uses.
        runtime: the maps are those of its device and number format.
    """

    def __init__(
        self,
        network: Network,
        config: Config,
        records: Mapping[str, Sequence[Record]],
        runtime: Runtime,
    ) -> None:
        self._network = network
        self._config = config
        self._records = records
        self._runtime = runtime
        self._levels = network.reads
        blank = network.blank(config.data.size, runtime.device)
        self._layouts = {
            name: Layout(feature.shape[1], feature.shape[2], feature.shape[3], feature.dtype)
            for name, feature in self._maps(blank).items()
        }

    def size_up(self, run: Path) -> Iterator[Noted]:
        """See that there is room for it, and say what it means.

        Args:
            run: the run's folder, or the one that it may get.

        Raises:
            ConfigError: there is not.
        """
        store = self._store(run)
        pictures = sum(len(own) for own in self._records.values())
        of_maps = f"{', '.join(self._layouts)} of {pictures} pictures"
        if store.is_whole():
            yield Noted(f"cached features are there: {of_maps}")
            return
        free = shutil.disk_usage(_nearest(run)).free
        if store.folder.is_dir():  # begun once, and about to be made anew
            free += sum(path.stat().st_size for path in store.folder.iterdir())
        if store.bytes > free:
            raise ConfigError(
                f"train.cache_features: needs {_size(store.bytes)}, {_size(free)} are free",
                where=run.parent,
                found=of_maps,
                mend="make room, or train without it",
            )
        yield Noted(f"cached features: {of_maps}, {_size(store.bytes)} until the training ends")
        if self._config.data.augment:
            yield Noted("data.augment is passed over: cached features are of unchanged pictures")

    def fill(self, run: Path) -> Generator[Caching, None, FeatureStore]:
        """The cache in a run's folder, filled unless it is there already.

        Raises:
            WorkError: a picture cannot be read.
            SaveError: it cannot be written; nothing of it remains.
        """
        store = self._store(run)
        if store.is_whole():
            return store
        store.begin()
        try:
            for split in self._records:
                yield from self._fill(store, split)
            store.seal()
        except BaseException:
            store.remove()
            raise
        return store

    def _fill(self, store: FeatureStore, split: str) -> Iterator[Caching]:
        data, records, device = self._config.data, self._records[split], self._runtime.device
        batches = load_batches(
            RecordDataset(records, {}, data.size, data.resize),
            Collate({}, data.size, with_targets=False),
            lambda: in_order(len(records), self._config.train.batch_size),
            worker_count(data.workers, device),
            device,
        )
        done = 0
        for batch in batches:
            store.append(split, self._maps(batch.inputs))
            done += len(batch.keys)
            yield Caching(split, done, len(records))

    def _store(self, run: Path) -> FeatureStore:
        data = self._config.data
        origin = {
            "records": digest(self._records),
            "weights": self._weights(),
            "size": list(data.size),
            "resize": data.resize,
            "device": self._runtime.device.type,
            "precision": self._runtime.precision,
        }
        keys = {split: [record.key for record in own] for split, own in self._records.items()}
        return FeatureStore(run, self._layouts, keys, origin)

    def _maps(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self._network.eval()
        with torch.inference_mode(), self._runtime.autocast():
            maps = self._network.maps(inputs)
        return {
            map_name(key, level): maps[key][level]
            for key, levels in self._levels.items()
            for level in levels
        }

    def _weights(self) -> str:
        """A short text that follows from the tensors that maps are made with."""
        seen = hashlib.sha256()
        modules = {key: self._network.trunk_of(key) for key in self._network.parts}
        if self._network.sharing is not None:
            modules["sharing"] = self._network.sharing
        for key, module in modules.items():
            for name, tensor in module.state_dict().items():
                seen.update(f"{key}/{name}".encode())
                seen.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return seen.hexdigest()[:16]


def _nearest(path: Path) -> Path:
    """The folder itself, or the nearest above it that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())


def _size(count: int) -> str:
    """Bytes for a person: `12.3 GB`."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count / 1000:.1f} kB"
