"""Statistics as plain values."""

from __future__ import annotations

import statistics as numbers
from collections.abc import Sequence
from typing import Any

from mtcli.core.statistics.model import Pair, Statistics, TaskStatistics


def statistics_json(found: Statistics) -> dict[str, Any]:
    """All numbers; what is undefined is None. Pairs of classes that never meet are left out."""
    return {
        "size": list(found.size),
        "splits": {
            split: {
                "pictures": count,
                "unreadable": found.unreadable[split],
                "height": spread([float(height) for height, _ in found.sizes[split]]),
                "width": spread([float(width) for _, width in found.sizes[split]]),
                **{name: spread(measure.values[split]) for name, measure in found.measures.items()},
            }
            for split, count in found.pictures.items()
        },
        "tasks": {name: _task(task) for name, task in found.tasks.items()},
        "together": [_pair(pair) for pair in found.together if pair.both],
        "overlaps": [
            {"tasks": list(names), "pictures": count} for names, count in found.overlaps.items()
        ],
    }


def spread(values: Sequence[float]) -> dict[str, float | int | None]:
    """What sums up many numbers; `deviation` is that of all of them, not an estimate."""
    if not values:
        return {"count": 0, **dict.fromkeys(("min", "median", "mean", "max", "deviation"))}
    return {
        "count": len(values),
        "min": min(values),
        "median": numbers.median(values),
        "mean": numbers.fmean(values),
        "max": max(values),
        "deviation": numbers.pstdev(values),
    }


def _task(task: TaskStatistics) -> dict[str, Any]:
    return {
        "kind": task.kind,
        "unit": task.unit,
        "splits": {
            split: {
                "labelled": labelled,
                "classes": {
                    name: {
                        "count": count,
                        "share": task.share(split, name),
                        "pictures": task.pictures[split][name],
                        **({"hidden": task.hidden[split][name]} if task.hidden else {}),
                    }
                    for name, count in task.counts[split].items()
                },
                "measures": {
                    name: {"what": measure.what, **spread(measure.values[split])}
                    for name, measure in task.measures.items()
                },
            }
            for split, labelled in task.labelled.items()
        },
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "labels": [{"task": task, "class": name} for task, name in (pair.first, pair.second)],
        "both": pair.both,
        "each": [pair.of_first, pair.of_second],
        "pictures": pair.pictures,
        "lift": pair.lift,
    }
