"""What looking over the data of a config came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mtcli.core.inspection.finding import Finding


def merged(findings: Sequence[Finding], tasks: Sequence[str]) -> list[Finding]:
    """Findings in the order in which they are read, those that break a training first.

    One row of a table may be several tasks': what they all find there is one finding, of all.

    Args:
        findings: of all checks.
        tasks: in the config's order.
    """
    alike: dict[Finding, list[str]] = {}
    for one in findings:
        own = alike.setdefault(replace(one, task=None), [])
        if one.task is not None and one.task not in own:
            own.append(one.task)
    found = [replace(one, task=", ".join(own) or None) for one, own in alike.items()]
    first = {
        one: tasks.index(own[0]) if own else -1
        for one, own in zip(found, alike.values(), strict=True)
    }
    return sorted(found, key=lambda one: (not one.breaks, first[one], one.name))


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, those that break a training first.

    Attributes:
        findings: see there.
        pictures: how many each split has.
        tasks: how many were looked at.
        seconds: that it took.
    """

    findings: Sequence[Finding]
    pictures: Mapping[str, int]
    tasks: int
    seconds: float

    @property
    def breaks(self) -> bool:
        """Whether a training would be refused, or fail."""
        return any(finding.breaks for finding in self.findings)

    def strict(self) -> Report:
        """The same, where every warning counts as breaking."""
        return replace(self, findings=[replace(one, breaks=True) for one in self.findings])

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "pictures": dict(self.pictures),
            "findings": [
                {
                    "name": finding.name,
                    "breaks": finding.breaks,
                    "task": finding.task,
                    "what": finding.what,
                    "count": finding.count,
                    "pictures": list(finding.pictures),
                    "mend": finding.mend,
                }
                for finding in self.findings
            ],
            "seconds": self.seconds,
        }
