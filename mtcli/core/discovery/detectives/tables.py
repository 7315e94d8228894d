"""Tables with a row for each picture: CSV files and JSON lines."""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from mtcli.core.discovery.columns import Verdict, is_number, judge
from mtcli.core.discovery.detectives import DETECTIVES
from mtcli.core.discovery.listing import Listing, parent
from mtcli.core.discovery.places import (
    SPLIT_WORDS,
    SPLITS,
    split_of,
    split_order,
    without_split,
)
from mtcli.core.discovery.proposal import Doubt, Finding, Grouping, Proposal, SplitFound
from mtcli.core.discovery.tablefile import Table, read_table, together
from mtcli.core.discovery.words import task_name
from mtcli.core.errors import and_more

SEVERAL_NUMBERS = 4
"""Columns of numbers beyond which they are one task rather than one each."""


@DETECTIVES.add("tables")
def find(listing: Listing) -> Iterator[Finding]:
    """A task for each column that holds classes or numbers."""
    tables: dict[tuple[str, ...], list[Table]] = defaultdict(list)
    for name in listing.with_ending(".csv", ".jsonl", ".ndjson", ".tsv"):
        table = read_table(listing, name)
        if isinstance(table, Doubt):
            yield table
        elif table is not None:
            tables[without_split(name), table.key, *sorted(table.columns)].append(table)
    for own in tables.values():
        own.sort(key=lambda table: split_order(table.names[0]))
        joined = together(own)
        for table in own if joined is None else [joined]:
            yield from _of_table(listing, table)
        if joined is not None and len(own) > 1:
            yield from _splits(joined)


def _splits(table: Table) -> Iterator[SplitFound]:
    splits = [split_of(posixpath.basename(name)) or split_of(parent(name)) for name in table.names]
    members = {split: own for split, own in zip(splits, table.pictures, strict=True) if split}
    if len(members) == len(splits):
        counts = ", ".join(f"{split} {len(own)}" for split, own in members.items())
        yield SplitFound(members, None, None, f"{table.title} are of splits: {counts}", rank=41)


def _of_table(listing: Listing, table: Table) -> Iterator[Finding]:
    pictures = sum(map(len, table.pictures))
    verdicts: dict[str, Verdict] = {}
    for column, cells in table.columns.items():
        if column in table.lists:
            verdicts[column] = _judge_lists(cells, pictures)
        else:
            verdicts[column] = judge(column, cells, pictures)
    said = _repeated(table, verdicts)
    flags = [column for column, verdict in verdicts.items() if verdict.role == "flag"]
    numbers = [
        column
        for column, verdict in verdicts.items()
        if verdict.role == "regression" and verdict.other is None
    ]
    if len(flags) > 1:
        yield _of_flags(listing, table, flags)
    if len(numbers) > SEVERAL_NUMBERS:
        yield _of_numbers(listing, table, numbers)
    for column, verdict in verdicts.items():
        role = "classification" if verdict.role == "flag" else verdict.role
        where = f"{table.title}, column {column}"
        if column in said:
            yield Doubt(where, f"says the same as {said[column]}", grave=False)
        elif role == "split":
            yield _split(listing, table, column, verdict)
        elif role == "group" and table.format == "csv" and len(table.names) == 1:
            config = {"csv": listing.path(table.names[0]), "key": table.key, "column": column}
            why = (
                f"{where}: {verdict.why}; pictures of one are never divided among splits that "
                "are drawn, or folds"
            )
            base = "" if table.by_stem else table.located[0].base
            yield Grouping(config, base, table.columns[column], why)
        elif role in ("nothing", "group"):
            yield Doubt(where, verdict.why, grave=False)
        elif not (len(flags) > 1 and column in flags) and not (
            len(numbers) > SEVERAL_NUMBERS and column in numbers
        ):
            yield _task(listing, table, column, verdict)


def _judge_lists(cells: Mapping[str, str], pictures: int) -> Verdict:
    lists = {p: tuple(cell.split("\0")) if cell else () for p, cell in cells.items()}
    counts = Counter(word for words in lists.values() for word in words)
    if not counts or len(counts) > 500:
        return Verdict("nothing", "holds lists of nothing that comes again")
    some = and_more(sorted(counts), 4)
    why = f"lists of {len(counts)} words ({some}) on {len(cells)} of {pictures} pictures"
    return Verdict("multilabel", why, lists=lists)


