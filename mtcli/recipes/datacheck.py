"""mtcli data check: everything that can be wrong with the data of a config, all at once."""

from __future__ import annotations

import time
from collections.abc import Generator

from mtcli.core.config import Config
from mtcli.core.events import Verifying
from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.report import Report, merged
from mtcli.core.inspection.survey import survey


def check_data(config: Config) -> Generator[Verifying, None, Report]:
    """Look at every picture and label once, and ask every check what it thinks of them.

    Nothing is raised for what is wrong with the data.
    """
    began = time.monotonic()
    surveyed = yield from survey(config)
    found = [finding for name in CHECKS.names() for finding in CHECKS.get(name)(surveyed)]
    found = merged(found, list(config.tasks))
    return Report(
        findings=found,
        pictures={split: len(seen) for split, seen in surveyed.splits.items()},
        tasks=len(config.tasks),
        seconds=time.monotonic() - began,
    )
