"""What came of a look at a folder: the files that were written, and what was left out of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mtcli.core.discovery.compose import Plan
from mtcli.core.discovery.proposal import Proposal
from mtcli.core.errors import MtcliError


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it.

    Attributes:
        config: the file.
        listed: the list of splits beside it, where one was needed.
        plan: what they say.
        proposals: the tasks.
        counts: pictures of each split; of those that are drawn too.
        left_out: proposals that cannot be trained, each with the reason.
        faults: of single items in label files.
    """

    config: Path
    listed: Path | None
    plan: Plan
    proposals: tuple[Proposal, ...]
    counts: dict[str, int]
    left_out: tuple[tuple[Proposal, MtcliError], ...]
    faults: tuple[MtcliError, ...]
