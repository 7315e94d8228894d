"""Labels that cannot be read, or that their task cannot understand."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.finding import EXAMPLES, Fault, Finding
from mtcli.core.inspection.survey import Survey

NUMBER = re.compile(r"\d+(\.\d+)?")


@CHECKS.add("labels")
def check(survey: Survey) -> Iterator[Finding]:
    """Faults that differ in their numbers only are one finding."""
    sorts: dict[tuple[str, str, bool], list[Fault]] = defaultdict(list)
    for fault in survey.faults:
        what = fault.error.what.removeprefix(f"tasks.{fault.task}: ")
        sorts[fault.task, NUMBER.sub("#", what), fault.breaks].append(fault)
    for (task, _, breaks), faults in sorts.items():
        first = faults[0].error
        found = "" if first.found is None else f"; found {first.found}"
        yield Finding(
            name="broken-labels",
            breaks=breaks,
            what=f"{first.what.removeprefix(f'tasks.{task}: ')}{found}",
            task=task,
            pictures=tuple(str(fault.error.where) for fault in faults[:EXAMPLES]),
            count=len(faults),
            mend=first.mend or (first.expected and f"expected {first.expected}"),
        )
