"""One look at every picture before training: its size, and whether it can be read at all."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import tempfile
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from mtcli.core.config import DataConfig
from mtcli.core.data.arrays import ArrayRow
from mtcli.core.data.inputs import InputSource, input_size, place_of
from mtcli.core.data.readers.maps import MapFile
from mtcli.core.data.records import Record
from mtcli.core.errors import DataError
from mtcli.core.events import Verifying

Size = tuple[int, int]

PICTURE = ""
"""The name of the one picture of a record without inputs."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """Records with the sizes of their pictures, and what was left out as unreadable.

    Attributes:
        records: those to use.
        skipped: the names of those whose picture cannot be read.
        lacking: by input, the names of those that are taken as lacking it.
    """

    records: list[Record]
    skipped: tuple[str, ...]
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def scan(config: DataConfig, records: Sequence[Record]) -> Generator[Verifying, None, Scanned]:
    """Look at the picture of every record and its other inputs, in parallel.

    With `data.verify: full` each is decoded whole, once: that a file was sound is remembered
    by its size and time of change. With `none` only its header is read.

    With `data.on_bad_image: skip` a record whose picture cannot be read is left out; one whose
    other input cannot be read is taken as lacking it.

    Raises:
        DataError: a picture is missing; or one cannot be read, and `data.on_bad_image` is fail; or
            the inputs of a record are of different sizes.
    """
    missing = [r.image for r in records if isinstance(r.image, Path) and not r.image.is_file()]
    if missing:
        raise DataError(
            f"no such picture{_and_more(len(missing) - 1)}",
            where=missing[0],
            mend=near_picture(missing[0]) or "correct data.images or the split's list",
        )
    whole = config.verify == "full"
    memory = _Memory(config.pictures if whole and isinstance(config.pictures, Path) else None)
    kept: list[Record] = []
    skipped: dict[str, DataError] = {}
    lacking: dict[str, dict[str, DataError]] = {}

    def look(record: Record, name: str, source: InputSource) -> Size | DataError:
        try:
            return memory.recall(record, name, source) or input_size(source, whole)
        except DataError as error:
            return error

    def examine(record: Record) -> dict[str, Size | DataError]:
        sources = record.inputs or {PICTURE: record.image}
        return {name: look(record, name, source) for name, source in sources.items()}

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for number, (record, seen) in enumerate(
            zip(records, pool.map(examine, records), strict=True), start=1
        ):
            sources = record.inputs or {PICTURE: record.image}
            first, *others = sources
            for name, size in seen.items():
                if not isinstance(size, DataError):
                    memory.remember(record, name, sources[name], size)
            size = seen[first]
            if isinstance(size, DataError):
                skipped[record.key] = size
            else:
                for name in others:
                    if isinstance(error := seen[name], DataError):
                        lacking.setdefault(name, {})[record.key] = error
                    else:
                        _require_size(record, name, error, size)
                sound = {n: s for n, s in record.inputs.items() if isinstance(seen[n], tuple)}
                kept.append(replace(record, size=size, inputs=sound))
            yield Verifying(number, len(records))
    memory.write()
    bad = [*skipped.values(), *(error for own in lacking.values() for error in own.values())]
    if bad and config.on_bad_image == "fail":
        raise DataError(f"{bad[0].what}{_and_more(len(bad) - 1)}", **bad[0].parts())
    if not kept:
        raise DataError("not one picture of the split can be read", **bad[0].parts())
    return Scanned(kept, tuple(skipped), {name: tuple(own) for name, own in lacking.items()})


def _require_size(record: Record, name: str, found: Size, wanted: Size) -> None:
    if found != wanted:
        raise DataError(
            "inputs of different sizes for one record",
            where=place_of(record.inputs[name]),
            expected=f"{wanted[0]} × {wanted[1]}, as {place_of(record.image)}",
            found=f"{found[0]} × {found[1]}",
            mend="bring them to one size, pixel on pixel: labels hold for all of them",
        )


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

    def recall(self, record: Record, name: str, source: InputSource) -> Size | None:
        place = place_of(source)
        entry = self._entries.get(_known_as(record, name, source))
        if isinstance(place, ArrayRow):
            return None
        if not isinstance(entry, list) or len(entry) != 4 or entry[:2] != _stamp(place):
            return None
        return entry[2], entry[3]

    def remember(self, record: Record, name: str, source: InputSource, size: Size) -> None:
        place = place_of(source)
        if self._path is not None and isinstance(place, Path):
            known_as, entry = _known_as(record, name, source), [*_stamp(place), *size]
            if self._entries.get(known_as) != entry:
                self._entries[known_as] = entry
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


def _known_as(record: Record, name: str, source: InputSource) -> str:
    """What a file is remembered by: a map was sound only for what stands for not measured."""
    if source == record.image:
        return record.key
    unmeasured = f" {source.unmeasured}" if isinstance(source, MapFile) else ""
    return f"{record.key} {name}{unmeasured}"


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _and_more(count: int) -> str:
    return f" (and {count} more)" if count > 0 else ""
