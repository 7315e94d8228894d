"""Classes that only one split shows, and tasks without labels in a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from mtcli.core.data.splits import names_of, places
from mtcli.core.errors import MtcliError
from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import contents, every, known_classes
from mtcli.core.inspection.finding import Finding, finding
from mtcli.core.inspection.survey import Survey


@CHECKS.add("classes")
def check(survey: Survey) -> Iterator[Finding]:
    """Count the pictures of each class in each split."""
    for name, task in survey.tasks.items():
        own = [seen for seen in every(survey) if name in seen.record.labels]
        if own and all(seen.look is None for seen in own):
            continue  # told by why not one of its pictures can be read
        labelled = _labelled(survey, name)
        for split in _splits_of(survey, name):
            if split != "train" and not labelled.get(split):
                yield finding(
                    "split-without-labels",
                    f"no picture of {split} has a label: nothing is measured there",
                    task=name,
                )
        if not known_classes(task):
            continue
        shown = _shown(survey, name)
        train, val = shown.get("train", Counter()), shown.get("val", Counter())
        for split, counts in shown.items():
            if split != "train" and (
                new := [n for n in known_classes(task) if counts[n] and not train[n]]
            ):
                yield finding(
                    "class-not-in-train",
                    f"class of {split} that train does not show: it cannot be learnt",
                    new,
                    task=name,
                )
        if labelled.get("val"):
            only = [n for n in known_classes(task) if train[n] and not val[n]]
            if only:
                yield finding(
                    "class-not-in-val",
                    "class of train that val does not show: its metrics are undefined",
                    only,
                    task=name,
                )
        unseen = [n for n in known_classes(task) if not any(counts[n] for counts in shown.values())]
        if unseen:
            yield finding(
                "class-without-example",
                "class that no picture shows",
                unseen,
                task=name,
                mend=f"take it out of tasks.{name}, or correct its name",
            )


def _splits_of(survey: Survey, name: str) -> list[str]:
    """The splits that a task speaks of."""
    config = survey.config
    try:
        own = names_of(places(config.data, config.tasks[name])[1])
    except MtcliError:
        return []
    return [split for split in own if split in survey.splits]


def _labelled(survey: Survey, name: str) -> dict[str, int]:
    """How many pictures of each split have a label of the task."""
    return {
        split: sum(name in one.values or name in one.maps for one in seen)
        for split, seen in survey.splits.items()
    }


def _shown(survey: Survey, name: str) -> Mapping[str, Counter[str]]:
    """By split and class: how many pictures show it."""
    counts: dict[str, Counter[str]] = {}
    for split in _splits_of(survey, name):
        counts[split] = Counter()
        for seen in survey.splits[split]:
            there = contents(survey, seen, name)
            counts[split].update(n for n, count in (there or {}).items() if count)
    return counts
