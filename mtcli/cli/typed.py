"""Errors of config keys that options set, in the words that were typed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mtcli.core.errors import MtcliError

OPTIONS = {
    "train.epochs": "--epochs",
    "train.freeze": "--freeze",
    "train.unfreeze": "--unfreeze",
    "train.lr_decay": "--lr-decay",
    "train.cache_features": "--cache-features",
    "train.distill": "--distill",
}
"""The keys that have options of their own."""

CONFIGS = (".yaml", ".yml")


@contextmanager
def as_typed(train: Mapping[str, Any], sets: Sequence[str] = ()) -> Iterator[None]:
    """Let errors of keys that options set name the options instead, and no config file.

    Args:
        train: what options say of the config's `train`, by key.
        sets: `--set` texts, which hold above options.

    Raises:
        MtcliError: as it came, or in the words of the options.
    """
    try:
        yield
    except MtcliError as error:
        typed = _typed(train, [text.partition("=")[0].strip() for text in sets])
        said = _reworded(error, typed, train)
        if said is None:
            raise
        raise said.with_traceback(error.__traceback__) from None


def _typed(train: Mapping[str, Any], changed: Sequence[str]) -> dict[str, str]:
    """By key what was typed for it, but for keys that are changed again, above or below."""
    typed = {}
    for key, value in train.items():
        dotted = f"train.{key}"
        typed[dotted] = f"{OPTIONS[dotted]} {_text(value)}".rstrip()
        if isinstance(value, dict):
            for part, inner in value.items():
                typed[f"{dotted}.{part}"] = f"{OPTIONS[dotted]} {part}@{inner}"
    return {
        key: text
        for key, text in typed.items()
        if not any(
            f"{key}.".startswith(f"{other}.") or other.startswith(f"{key}.") for other in changed
        )
    }


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{part}@{inner}" for part, inner in value.items())
    if isinstance(value, list):
        return ",".join(value)
    return "" if value is True else str(value).removesuffix(".0")


def _reworded(
    error: MtcliError, typed: Mapping[str, str], train: Mapping[str, Any]
) -> MtcliError | None:
    """The error of what an option says, None for any other."""
    head, _, what = error.what.partition(": ")
    keys = [key for key in typed if f"{head}.".startswith(f"{key}.")]
    if not keys:
        return None
    key = max(keys, key=len)
    parts = error.parts()
    if Path(parts["where"] or "").suffix in CONFIGS:
        parts["where"] = None  # it does not stand there
    if parts["found"] == repr(train.get(key.removeprefix("train."))):
        parts["found"] = None
    given = {name: option for name, option in OPTIONS.items() if name in typed}
    for part, text in parts.items():
        # A mend may name what was not typed, and could be.
        for name, option in (OPTIONS if part == "mend" else given).items():
            text = text and re.sub(rf"{re.escape(name)}\b", option, text)
        parts[part] = text
    return type(error)(f"{typed[key]}: {what}", **parts)