def _task(listing: Listing, table: Table, column: str, verdict: Verdict) -> Proposal:
    """The task of one column; and, where that is open, the same as the other kind."""
    cells = table.columns[column]
    role = "classification" if verdict.role == "flag" else verdict.role
    more: dict[str, Any] = {}
    if verdict.separator is not None:
        more["separator"] = verdict.separator
    if verdict.nothing is not None:
        more["nothing"] = verdict.nothing
    words = dict(cells)
    counts = Counter(cells.values())
    classes: tuple[str, ...] = tuple(sorted(set(cells.values())))
    if verdict.lists is not None:
        counts = Counter(word for own in verdict.lists.values() for word in own)
        words = {p: own[0] if own else "none" for p, own in verdict.lists.items()}
        classes = tuple(sorted({word for own in verdict.lists.values() for word in own}))

    def proposal(kind: str, other: Proposal | None) -> Proposal:
        open_ = f"{kind} or {other.kind}? Change the kind if you know better" if other else ""
        return Proposal(
            task=task_name(column, "label"),
            kind=kind,
            sources=table.labels(listing, column, **more),
            pictures=frozenset(cells),
            origin=f"{table.title}, {column}",
            why=f"{table.title}, column {column}: {verdict.why}",
            remark=open_,
            classes=() if kind == "regression" else classes,
            counts={} if kind == "regression" else counts,
            words=words,
            other=other,
            rank={"classification": 0, "multilabel": 5}.get(kind, 45),
        )

    return proposal(role, proposal(verdict.other, None) if verdict.other is not None else None)


def _of_flags(listing: Listing, table: Table, columns: list[str]) -> Proposal:
    pictures = {picture for column in columns for picture in table.columns[column]}
    yes = {"1", "1.0", "true", "yes"}
    applying: dict[str, list[str]] = {
        p: [c for c in columns if table.columns[c].get(p, "").lower() in yes] for p in pictures
    }
    counts = Counter(name for names in applying.values() for name in names)
    single = all(len(names) == 1 for names in applying.values())
    return Proposal(
        task="attributes",
        kind="multilabel",
        sources=table.labels(listing, columns),
        pictures=frozenset(pictures),
        origin=f"{table.title}, {len(columns)} columns",
        why=f"{table.title}: {len(columns)} columns of 0 and 1 ({and_more(columns, 4)}) on "
        f"{len(pictures)} pictures" + ("; exactly one is 1 in each row" if single else ""),
        classes=tuple(columns),
        words={p: names[0] if names else "none" for p, names in applying.items()},
        counts=counts,
        rank=5,
    )


def _of_numbers(listing: Listing, table: Table, columns: list[str]) -> Proposal:
    pictures = {picture for column in columns for picture in table.columns[column]}
    return Proposal(
        task="numbers",
        kind="regression",
        sources=table.labels(listing, columns),
        pictures=frozenset(pictures),
        origin=f"{table.title}, {len(columns)} columns",
        why=f"{table.title}: {len(columns)} columns of numbers ({and_more(columns, 4)}) on "
        f"{len(pictures)} pictures, learnt together",
        options={"names": columns},
        classes=tuple(columns),
        rank=46,
    )


def _split(listing: Listing, table: Table, column: str, verdict: Verdict) -> SplitFound:
    members: dict[str, set[str]] = defaultdict(set)
    for picture, cell in table.columns[column].items():
        members[SPLIT_WORDS[cell.lower()]].add(picture)
    own = set(table.columns[column].values()) <= set(members)
    found = {"csv": listing.path(table.names[0]), "key": table.key, "column": column}
    native = own and table.format == "csv" and len(table.names) == 1 and not table.by_stem
    return SplitFound(
        {split: frozenset(members[split]) for split in SPLITS if split in members},
        found if native else None,
        table.located[0].base,
        f"{table.title}, column {column}: {verdict.why}",
        rank=10,
    )


def _repeated(table: Table, verdicts: Mapping[str, Verdict]) -> dict[str, str]:
    """Columns that say by number what another says by word, or twice the same."""
    labels = {
        column: table.columns[column]
        for column, verdict in verdicts.items()
        if verdict.role in ("classification", "regression") and column not in table.lists
    }
    said: dict[str, str] = {}
    # Words first: their numbers say less.
    order = sorted(labels, key=lambda column: all(map(is_number, labels[column].values())))
    for place, column in enumerate(order):
        for earlier in order[:place]:
            one, other = labels[earlier], labels[column]
            pairs = {(one[p], other[p]) for p in one if p in other}
            alike = len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
            if earlier not in said and one.keys() == other.keys() and alike and len(pairs) <= 100:
                said.setdefault(column, earlier)
    return said
