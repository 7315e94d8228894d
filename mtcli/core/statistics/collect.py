"""From a survey to statistics."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from mtcli.core.data.geometry import resize_rule
from mtcli.core.inspection.survey import Seen, Survey
from mtcli.core.statistics.model import Measure, Statistics
from mtcli.core.statistics.tally import Tally
from mtcli.core.statistics.together import Presence, pairs_of


def collect(survey: Survey) -> Statistics:
    """Count and measure all pictures and labels; a picture of two splits counts in both."""
    data = survey.config.data
    splits = survey.splits
    tallies = {}
    for name, config in survey.config.tasks.items():
        facts = survey.tasks[name].facts if name in survey.tasks else config.options
        known = getattr(facts, "classes", None) or getattr(facts, "points", None) or ()
        numbers = not hasattr(config.options, "classes")
        names = getattr(config.options, "names", None) or ()
        tallies[name] = Tally(config.kind, list(splits), known, numbers, names)
    presence = []
    for split, pictures in splits.items():
        for seen in pictures:
            shown: Presence = {}
            for name, tally in tallies.items():
                said = seen.values.get(name) or seen.maps.get(name)
                if said is None:
                    continue
                scale = (1.0, 1.0)
                if seen.look is not None:
                    resize = resize_rule(data.resize, seen.look.size, data.size)
                    scale = (
                        resize.inner[0] / resize.original[0],
                        resize.inner[1] / resize.original[1],
                    )
                shown[name] = tally.add(split, said, seen.record.size, scale)
            presence.append(shown)
    tasks = {name: tally.result() for name, tally in tallies.items()}
    classes = {name: task.classes for name, task in tasks.items()}
    return Statistics(
        size=data.size,
        pictures={split: len(pictures) for split, pictures in splits.items()},
        unreadable={
            split: sum(seen.look is None for seen in pictures) for split, pictures in splits.items()
        },
        sizes={
            split: [seen.look.size for seen in pictures if seen.look is not None]
            for split, pictures in splits.items()
        },
        measures={
            "brightness": Measure(
                "brightness of a picture, 0 to 255",
                {split: _brightness(pictures) for split, pictures in splits.items()},
            )
        },
        tasks=tasks,
        together=pairs_of(presence, classes),
        overlaps={
            (one, other): sum(one in shown and other in shown for shown in presence)
            for one, other in combinations(tasks, 2)
        },
    )


def _brightness(pictures: Sequence[Seen]) -> list[float]:
    return [seen.look.brightness for seen in pictures if seen.look is not None]
