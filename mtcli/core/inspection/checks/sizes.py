"""Label files that state another size than the picture has: it was resized, or turned."""

from __future__ import annotations

from collections.abc import Iterator

from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import each_once
from mtcli.core.inspection.finding import Finding, finding
from mtcli.core.inspection.survey import Survey


@CHECKS.add("sizes")
def check(survey: Survey) -> Iterator[Finding]:
    """Boxes in pixels of another picture lie wrong in this one."""
    for name in survey.config.tasks:
        places = []
        for seen in each_once(survey):
            label = seen.record.labels.get(name)
            if seen.look is None or label is None or label.size in (None, seen.look.size):
                continue
            assert label.size is not None
            stated, real = label.size, seen.look.size
            places.append(f"{seen.key}: {stated[0]} × {stated[1]}, not {real[0]} × {real[1]}")
        if places:
            yield finding(
                "stated-sizes",
                "label made for a picture of another size",
                places,
                task=name,
                mend="scale the labels with the pictures; a photo may have been turned since",
            )
