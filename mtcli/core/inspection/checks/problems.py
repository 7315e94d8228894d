"""What kept files, splits or tasks from being looked at."""

from __future__ import annotations

from collections.abc import Sequence

from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.finding import Finding
from mtcli.core.inspection.survey import Survey


@CHECKS.add("problems")
def check(survey: Survey) -> Sequence[Finding]:
    """As the survey tells them."""
    return survey.problems
