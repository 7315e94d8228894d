"""Labels of pictures that are nowhere: a name that is misspelt, or a folder too much."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator

from mtcli.core.data.faults import Unused
from mtcli.core.data.readers import stem
from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import every
from mtcli.core.inspection.finding import Finding, finding
from mtcli.core.inspection.survey import Survey

DIGITS = re.compile(r"\d+")

LOOKED_UP = 20
"""So many names are compared with those of pictures, which takes time."""


@CHECKS.add("strays")
def check(survey: Survey) -> Iterator[Finding]:
    """Labels of pictures that are on the disk, in no split, were left out on purpose."""
    keys = {seen.key for seen in every(survey)}
    for name, strays in survey.listing.strays.items():
        lost = [label for label in strays if not _is_there(label)]
        # Names that differ in case only are refused, and told as that.
        cases = {key.casefold() for key in keys} | {stem(key).casefold() for key in keys}
        lost = [label for label in lost if label.name.casefold() not in cases]
        if lost:
            unlabelled = {seen.key for seen in every(survey) if name not in seen.record.labels}
            yield finding(
                "labels-without-picture",
                "label of no picture",
                [
                    _place(label, unlabelled if n < LOOKED_UP else ())
                    for n, label in enumerate(lost)
                ],
                task=name,
                mend="correct the names, or take the labels out",
            )


def _is_there(label: Unused) -> bool:
    """Whether its picture is on the disk."""
    if label.folder is None:
        return False
    path = label.folder / label.name
    if not label.by_stem:
        return path.is_file()
    return path.parent.is_dir() and any(path.parent.glob(f"{_escaped(path.name)}.*"))


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _place(label: Unused, unlabelled: Collection[str]) -> str:
    # Other digits are another picture, not a slip.
    digits = DIGITS.findall(label.name)
    likely = [key for key in unlabelled if DIGITS.findall(key) == digits]
    near = difflib.get_close_matches(label.name, likely, n=1, cutoff=0.7)
    return f"{label.name} (there is {near[0]})" if near else label.name
