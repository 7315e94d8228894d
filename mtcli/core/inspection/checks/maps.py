"""Maps that teach nothing: nothing in them is marked, or nothing was measured."""

from __future__ import annotations

from collections.abc import Iterator

from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import BACKGROUND, each_once
from mtcli.core.inspection.finding import Finding, finding
from mtcli.core.inspection.look import ClassMapLook, NumberMapLook
from mtcli.core.inspection.survey import Survey

RARE = 0.1
"""What more pictures show is how the data is, and no slip."""

RARE_BACKGROUND = 0.01
"""The same of background alone, which also says that a picture shows no object."""


@CHECKS.add("maps")
def check(survey: Survey) -> Iterator[Finding]:
    """A map of background alone is suspicious only where nearly all others show something."""
    for name in survey.tasks:
        empty: list[str] = []
        single: list[str] = []
        bare: list[str] = []
        count = 0
        for seen in each_once(survey):
            shown = seen.maps.get(name)
            if isinstance(shown, ClassMapLook):
                classes = [n for n, pixels in shown.pixels.items() if pixels]
                if not classes:
                    empty.append(seen.key)
                elif len(classes) == 1:
                    (bare if classes[0].casefold() == BACKGROUND else single).append(seen.key)
            elif isinstance(shown, NumberMapLook):
                if not shown.measured:
                    empty.append(seen.key)
                elif shown.least == shown.most:
                    single.append(seen.key)
            else:
                continue
            count += 1
        if empty:
            yield finding("empty-maps", "map in which no pixel is labelled", empty, task=name)
        single = single if len(single) <= RARE * count else []
        single += bare if len(bare) <= RARE_BACKGROUND * count else []
        if single:
            yield finding(
                "blank-maps",
                "map of one value alone, where others have several",
                single,
                task=name,
            )
