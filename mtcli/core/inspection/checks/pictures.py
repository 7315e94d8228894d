"""Pictures that are missing, cannot be read, or show nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from mtcli.core.data.arrays import ArrayRow
from mtcli.core.data.scan import near_picture
from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import each_once
from mtcli.core.inspection.finding import Finding, finding
from mtcli.core.inspection.listing import TRAINED
from mtcli.core.inspection.survey import Seen, Survey

SKIP = "data.on_bad_image: skip"


@CHECKS.add("pictures")
def check(survey: Survey) -> Iterator[Finding]:
    """Pictures without a label are never opened by a training, and break nothing."""
    missing: dict[bool, list[Seen]] = defaultdict(list)
    broken: dict[bool, list[Seen]] = defaultdict(list)
    trained = {
        seen.record.image
        for split in TRAINED
        for seen in survey.splits.get(split, ())
        if seen.record.labels
    }
    data = survey.config.data
    skips = data.on_bad_image == "skip" and data.verify == "full"
    for seen in each_once(survey):
        image = seen.record.image
        if seen.error is None:
            continue
        if not isinstance(image, ArrayRow) and not image.is_file():
            missing[image in trained].append(seen)
        else:
            broken[image in trained and not skips].append(seen)
    for breaks, those in missing.items():
        image = those[0].record.image
        near = None if isinstance(image, ArrayRow) else near_picture(image)
        yield finding(
            "missing-pictures",
            "no such picture",
            (seen.key for seen in those),
            breaks=breaks,
            mend=near or "correct data.images, or the list of the split",
        )
    for breaks, those in broken.items():
        error = those[0].error
        assert error is not None
        yield finding(
            "unreadable-pictures",
            f"picture that cannot be read: {error.found or error.what}",
            (seen.key for seen in those),
            breaks=breaks,
            mend=f"they are left out, as {SKIP} says; replace the files to have them"
            if skips
            else f"replace the files, or leave them out: {SKIP}",
        )
    blank = [seen.key for seen in each_once(survey) if seen.look is not None and seen.look.blank]
    if blank:
        yield finding("blank-pictures", "picture of one colour, which shows nothing", blank)
