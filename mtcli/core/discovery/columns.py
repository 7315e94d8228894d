"""What a column of a table holds: classes, numbers, splits, groups, or nothing to learn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mtcli.core.discovery.places import SPLIT_WORDS
from mtcli.core.discovery.words import CLASSED, COUNTED, GROUPS, NO_LABEL, speaks_of, tokens
from mtcli.core.errors import and_more

Role = Literal["classification", "multilabel", "regression", "flag", "split", "group", "nothing"]

FEW = 10
"""Whole numbers of at most so many values may be classes."""

STRAY = 0.05
"""The share of a column of numbers whose cells may be something else."""

YES_NO = frozenset(("0", "1", "0.0", "1.0", "true", "false", "yes", "no"))
SEPARATORS = ("|", ";", ",")
NOTHING = ("none", "nothing", "no finding", "no findings", "normal", "-", "[]")
"""Cells that say: somebody looked, and none applies."""

DATE = re.compile(r"^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|^\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|^\d{1,2}:\d{2}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a column holds, and why it is thought so.

    Attributes:
        role: what it holds.
        why: a few words with numbers.
        separator, nothing: of cells with several classes.
        other: the kind that it could be as well.
        lists: the classes of each picture, where they are several.
    """

    role: Role
    why: str
    separator: str | None = None
    nothing: str | None = None
    other: Role | None = None
    lists: Mapping[str, tuple[str, ...]] | None = None


def judge(name: str, cells: Mapping[str, str], pictures: int) -> Verdict:
    """Judge a column.

    Args:
        name: of the column.
        cells: by picture; those that are empty are left out.
        pictures: how many have a row.
    """
    counts = Counter(cells.values())
    number = len(counts)
    on = f"on {len(cells)} of {pictures} pictures"
    if not cells:
        return Verdict("nothing", "is empty")
    if _is_split(counts):
        return Verdict("split", f"{_shares(counts)} {on}")
    if number == 1:
        return Verdict("nothing", f"is always {next(iter(counts))}")
    if speaks_of(name, NO_LABEL) and not speaks_of(name, GROUPS):
        return Verdict("nothing", "says where a picture comes from, by its name")
    if sum(bool(DATE.match(cell)) for cell in counts) > 0.9 * number:
        return Verdict("nothing", "holds dates or times")
    if speaks_of(name, GROUPS) and number > 2 and not tokens(name) & {"age", "sex"}:
        return Verdict("group", f"{number} values {on}")
    if {cell.lower() for cell in counts} <= YES_NO:
        return Verdict("flag", f"{_shares(counts)} {on}")
    if all(map(is_number, counts)):
        return _numbers(name, cells, counts, on)
    broken = [cell for cell in cells.values() if not is_number(cell)]
    if len(broken) <= STRAY * len(cells) and number - len(set(broken)) > FEW:
        plain = {picture: cell for picture, cell in cells.items() if is_number(cell)}
        found = _numbers(name, plain, Counter(plain.values()), on)
        return replace(found, why=f"{found.why}; {and_more(sorted(set(broken)))} is no number")
    return _words(cells, counts, on)


def _numbers(name: str, cells: Mapping[str, str], counts: Counter[str], on: str) -> Verdict:
    values = sorted(map(float, counts))
    span = f"{values[0]:g} to {values[-1]:g}"
    whole = all(value.is_integer() for value in values)
    if not whole:
        return Verdict("regression", f"numbers from {span} {on}")
    dense = len(values) > 4 and values[-1] - values[0] < 2 * len(values)
    if dense and len(values) == len(cells) and not speaks_of(name, COUNTED):
        return Verdict("nothing", "counts the rows")
    few = len(values) <= FEW and len(cells) >= 4 * len(values)
    if few and speaks_of(name, CLASSED):
        return Verdict(
            "classification", f"{len(values)} whole numbers, {_shares(counts)}, {on}, by its name "
            "classes", other="regression",
        )  # fmt: skip
    if few and not speaks_of(name, COUNTED) and values[-1] - values[0] == len(values) - 1:
        if len(values) <= 5:
            return Verdict(
                "classification", f"whole numbers {span} {on}: few, and taken for classes",
                other="regression",
            )  # fmt: skip
        return Verdict(
            "regression", f"whole numbers {span} {on}: taken for amounts", other="classification"
        )
    other: Role | None = "classification" if few else None
    return Verdict("regression", f"whole numbers from {span} {on}", other=other)


def _words(cells: Mapping[str, str], counts: Counter[str], on: str) -> Verdict:
    several = _several(cells)
    if several is not None:
        return several
    number = len(counts)
    if any("/" in cell or "\\" in cell for cell in counts) and number > len(cells) / 2:
        return Verdict("nothing", "holds paths")
    if sum(len(cell.split()) for cell in counts) > 5 * number:
        return Verdict("nothing", "holds sentences")
    if number > 1000 or len(cells) < 2 * number:
        return Verdict("nothing", f"{number} words {on}: too many for classes")
    return Verdict("classification", f"{number} words, {_shares(counts)}, {on}")


def _several(cells: Mapping[str, str]) -> Verdict | None:
    """Several classes a cell, with something between them."""
    for separator in SEPARATORS:
        with_it = sum(separator in cell for cell in cells.values())
        if with_it < max(2, 0.02 * len(cells)):
            continue
        lists = {p: tuple(map(str.strip, cell.split(separator))) for p, cell in cells.items()}
        counts = Counter(word for words in lists.values() for word in words)
        if "" in counts or len(counts) > 500 or counts.total() < 2 * len(counts):
            continue
        alone = [w for w in counts if w.lower() in NOTHING and not _stands_with(w, lists)]
        nothing = alone[0] if len(alone) == 1 else None
        classes = {word: count for word, count in counts.items() if word != nothing}
        lists = {p: () if words == (nothing,) else words for p, words in lists.items()}
        said = f", {nothing} meaning none of them" if nothing else ""
        return Verdict(
            "multilabel",
            f"{len(classes)} words ({and_more(sorted(classes), 4)}) with {separator} between them "
            f"on {len(cells)} pictures{said}",
            separator,
            nothing,
            lists=lists,
        )
    return None


def _stands_with(word: str, lists: Mapping[str, Sequence[str]]) -> bool:
    return any(word in words and len(words) > 1 for words in lists.values())


def _is_split(counts: Counter[str]) -> bool:
    said = {SPLIT_WORDS.get(cell.lower()) for cell in counts}
    return "train" in said and None not in said and len(said) > 1


def is_number(cell: str) -> bool:
    """Whether a cell holds a number of any use."""
    try:
        return abs(float(cell)) < 1e15
    except ValueError:
        return False


def _shares(counts: Counter[str]) -> str:
    common = [f"{word} {count}" for word, count in counts.most_common(4)]
    more = len(counts) - len(common)
    return ", ".join(common) + (f" and {more} more" if more else "")
