"""mtcli init: find what lies in a folder, and write a config that trains it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mtcli.core.discovery.compose import Plan, compose, list_beside
from mtcli.core.discovery.detectives import DETECTIVES
from mtcli.core.discovery.listing import Listing
from mtcli.core.discovery.proposal import Proposal
from mtcli.core.discovery.sifting import Sifted, sift
from mtcli.core.discovery.sorts import class_remarks
from mtcli.core.discovery.trial import Trial, try_config
from mtcli.core.discovery.writing import config_text
from mtcli.core.discovery.written import Written
from mtcli.core.errors import DataError, MtcliError, UsageError, and_more
from mtcli.core.run import replace_text

SOUGHT = "class folders, COCO, VOC, YOLO, masks, maps, CSV, JSON lines"
"""Short enough for a line of a terminal; `mtcli init --help` says it at length."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found in a folder.

    Attributes:
        folder: as the user named it.
        listing: of it.
        sifted: what remains of all findings.
    """

    folder: Path
    listing: Listing
    sifted: Sifted


def discover(folder: Path, ignored: Sequence[str] = ()) -> Discovery:
    """Look for tasks and splits in a folder.

    Raises:
        DataError: nothing usable is there, or two formats contradict each other.
    """
    listing = Listing(folder.resolve(), ignored)
    findings = [finding for name in DETECTIVES.names() for finding in DETECTIVES.get(name)(listing)]
    try:
        sifted = sift(findings, listing.size_of)
        if not sifted.proposals:
            raise _nothing(folder, listing, sifted)
    except DataError as error:
        idle = "; ".join(unmatched(listing))
        error.mend = "; ".join(filter(None, (error.mend, idle))) or None
        raise
    return Discovery(folder, listing, sifted)


def unmatched(listing: Listing) -> list[str]:
    """A sentence for each `--ignore` that passed over nothing."""
    return [f"--ignore '{pattern}' matches nothing" for pattern in listing.unmatched]


def write(discovery: Discovery, proposals: Sequence[Proposal], output: Path) -> Written:
    """Write a config of some of the proposals, and the list of splits that it may need.

    A proposal that cannot be trained is left out where others can be.

    Raises:
        MtcliError: nothing that was found can be trained as it is.
        UsageError: a file would be written over.
        SaveError: it cannot be written; nothing half-written remains.
    """
    wanted, left_out = list(proposals), list[tuple[Proposal, MtcliError]]()
    while True:
        plan, failed = _composed(discovery, wanted, output)
        left_out += failed
        wanted = [p for p in wanted if not any(p is gone for gone, _ in failed)]
        lost = [f"{p.task} ({p.origin}): {_said(error)}" for p, error in left_out]
        plan = replace(plan, lost=(*plan.lost, *lost))
        text = config_text(plan, discovery.folder, output)
        beside = None if plan.listed is None else list_beside(output)
        refuse_existing(output)
        if beside is not None:
            refuse_existing(beside)
            replace_text(beside, plan.listed or "")
        with _removed_on_error(beside):
            trial = _tried(text, output)
            if len(trial.failing) == len(wanted):
                raise next(iter(trial.failing.values()))
            if not trial.failing:
                replace_text(output, text)
                return Written(
                    output,
                    beside,
                    plan,
                    tuple(wanted),
                    trial.counts,
                    tuple(left_out),
                    tuple(trial.faults),
                )
        if beside is not None:
            beside.unlink()
        left_out += [(p, trial.failing[p.task]) for p in wanted if p.task in trial.failing]
        wanted = [p for p in wanted if p.task not in trial.failing]


def notes(written: Written) -> list[str]:
    """What a person should know of a config besides what it says."""
    found = [
        f"{proposal.task} is left out ({proposal.origin}): {_said(error)}"
        for proposal, error in written.left_out
    ]
    for proposal in written.proposals:
        found += [f"{proposal.task}: {odd}" for odd in class_remarks(proposal.counts)]
    check = f"mtcli data check {written.config}"
    damaged = written.plan.settings.damaged
    if damaged:
        number = "a picture" if len(damaged) == 1 else f"{len(damaged)} pictures or more"
        found.append(f"{number} cannot be read ({and_more(damaged)}): {check} lists all")
    if written.faults:
        first = written.faults[0]
        place = "" if first.where is None else f" ({first.where})"
        number = "a fault" if len(written.faults) == 1 else f"{len(written.faults)} faults"
        which = "" if len(written.faults) == 1 else "the first: "
        found.append(f"{number} in the labels, {which}{_said(first)}{place}: {check} lists all")
    return found


def _said(error: MtcliError) -> str:
    return error.what if error.found is None else f"{error.what}, found {error.found}"


def _composed(
    discovery: Discovery, wanted: Sequence[Proposal], output: Path
) -> tuple[Plan, list[tuple[Proposal, MtcliError]]]:
    """A plan of the proposals; or of all but one, whose pictures are what stands in the way."""
    try:
        return compose(discovery.listing, discovery.sifted, wanted, output), []
    except MtcliError as error:
        for left in reversed(wanted) if len(wanted) > 1 else ():
            others = [proposal for proposal in wanted if proposal is not left]
            with contextlib.suppress(MtcliError):
                plan = compose(discovery.listing, discovery.sifted, others, output)
                return plan, [(left, error)]
        raise


def refuse_existing(path: Path) -> None:
    """Refuse to write over a file.

    Raises:
        UsageError: it is there.
    """
    if path.exists() or path.is_symlink():
        raise UsageError(
            "there is such a file, which is not written over",
            where=path,
            mend="name another with -o, or remove it",
        )


def _tried(text: str, output: Path) -> Trial:
    """Try a config; what is wrong with it can be passed over.

    Raises:
        MtcliError: it cannot be trained.
    """
    mend = "pass over what is broken: --ignore GLOB"
    try:
        trial = try_config(text, output)
    except DataError as error:
        raise DataError(error.what, **{**error.parts(), "mend": error.mend or mend}) from None
    for failure in trial.failing.values():
        failure.mend = failure.mend or mend
    return trial


@contextlib.contextmanager
def _removed_on_error(path: Path | None) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if path is not None:
            path.unlink(missing_ok=True)
        raise


def _nothing(folder: Path, listing: Listing, sifted: Sifted) -> DataError:
    grave = [doubt for doubt in sifted.doubts if doubt.grave]
    others = len(listing.files) - len(listing.pictures)
    found = f"{len(listing.pictures)} pictures and {others} other files"
    if not listing.pictures:
        return DataError("no picture in the folder", where=folder, expected=SOUGHT, found=found)
    if grave:
        first = grave[0]
        near = None if first.near is None else f"the nearest name is {first.near}"
        if first.near is not None and " " in first.near and first.near not in listing.pictures:
            near = first.near
        return DataError(
            f"nothing to learn from: {first.path} {first.text}",
            where=folder,
            found=f"{found}; {and_more([d.path for d in grave])} cannot be used",
            mend=near,
        )
    return DataError(
        "nothing to learn from in the folder", where=folder, expected=SOUGHT, found=found
    )
