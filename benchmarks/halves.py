"""Half of each task's labels thrown away: all tasks together against each on its own half."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import multitask
from mtcli.core.configfile import load_config
from mtcli.core.data.gather import load_records


def measure(config: Path, sets: Sequence[str], seed: int = 0) -> list[dict[str, Any]]:
    """The table of `multitask`, each task taught by a random half of its labelled pictures.

    The halves are drawn task by task, so that few pictures have all labels and few have none.
    """
    loaded = load_config(config, sets)
    with tempfile.TemporaryDirectory(prefix="mtcli-bench-") as scratch:
        halves = []
        for number, (name, task) in enumerate(loaded.tasks.items()):
            lists = {}
            for split in ("train", "val"):
                records = load_records(loaded.data, {name: task}, split)
                keys = [record.key for record in records if record.labels]
                if split == "train":
                    generator = np.random.default_rng([seed, number])
                    keys = sorted(generator.permutation(keys)[: len(keys) // 2].tolist())
                path = Path(scratch) / f"{name}-{split}.txt"
                path.write_text("".join(f"{key}\n" for key in keys), encoding="utf-8")
                lists[split] = str(path)
            places = ", ".join(f'{split}: "{path}"' for split, path in lists.items())
            halves.append(f"tasks.{name}.splits={{{places}}}")
        return multitask.measure(config, [*sets, *halves])
