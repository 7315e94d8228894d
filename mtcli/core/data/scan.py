"""One look at every picture before training: its size, and whether it can be read at all."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from mtcli.core.config import DataConfig
from mtcli.core.data.arrays import ArrayRow
from mtcli.core.data.decode import picture_size, verified_size
from mtcli.core.data.records import Record
from mtcli.core.data.splits import Source
from mtcli.core.errors import DataError
from mtcli.core.events import Verifying

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Scanned:
    """Records with the sizes of their pictures, and those that were left out as unreadable."""

    records: list[Record]
    skipped: tuple[str, ...]


def scan(config: DataConfig, records: Sequence[Record]) -> Generator[Verifying, None, Scanned]:
    """Look at the picture of every record, in parallel.

    With `data.verify: full` each is decoded whole, once: that a file was sound is remembered
    by its size and time of change. With `none` only its header is read.

    Raises:
        DataError: a picture is missing; or one cannot be read, and `data.on_bad_image` is fail.
    """
    missing = [r.image for r in records if isinstance(r.image, Path) and not r.image.is_file()]
    if missing:
        raise DataError(
            f"no such picture{_and_more(len(missing) - 1)}",
            where=missing[0],
            mend=near_picture(missing[0]) or "correct data.images or the split's list",
        )
    look: Callable[[Source], Size] = verified_size if config.verify == "full" else picture_size
    base = config.images if isinstance(config.images, Path) else None
    memory = _Memory(base if config.verify == "full" else None)
    sizes: dict[str, Size] = {}
    bad: dict[str, DataError] = {}

    def examine(record: Record) -> Size | DataError:
        try:
            return memory.recall(record) or look(record.image)
        except DataError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for number, (record, seen) in enumerate(
            zip(records, pool.map(examine, records), strict=True), start=1
        ):
            if isinstance(seen, DataError):
                bad[record.key] = seen
            else:
                sizes[record.key] = seen
                memory.remember(record, seen)
            yield Verifying(number, len(records))
    memory.write()
    if bad and config.on_bad_image == "fail":
        first = next(iter(bad.values()))
        raise DataError(f"{first.what}{_and_more(len(bad) - 1)}", **first.parts())
    kept = [replace(record, size=sizes[record.key]) for record in records if record.key in sizes]
    if not kept:
        raise DataError(
            "not one picture of the split can be read", **next(iter(bad.values())).parts()
        )
    return Scanned(kept, tuple(bad))


def cache_folder() -> Path:
    """Where what can be computed again is kept: `MTCLI_CACHE`, else the user's cache folder."""
    given = os.environ.get("MTCLI_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "mtcli"


def near_picture(path: Path) -> str | None:
    """A file beside a missing one whose name differs in case, or a little."""
    beside = [other.name for other in path.parent.glob("*")][:10000]
    alike = next((name for name in beside if name.casefold() == path.name.casefold()), None)
    if alike is not None:
        return f"there is {alike}: the names differ in case only"
    near = difflib.get_close_matches(path.name, beside, n=1, cutoff=0.8)
    return f"there is {near[0]}" if near else None


class _Memory:
    """The pictures below one folder that were decoded whole before; None remembers nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._entries: dict[str, list[int]] = {}
        self._path: Path | None = None
        self._changed = False
        if folder is not None:
            name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:20]
            self._path = cache_folder() / "verified" / f"{name}.json"
            with contextlib.suppress(OSError, ValueError):
                entries = json.loads(self._path.read_text(encoding="utf-8"))
                if isinstance(entries, dict):
                    self._entries = entries

    def recall(self, record: Record) -> Size | None:
        entry = self._entries.get(record.key)
        if isinstance(record.image, ArrayRow):
            return None
        if not isinstance(entry, list) or len(entry) != 4 or entry[:2] != _stamp(record.image):
            return None
        return entry[2], entry[3]

    def remember(self, record: Record, size: Size) -> None:
        if self._path is not None and isinstance(record.image, Path):
            entry = [*_stamp(record.image), *size]
            if self._entries.get(record.key) != entry:
                self._entries[record.key] = entry
                self._changed = True

    def write(self) -> None:
        """Replace the file in one step. A cache that cannot be written is only slower."""
        if self._path is None or not self._changed:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=self._path.parent)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(self._entries, file)
                os.replace(draft, self._path)
            except OSError:
                os.unlink(draft)


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _and_more(count: int) -> str:
    return f" (and {count} more)" if count > 0 else ""
