"""mtcli data stats: what the data of a config is made of."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from mtcli.core.config import Config
from mtcli.core.errors import DataError
from mtcli.core.events import Noted, Verifying
from mtcli.core.inspection.survey import survey
from mtcli.core.picturefile import write_picture
from mtcli.core.statistics.collect import collect
from mtcli.core.statistics.figure import draw_statistics, save_figure
from mtcli.core.statistics.model import Statistics


def measure(config: Config) -> Generator[Verifying | Noted, None, Statistics]:
    """Look at all pictures and labels of a checked config, and count what they are.

    What cannot be read is left out, and noted; `mtcli data check` tells more of it.

    Raises:
        DataError: there is nothing to look at.
    """
    surveyed = yield from survey(config)
    if not surveyed.splits:
        problem = surveyed.problems[0]
        where = problem.pictures[0] if problem.pictures else None
        raise DataError(problem.what, where=where, mend=problem.mend)
    for problem in surveyed.problems:
        yield Noted(f"{problem.task}: {problem.what}" if problem.task else problem.what)
    if surveyed.faults:
        count = len(surveyed.faults)
        labels = "1 broken label" if count == 1 else f"{count} broken labels"
        yield Noted(f"{labels}; mtcli data check lists {'it' if count == 1 else 'them'}")
    found = collect(surveyed)
    unreadable = sum(found.unreadable.values())
    if unreadable:
        pictures, them = (
            ("1 picture", "it") if unreadable == 1 else (f"{unreadable} pictures", "them")
        )
        yield Noted(f"{pictures} cannot be read; mtcli data check lists {them}")
    return found


def draw(found: Statistics, path: Path, name: str) -> None:
    """Draw what was counted.

    Args:
        found: by `measure`.
        path: of the picture, checked by `check_picture_path`.
        name: of the data, for the heading.

    Raises:
        SaveError: the picture cannot be written.
    """
    pictures = ", ".join(f"{count} {split}" for split, count in found.pictures.items())
    figure = draw_statistics(found, f"{name} · {pictures} pictures")
    write_picture(path, lambda draft, form: save_figure(figure, draft, form))
