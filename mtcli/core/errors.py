"""Every error that a user can cause, each with its exit code.

MtcliError
├── UsageError        2  a wrong option or argument
├── ConfigError       2  a config that cannot be read, or says what cannot be
├── DataError         2  pictures or labels that are missing or broken
├── CheckpointError   2  a checkpoint or run that is missing, damaged or foreign
└── WorkError         1  the work itself failed
    ├── NonFiniteError   1  a loss or gradient became NaN or infinite
    └── SaveError        1  a result could not be written
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class MtcliError(Exception):
    """One message with its parts: what happened, where, what was expected or found, how to mend it.

    `exit_code` is what the process returns when the error reaches the command line.
    """

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        expected: str | None = None,
        found: str | None = None,
        mend: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = None if where is None else str(where)
        self.expected = expected
        self.found = found
        self.mend = mend

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with all parts, since an error may be born in a loader process."""
        return _rebuild, (type(self), self.what, self.parts())

    def parts(self) -> dict[str, str | None]:
        """What follows the headline, in the order in which it is read."""
        return {
            "where": self.where,
            "expected": self.expected,
            "found": self.found,
            "mend": self.mend,
        }


def _rebuild(kind: type[MtcliError], what: str, parts: dict[str, str | None]) -> MtcliError:
    return kind(what, **parts)


class UsageError(MtcliError):
    """A wrong option or argument."""


class ConfigError(MtcliError):
    """A config that cannot be read, or that asks for something impossible."""


class DataError(MtcliError):
    """Pictures or labels that are missing or broken."""


class CheckpointError(MtcliError):
    """A checkpoint or run that is missing, damaged, or not one of ours."""


class WorkError(MtcliError):
    """The work was possible and failed."""

    exit_code = 1


class NonFiniteError(WorkError):
    """A loss or a gradient became NaN or infinite."""


class SaveError(WorkError):
    """A result could not be written; what was there before is untouched."""


def and_more(names: Sequence[str], shown: int = 3) -> str:
    """The first names, and how many follow: `a, b, c and 4 more`."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def did_you_mean(word: str, known: Iterable[str], prefix: str = "") -> str | None:
    """A mend line for a near miss: `did you mean train.epochs?`, or what there is, or None.

    `prefix` stands before the name in the answer; it says nothing of how near a miss is.
    """
    choices = sorted(known)
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if near:
        return f"did you mean {prefix}{near[0]}?"
    if 0 < len(choices) <= 12:
        return f"there is: {', '.join(choices)}"
    return None
