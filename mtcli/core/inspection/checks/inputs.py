"""The inputs beside pictures: those that cannot be read, are of another size, or not there."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from mtcli.core.configfusion import input_names
from mtcli.core.data.inputs import InputSource, input_size, place_of
from mtcli.core.errors import DataError
from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import each_once
from mtcli.core.inspection.finding import Finding, finding
from mtcli.core.inspection.survey import Seen, Survey


@CHECKS.add("inputs")
def check(survey: Survey) -> Iterator[Finding]:
    """Decode every input beside the pictures themselves, and compare its size with theirs."""
    config = survey.config
    several = [seen for seen in each_once(survey) if seen.record.inputs and seen.look is not None]
    beside = [(seen, name) for seen in several for name in [*seen.record.inputs][1:]]
    unreadable: dict[str, dict[str, DataError]] = defaultdict(dict)
    unlike: dict[str, list[str]] = defaultdict(list)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        sources = [seen.record.inputs[name] for seen, name in beside]
        for (seen, name), size in zip(beside, pool.map(_size, sources), strict=True):
            if isinstance(size, DataError):
                unreadable[name][str(place_of(seen.record.inputs[name]))] = size
            elif size != seen.record.size:
                wanted = f"{seen.record.size[0]} × {seen.record.size[1]}"
                unlike[name].append(f"{seen.key}: {size[0]} × {size[1]}, not {wanted}")
    skips = config.data.on_bad_image == "skip"
    for name, errors in unreadable.items():
        first = next(iter(errors.values()))
        yield finding(
            "unreadable-inputs",
            f"{name} that cannot be read: {first.found or first.what}",
            errors,
            breaks=not skips,
            mend="the pictures are taken without it, as data.on_bad_image: skip says"
            if skips
            else "replace the files, or take the pictures without: data.on_bad_image: skip",
        )
    for name, places in unlike.items():
        yield finding(
            "unlike-inputs",
            f"{name} of another size than its picture",
            places,
            breaks=True,
            mend="bring them to one size, pixel on pixel: labels hold for all of them",
        )
    for name in input_names(config.data, config.tasks):
        lacking = [seen.key for seen in several if _lacks(survey, seen, name)]
        if lacking:
            yield finding(
                "lacking-inputs",
                f"picture without {name}",
                lacking,
                mend="train.input_dropout prepares a network for more of them",
            )


def _size(source: InputSource) -> tuple[int, int] | DataError:
    try:
        return input_size(source, whole=True)
    except DataError as error:
        return error


def _lacks(survey: Survey, seen: Seen, name: str) -> bool:
    """Whether a picture has not what others named like its first input have."""
    first = next(iter(seen.record.inputs))
    data, tasks = survey.config.data, survey.config.tasks.values()
    beside = [inputs for task in tasks if first in (inputs := task.inputs or data.inputs or {})]
    return name not in seen.record.inputs and any(name in inputs for inputs in beside)
