"""A classification with all, half and a tenth of its labels, from several starts."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.trainings import begin, take_turns
from mtcli.core.configfile import load_config
from mtcli.core.data.gather import load_records
from mtcli.core.data.prepare import prepare_tasks
from mtcli.core.run import find_checkpoint

SHARES = {"all": 1.0, "half": 0.5, "10 %": 0.1}
EPOCHS, PICTURES = 8, 192
"""Each training: so many epochs of so many pictures, however few of them differ."""


@dataclass(frozen=True)
class Start:
    """Where the trunk's weights come from, and what is frozen where the trunk is."""

    name: str
    sets: tuple[str, ...]
    freeze: str


def measure(config: Path, sets: Sequence[str], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Accuracy and macro F1 on val by start, what learns, and share of the labels.

    They are those of the epoch with the best macro F1. The first task of the kind is taken, its
    classes drawn equally often, since one may be most of all. A tenth of the labels is drawn, and
    trained with, once for each seed; the larger shares once. Labels are drawn at random, so that a
    rare class may have none.

    Args:
        config: has a classification, a detection and weights for the trunk.
        sets: changes of it.
        seeds: of the draws and trainings with the smallest share; the first one's of all.
    """
    loaded = load_config(config, sets)
    kinds = {task.kind: name for name, task in reversed(loaded.tasks.items())}
    cls, det = kinds["classification"], kinds["detection"]
    batch = loaded.train.batch_size
    common = [
        *sets,
        f"train.epochs={EPOCHS}",
        f"train.epoch_length={PICTURES // batch}",
        f"train.balanced=[{cls}]",
        f"train.best={cls}.f1_macro",
    ]
    with tempfile.TemporaryDirectory(prefix="mtcli-bench-") as scratch:
        teacher = begin(config, sets, [det])
        take_turns([teacher])
        found = find_checkpoint(Path(teacher.scratch.name) / "run-0001")
        origin = f"transfer={{origin: {{all: {found}}}, parts: [conv]}}"
        starts = (
            Start("scratch", ("model.weights=null",), "trunk"),
            Start("ImageNet", (), "conv"),
            Start(f"trained on {det}", ("model.weights=null", origin), "conv"),
        )
        splits = _splits(config, sets, cls, seeds, Path(scratch))
        rows = []
        for start in starts:
            for frozen in (True, False):
                freeze = f"train.freeze=[{start.freeze}]" if frozen else "train.freeze=[]"
                row: dict[str, Any] = {
                    "trunk": start.name,
                    "which": "frozen" if frozen else "fine-tuned",
                }
                for share, draws in splits.items():
                    row |= _row(share, draws, config, [*common, *start.sets, freeze], cls)
                rows.append(row)
                print(row, flush=True)
        return rows


def _row(
    share: str, draws: Mapping[int, list[str]], config: Path, sets: list[str], task: str
) -> dict[str, Any]:
    """Accuracy and macro F1, means where a share was drawn several times, and each one's."""
    found: dict[str, list[float]] = {"accuracy": [], "f1_macro": []}
    for seed, lists in draws.items():
        training = begin(config, [*sets, *lists, f"train.seed={seed}"], [task])
        take_turns([training])
        assert training.ended is not None
        metrics = training.ended.results[task].metrics
        for metric, values in found.items():
            values.append(metrics[metric] or 0.0)
        training.scratch.cleanup()
    means = " / ".join(f"{statistics.mean(values):.3f}" for values in found.values())
    if len(draws) == 1:
        return {share: means}
    each = [", ".join(f"{value:.3f}" for value in values) for values in found.values()]
    return {share: means, "each seed": " / ".join(each)}


def _splits(
    config: Path, sets: Sequence[str], name: str, seeds: Sequence[int], scratch: Path
) -> dict[str, dict[int, list[str]]]:
    """By share and seed, the changes that leave a task so much of its labels.

    The names of the classes are those of all labels.
    """
    loaded = load_config(config, sets)
    own = {name: loaded.tasks[name]}
    train = load_records(loaded.data, own, "train")
    val = [record.key for record in load_records(loaded.data, own, "val") if record.labels]
    classes = prepare_tasks(train, own)[name].facts.model_dump()["classes"]
    labelled = [record.key for record in train if record.labels]
    found: dict[str, dict[int, list[str]]] = {}
    for share, part in SHARES.items():
        for seed in seeds if part == min(SHARES.values()) else seeds[:1]:
            generator = np.random.default_rng([seed, round(100 * part)])
            count = round(part * len(labelled))
            keys = sorted(generator.permutation(labelled)[:count].tolist())
            paths = {}
            for split, listed in {"train": keys, "val": val}.items():
                path = scratch / f"{split}-{round(100 * part)}-{seed}.txt"
                path.write_text("".join(f"{key}\n" for key in listed), encoding="utf-8")
                paths[split] = f'{split}: "{path}"'
            title = f"{share} ({count})"
            found.setdefault(title, {})[seed] = [
                f"tasks.{name}.splits={{{', '.join(paths.values())}}}",
                f"tasks.{name}.classes=[{', '.join(classes)}]",
            ]
    return found
