"""From what was found, or what of it is wanted, to a whole config with its reasons."""

from __future__ import annotations

import csv
import io
import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtcli.core.discovery.listing import Listing
from mtcli.core.discovery.places import without_split
from mtcli.core.discovery.proposal import Proposal, Source
from mtcli.core.discovery.settings import Settings, settings_for
from mtcli.core.discovery.sifting import Sifted
from mtcli.core.discovery.splitting import Own, Splitting, split_up


@dataclass(frozen=True, slots=True)
class Task:
    """One entry of `tasks`, and why it is there."""

    name: str
    entry: Mapping[str, Any]
    why: str
    remark: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A config to be written.

    Attributes:
        images, splits, group: of `data`.
        listed: the text of a list of splits that is written beside the config; None: there is none.
        splitting: where the splits come from.
        settings: the rest.
        tasks: in their order.
        lost: what lies there, and could not be used.
        pictures: how many there are in all.
    """

    images: str
    splits: Mapping[str, Any]
    group: Mapping[str, Any] | None
    listed: str | None
    splitting: Splitting
    settings: Settings
    tasks: tuple[Task, ...]
    pictures: int
    lost: tuple[str, ...]


def compose(listing: Listing, sifted: Sifted, proposals: Sequence[Proposal], output: Path) -> Plan:
    """The config of some of the proposals.

    Args:
        listing: of the folder.
        sifted: all that was found.
        proposals: those that are wanted.
        output: the config's file, which paths become relative to.

    Raises:
        DataError: the pictures are too few to be split, or cannot be read.
    """
    unread = any(doubt.splits for doubt in sifted.doubts)
    splitting = split_up(listing, proposals, sifted.splits, sifted.groups, unread)
    paths = Paths(listing.root, output.resolve().parent)
    splits: Mapping[str, Any]
    listed = None
    if splitting.config is not None:
        splits = paths.plain(splitting.config)
    else:
        listed = _list_of(splitting)
        splits = {"csv": list_beside(output).name, "key": "image", "column": "split"}
    used = sorted({picture for proposal in proposals for picture in proposal.pictures})
    return Plan(
        images=paths.text(listing.path(splitting.images)),
        splits=splits,
        group=None if splitting.group is None else paths.plain(splitting.group.config),
        listed=listed,
        splitting=splitting,
        settings=settings_for(listing, used, splitting.training, proposals),
        tasks=tuple(_task(proposal, splitting, paths) for proposal in proposals),
        pictures=len(listing.inputs),
        lost=tuple(str(doubt) for doubt in sifted.doubts if doubt.grave),
    )


def list_beside(output: Path) -> Path:
    """The file for a list of splits."""
    return output.with_name(f"{output.stem}.splits.csv")


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths as a config in some folder writes them: relative where they lie below it."""

    root: Path
    home: Path

    def text(self, path: Path) -> str:
        """One path."""
        absolute = Path(os.path.normpath(path))
        if absolute.is_relative_to(self.home):
            return absolute.relative_to(self.home).as_posix()
        return absolute.as_posix()

    def plain(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """A mapping with paths as text."""
        return {k: self.text(v) if isinstance(v, Path) else v for k, v in value.items()}


def _task(proposal: Proposal, splitting: Splitting, paths: Paths) -> Task:
    own = splitting.own.get(proposal.task)
    images = splitting.images if own is None else own.images
    entry: dict[str, Any] = {"kind": proposal.kind}
    if own is not None:
        entry["images"] = paths.text(paths.root / own.images)
        entry["splits"] = paths.plain(own.splits)
    labels = [_labels(source, images, paths) for source in proposal.sources]
    folded = _folded(labels, proposal.sources, splitting, own)
    entry["labels"] = folded if folded is not None else labels if len(labels) > 1 else labels[0]
    return Task(proposal.task, {**entry, **proposal.options}, proposal.why, proposal.remark)


def _labels(source: Source, images: str, paths: Paths) -> dict[str, Any]:
    labels = paths.plain(source.labels)
    if source.base is not None and source.base != images:
        labels["names_from"] = paths.text(paths.root / source.base)
    return labels


def _folded(
    labels: Sequence[Mapping[str, Any]],
    sources: Sequence[Source],
    splitting: Splitting,
    own: Own | None,
) -> dict[str, Any] | None:
    """Sources that differ in the name of their split alone, as one with `{split}`.

    Only where the splits are called as the files are, and each has one: a split without a file
    could not be measured.
    """
    names = splitting.members if own is None else own.members
    if not names or len(labels) != len(names) or len(labels) < 2:
        return None
    first = next((one for one in labels), {})
    together = {k: without_split(v) if isinstance(v, str) else v for k, v in first.items()}
    for split in names:
        filled = {
            k: v.replace("{split}", split) if isinstance(v, str) else v for k, v in together.items()
        }
        if filled not in labels:
            return None
        others = [s.pictures for s, one in zip(sources, labels, strict=True) if one != filled]
        if any(names[split] & pictures for pictures in others):
            return None
    return together


def _list_of(splitting: Splitting) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["image", "split"])
    for split, pictures in splitting.members.items():
        for picture in sorted(pictures):
            writer.writerow([posixpath.relpath(picture, splitting.images), split])
    return out.getvalue()
