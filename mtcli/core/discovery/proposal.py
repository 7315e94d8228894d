"""What a detective can say of a folder: a task, splits, groups, or what it could not use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mtcli.core.discovery.boxes import Objects


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of a task's `labels`.

    Attributes:
        labels: as the config has it; a path is a `Path` below the folder's root.
        base: the folder, below the root, that the names in it are relative to; None: the format
            knows by itself.
        pictures: those that it labels.
    """

    labels: Mapping[str, Any]
    base: str | None
    pictures: frozenset[str]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A task that the pictures could be used for.

    Attributes:
        task: the name it would have.
        kind: of task.
        sources: where its labels are.
        pictures: those with a label, below the root.
        origin: the file or folder, as a person would name it.
        why: one sentence with numbers.
        options: of the kind, such as `classes`.
        remark: what a person should look at, beside the options; empty: nothing.
        classes: their names, or those of the points, where known.
        words: one word for each picture, by which splits can be drawn alike.
        counts: how often each class stands in the labels, where classes are counted.
        objects: the boxes of each picture, to compare formats that say the same.
        files: the label files, below the root.
        wanted: whether it is taken where nobody is asked; else only a person can tell.
        other: the same labels as another kind, where that is open.
        rank: those with a lower one come first.
    """

    task: str
    kind: str
    sources: tuple[Source, ...]
    pictures: frozenset[str]
    origin: str
    why: str
    options: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""
    classes: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    objects: Objects | None = None
    files: tuple[str, ...] = ()
    wanted: bool = True
    other: Proposal | None = None
    rank: int = 50


@dataclass(frozen=True, slots=True)
class SplitFound:
    """Which pictures somebody has put into which split.

    Attributes:
        members: for each of train, val, test that there is, its pictures, below the root.
        config: `data.splits` as the config can say it, a path being a `Path`; None: it cannot,
            and a list has to be written.
        base: what `data.images` must be for that; None: any folder.
        why: one sentence with numbers.
        rank: those with a lower one come first.
    """

    members: Mapping[str, frozenset[str]]
    config: Mapping[str, Any] | None
    base: str | None
    why: str
    rank: int = 50


@dataclass(frozen=True, slots=True)
class Grouping:
    """Pictures that belong together, as a column of a table says.

    Attributes:
        config: `data.group`.
        base: what `data.images` must be for that; empty: the config cannot say it.
        groups: by picture.
        why: one sentence with numbers.
    """

    config: Mapping[str, Any]
    base: str
    groups: Mapping[str, str]
    why: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that looks like labels and cannot be used as it is.

    Attributes:
        path: below the root.
        text: why not.
        near: names that are nearly those that were looked for.
        grave: whether a person would have expected it to be used.
        splits: whether it would have said which picture is in which split.
    """

    path: str
    text: str
    near: str | None = None
    grave: bool = True
    splits: bool = False

    def __str__(self) -> str:
        return f"{self.path} {self.text}" + (f" ({self.near})" if self.near else "")


Finding = Proposal | SplitFound | Grouping | Doubt
