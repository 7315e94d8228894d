"""What a check of the data found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mtcli.core.errors import MtcliError

EXAMPLES = 5
"""How many places a finding names."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sort of fault, however often it is there.

    Attributes:
        name: a short word for the sort, `near-duplicates`.
        breaks: whether a training with this config would be refused, or fail later.
        what: one line for a person.
        task: whose labels it is about; None: no task's in particular.
        pictures: the first pictures or places that show it.
        count: how often it is there.
        mend: what a person can do about it, where that is known.
    """

    name: str
    breaks: bool
    what: str
    task: str | None = None
    pictures: tuple[str, ...] = ()
    count: int = 1
    mend: str | None = None


def finding(
    name: str,
    what: str,
    places: Iterable[str] = (),
    *,
    breaks: bool = False,
    task: str | None = None,
    mend: str | None = None,
) -> Finding:
    """A finding that is there once for each of its places."""
    listed = list(places)
    return Finding(name, breaks, what, task, tuple(listed[:EXAMPLES]), max(1, len(listed)), mend)


def of_error(
    name: str, error: MtcliError, *, breaks: bool = True, task: str | None = None
) -> Finding:
    """A finding from what an error says."""
    what = error.what if error.found is None else f"{error.what}; found {error.found}"
    if task is not None:
        what = what.removeprefix(f"tasks.{task}: ")
    places = () if error.where is None else (error.where,)
    return Finding(name, breaks, what, task, places, 1, error.mend)


@dataclass(frozen=True, slots=True)
class Fault:
    """A label, or a file of them, that cannot be read, or that its task cannot understand.

    Attributes:
        task: whose labels they are.
        error: what is wrong.
        breaks: whether a training would come upon it.
    """

    task: str
    error: MtcliError
    breaks: bool
