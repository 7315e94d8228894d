"""mtcli init: find what lies in a folder, and write a config that trains it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from mtcli.core.configcheck import check_config
from mtcli.core.data.gather import load_records
from mtcli.core.data.prepare import prepare_tasks
from mtcli.core.data.records import require_labels
from mtcli.core.data.splits import check_files, names_of
from mtcli.core.discovery.compose import Plan, compose, list_beside
from mtcli.core.discovery.detectives import DETECTIVES
from mtcli.core.discovery.listing import Listing
from mtcli.core.discovery.proposal import Proposal
from mtcli.core.discovery.sifting import Sifted, sift
from mtcli.core.discovery.writing import config_text
from mtcli.core.errors import DataError, UsageError, and_more
from mtcli.core.labels import Deferred
from mtcli.core.run import replace_text

SOUGHT = (
    "class folders, COCO, VOC or YOLO boxes, masks, depth maps, CSV files or JSON lines with the "
    "pictures' names, or classes in file names"
)


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


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it.

    Attributes:
        config: the file.
        listed: the list of splits beside it, where one was needed.
        plan: what they say.
        counts: pictures of each split; of those that are drawn too.
    """

    config: Path
    listed: Path | None
    plan: Plan
    counts: dict[str, int]


def discover(folder: Path, ignored: Sequence[str] = ()) -> Discovery:
    """Look for tasks and splits in a folder.

    Raises:
        DataError: nothing usable is there, or two formats contradict each other.
    """
    listing = Listing(folder.resolve(), ignored)
    findings = [finding for name in DETECTIVES.names() for finding in DETECTIVES.get(name)(listing)]
    sifted = sift(findings)
    if not sifted.proposals:
        raise _nothing(folder, listing, sifted)
    return Discovery(folder, listing, sifted)


def write(discovery: Discovery, proposals: Sequence[Proposal], output: Path) -> Written:
    """Write a config of some of the proposals, and the list of splits that it may need.

    Raises:
        DataError: what was found cannot be trained as it is.
        UsageError: a file would be written over.
        SaveError: it cannot be written; nothing half-written remains.
    """
    plan = compose(discovery.listing, discovery.sifted, proposals, output)
    text = config_text(plan, discovery.folder, output)
    beside = None if plan.listed is None else list_beside(output)
    refuse_existing(output)
    if beside is not None:
        refuse_existing(beside)
        replace_text(beside, plan.listed or "")
    with _removed_on_error(beside):
        counts = _checked(text, output)
        replace_text(output, text)
    return Written(output, beside, plan, counts)


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


def _checked(text: str, output: Path) -> dict[str, int]:
    """See that a training would understand what the config names; pictures of each split.

    Raises:
        DataError, ConfigError: it would not.
    """
    config = check_config(yaml.safe_load(text), base=output.resolve().parent, source=output)
    try:
        check_files(config)
        assert config.data.splits is not None
        records = {
            split: load_records(config.data, config.tasks, split)
            for split in names_of(config.data.splits)
        }
        for name in config.tasks:
            require_labels(records["train"], name)
        if not any(record.labels for record in records["val"]):
            raise DataError("no picture of the validation split has a label")
        # Labels in files of their own are read by the look before a training.
        light = {
            name: task
            for name, task in config.tasks.items()
            if not any(
                isinstance(record.labels[name].value, Deferred)
                for record in records["train"]
                if name in record.labels
            )
        }
        prepare_tasks(records["train"], light)
    except DataError as error:
        mend = error.mend or "or pass over what is broken: --ignore PATTERN"
        raise DataError(error.what, **{**error.parts(), "mend": mend}) from None
    return {split: sum(bool(record.labels) for record in own) for split, own in records.items()}


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
