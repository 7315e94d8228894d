"""Splits by fractions: which picture is drawn into which, and the file that remembers it."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from mtcli.core.config import DataConfig
from mtcli.core.configsplits import DrawnSplits
from mtcli.core.data.groups import groups_of
from mtcli.core.data.readers.csv import read_columns
from mtcli.core.data.strata import strata
from mtcli.core.errors import DataError
from mtcli.core.labels import Label

COLUMNS = ("image", "split")


def drawn_splits(
    data: DataConfig, pictures: Collection[str], labels: Mapping[str, Label]
) -> dict[str, str]:
    """The split of each picture, by its name.

    Args:
        data: whose `splits` are drawn, or were.
        pictures: all that there are.
        labels: of the task that `stratify` names.

    Raises:
        MtcliError: groups or strata cannot be found, or the file of what was drawn is broken.
    """
    splits = data.splits
    assert isinstance(splits, DrawnSplits)
    if splits.made is not None:
        return {name: split for _, (name, split) in read_columns(splits.made, COLUMNS)}
    if splits.stratify is not None and not labels:
        raise DataError(
            f"data.splits.stratify: no picture has a label of {splits.stratify}",
            mend="compare the names in its label file with those of the pictures",
        )
    by = data.stratify_by
    words = strata(labels, by.kind, "data.splits.stratify") if by is not None else {}
    groups = groups_of(data.group, pictures)
    return draw(pictures, splits.fractions, splits.seed, words, groups)


def draw(
    pictures: Collection[str],
    fractions: Mapping[str, float],
    seed: int,
    words: Mapping[str, str],
    groups: Mapping[str, str],
) -> dict[str, str]:
    """Divide pictures among splits, so that each word is divided as the fractions say.

    The pictures of a word come in an order that follows from the seed and their names (groups
    first by their size). The first goes to the largest split, so that a rare class can be learnt;
    each other to the split that lacks the most, of the word and in all.

    Args:
        pictures: by name.
        fractions: by split, together 1.
        seed: of the order.
        words: what is to be divided alike, for some of the pictures.
        groups: for some of the pictures, those that stay together.
    """
    units: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in pictures:
        units[("group", groups[name]) if name in groups else ("picture", name)].append(name)
    by_word: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for unit, names in units.items():
        by_word[_most_common([words.get(name, "") for name in names])].append(unit)
    given: Counter[str] = Counter()
    result: dict[str, str] = {}
    for word in sorted(by_word):
        order = sorted(by_word[word], key=lambda unit: (-len(units[unit]), _lot(seed, unit)))
        result |= _divide([units[unit] for unit in order], fractions, given)
    return {name: result[name] for name in pictures}


def _divide(
    units: Sequence[Sequence[str]], fractions: Mapping[str, float], given: Counter[str]
) -> dict[str, str]:
    """Each unit in turn to the split that lacks most; `given` counts what splits have in all."""
    result: dict[str, str] = {}
    own: Counter[str] = Counter()
    for unit in units:
        seen, everything = own.total() + len(unit), given.total() + len(unit)

        def lack(split: str, seen: int = seen, everything: int = everything) -> float:
            share = fractions[split]
            # What strata have had too much or too little of by rounding is made good by others;
            # but the first of a stratum goes where most of it belongs.
            overall = share * everything - given[split] if own else 0.0
            return round(share * seen - own[split] + overall, 9)

        split = max(fractions, key=lack)
        own[split] += len(unit)
        given[split] += len(unit)
        result |= dict.fromkeys(unit, split)
    return result


def _most_common(words: Sequence[str]) -> str:
    counts = Counter(filter(None, words)) or Counter(words)
    return min(counts, key=lambda word: (-counts[word], word))


def _lot(seed: int, unit: tuple[str, str]) -> str:
    """A number for a unit that no other machine, order or Python version changes."""
    return hashlib.sha256("\0".join([str(seed), *unit]).encode()).hexdigest()


def drawn_text(drawn: Mapping[str, str]) -> str:
    """The CSV file of what was drawn: a picture a line, with its split."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(drawn.items())
    return out.getvalue()
