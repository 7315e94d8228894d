"""What a training mends in labels without asking: boxes without area, points outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import each_once
from mtcli.core.inspection.finding import EXAMPLES, Finding
from mtcli.core.inspection.survey import Survey


@CHECKS.add("remarks")
def check(survey: Survey) -> Iterator[Finding]:
    """Each sort of remark is a finding, named as it reads."""
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for seen in each_once(survey):
        if seen.look is None:
            continue
        for task, remarks in seen.remarks.items():
            for what in remarks:
                places[task, what].append(seen.key)
    for (task, what), keys in places.items():
        shown = tuple(dict.fromkeys(keys))[:EXAMPLES]
        yield Finding(what.replace(" ", "-"), False, what, task, shown, len(keys))
