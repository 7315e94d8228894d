"""What looking over all data costs beyond reading the same files in as many threads."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mtcli.core.config import Config
from mtcli.core.configfile import load_config
from mtcli.core.data.decode import decode
from mtcli.core.data.records import Record
from mtcli.core.inspection.listing import list_records
from mtcli.recipes.datacheck import check_data

TURNS = 5


def measure(config: Path, sets: Sequence[str]) -> list[dict[str, Any]]:
    """Medians over turns, the first of which warms up."""
    loaded = load_config(config, sets)
    records = _records(loaded)
    checked: list[float] = []
    decoded: list[float] = []
    for _ in range(TURNS + 1):
        decoded.append(_read_all(records))
        began = time.monotonic()
        for _ in check_data(loaded):
            pass
        checked.append(time.monotonic() - began)
    checked, decoded = checked[1:], decoded[1:]
    ratio = statistics.median(a / b for a, b in zip(checked, decoded, strict=True))
    return [
        {"": "the check", "pictures": len(records), "s": statistics.median(checked)},
        {"": "reading alone", "pictures": len(records), "s": statistics.median(decoded)},
        {"": "ratio, median of the turns", "pictures": len(records), "s": ratio},
    ]


def _records(config: Config) -> list[Record]:
    """Every picture once."""
    listed = list_records(config).records.values()
    return list({record.image: record for records in listed for record in records}.values())


def _read_all(records: Sequence[Record]) -> float:
    """Seconds to decode every picture, and every map that is a file."""

    def read(record: Record) -> None:
        decode(record.image)
        for label in record.labels.values():
            label.load()

    began = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for _ in pool.map(read, records):
            pass
    return time.monotonic() - began
