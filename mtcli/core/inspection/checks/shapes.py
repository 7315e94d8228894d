"""Pictures that the working size distorts, or makes up."""

from __future__ import annotations

from collections.abc import Iterator

from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import each_once
from mtcli.core.inspection.finding import Finding, finding
from mtcli.core.inspection.survey import Survey

ENLARGED = 4.0
"""A picture that is made larger by more has little to show at the working size."""

DISTORTED = 2.0
"""A stretched picture whose sides change against each other by more looks like another thing."""


@CHECKS.add("shapes")
def check(survey: Survey) -> Iterator[Finding]:
    """Compare each picture's size with the network's."""
    data = survey.config.data
    height, width = data.size
    small, stretched = [], []
    for seen in each_once(survey):
        if seen.look is None:
            continue
        down, across = height / seen.look.size[0], width / seen.look.size[1]
        if min(down, across) > ENLARGED:
            small.append(seen.key)
        if data.resize == "stretch" and max(down / across, across / down) > DISTORTED:
            stretched.append(seen.key)
    if small:
        yield finding(
            "small-pictures",
            f"picture that is enlarged more than {ENLARGED:g} times to {height} × {width}",
            small,
            mend="a smaller data.size loses nothing and is faster",
        )
    if stretched:
        yield finding(
            "stretched-pictures",
            f"picture whose sides change against each other more than {DISTORTED:g} times",
            stretched,
            mend="data.resize: letterbox keeps shapes; or a data.size of the pictures' shape",
        )
