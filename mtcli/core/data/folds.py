"""Folds of a cross-validation: which picture is held out in which."""

from __future__ import annotations

import csv
import io
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence

from mtcli.core.errors import UsageError, and_more

COLUMNS = ("image", "fold", "stratum", "group")


def assign_folds(
    pictures: Sequence[str],
    count: int,
    seed: int,
    words: Mapping[str, str],
    groups: Mapping[str, str],
) -> dict[str, int]:
    """The fold of each picture, from 1, by scikit-learn's splitters.

    Args:
        pictures: by name.
        count: of folds.
        seed: of the draw.
        words: what every fold has its share of, for some of the pictures; empty: nothing is asked.
        groups: for some of the pictures, those that stay together.

    Raises:
        UsageError: scikit-learn is not there; or there are fewer pictures, groups, or pictures of
            a class, than folds.
    """
    try:
        from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold
    except ImportError:
        raise UsageError(
            "--folds needs scikit-learn", mend="pip install 'multitask-cli[folds]'"
        ) from None
    order = sorted(pictures)
    units = [groups.get(name, f"\0{name}") for name in order]
    _refuse_too_many(count, units, words, grouped=bool(groups))
    # Not GroupKFold for groups alone: shuffled, it balances their number and not their pictures.
    chosen = StratifiedGroupKFold if groups else StratifiedKFold if words else KFold
    splitter = chosen(count, shuffle=True, random_state=seed)
    folds: dict[str, int] = {}
    with warnings.catch_warnings():
        # It warns of unlabelled pictures, which are no class, when they are fewer than folds.
        warnings.simplefilter("ignore", UserWarning)
        parts = splitter.split(order, [words.get(name, "") for name in order], units)
        for number, (_, held_out) in enumerate(parts, start=1):
            folds |= {order[place]: number for place in held_out}
    return {name: folds[name] for name in order}


def _refuse_too_many(
    count: int, units: Sequence[str], words: Mapping[str, str], grouped: bool
) -> None:
    if count > len(set(units)):
        what = "groups" if grouped else "pictures"
        raise UsageError(
            f"--folds {count}: more folds than {what}", found=f"{len(set(units))} {what}"
        )
    few = {word: number for word, number in Counter(words.values()).items() if number < count}
    if few:
        names = [f"{word} ({few[word]})" for word in sorted(few)]
        raise UsageError(
            f"--folds {count}: more folds than pictures of a class",
            found=and_more(names),
            mend=f"--folds {min(few.values())}, or without --stratify"
            if min(few.values()) > 1
            else "without --stratify, or by another task",
        )


def folds_text(
    folds: Mapping[str, int], words: Mapping[str, str], groups: Mapping[str, str]
) -> str:
    """The CSV file of a cross-validation: a picture a line, with its fold and why."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, fold in folds.items():
        writer.writerow((name, fold, words.get(name, ""), groups.get(name, "")))
    return out.getvalue()
