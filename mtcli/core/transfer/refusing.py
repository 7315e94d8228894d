"""Plans that would come to nothing: no tensor fits, or a trunk of another architecture."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mtcli.core.architecture import prefix_of
from mtcli.core.blueprint import MAIN
from mtcli.core.errors import ConfigError
from mtcli.core.transfer.inheriting import same_trunk
from mtcli.core.transfer.origin import Origin
from mtcli.core.transfer.rows import NEW_TASK, Row
from mtcli.core.weights.naming import is_counter


def require_same_trunks(
    rows: Sequence[Row],
    wanted: Collection[str],
    parts: Mapping[str, str],
    origins: Sequence[Origin],
    trunks: Mapping[str, str],
) -> None:
    """See that each trunk is that of the origins which bring one of its name.

    Args:
        rows: of all tensors of our network.
        wanted: the tensors that were asked for.
        parts: for each module of a trunk by its key, the key of the trunk that it is (part) of.
        origins: where weights come from.
        trunks: what the network's trunks are called, by their keys, where known.

    Raises:
        ConfigError: one is another.
    """
    counted = [row for row in rows if not is_counter(row.tensor)]
    for part, key in parts.items():
        own = [row for row in counted if row.tensor.startswith(prefix_of(part))]
        for origin in origins:
            if any(name.startswith(prefix_of(part)) for name in origin.tensors):
                _require_same_trunk(part, key, own, wanted, origin, trunks.get(key))


def _require_same_trunk(
    part: str,
    key: str,
    rows: Sequence[Row],
    wanted: Collection[str],
    origin: Origin,
    ours: str | None,
) -> None:
    """See that a trunk, or a task's part of it, is the origin's, as far as it is asked for.

    Trunks of one family have tensors in common, which alone would teach another's nothing: of a
    file none may be missing where the whole trunk is asked for. A checkpoint says what its trunk
    is called, so that a few tensors of another shape may start fresh.
    """
    tried = [row for row in rows if row.tensor in wanted]
    missed = [r for r in tried if r.fate == "fresh" or r.tensor not in origin.tensors]
    whole = len(tried) == len(rows)
    named = _trunk_named(part, origin)
    known = whole and origin.model is not None and ours is not None and named is not None
    other = known and not same_trunk(ours, named)
    allowed = 0 if whole and origin.model is None else len(tried) / 2
    if not tried or not (other or len(missed) > allowed):
        return
    first = missed[0] if missed else tried[0]
    why = first.why if first.fate == "fresh" else "no such tensor"
    said = "model.trunk" if key == MAIN else f"model.trunks.{key}.trunk"
    raise ConfigError(
        "the origin's trunk is of another architecture",
        where=origin.source,
        expected=f"{first.tensor} {list(first.shape)}" if missed else ours,
        found=": ".join(filter(None, (named, why if missed else None))),
        mend=f"--set {said}={named or 'NAME'} builds the same here; "
        "--copy heads takes what fits without it",
    )


def require_some(
    rows: Sequence[Row],
    wanted: Collection[str],
    origins: Sequence[Origin],
    words: Sequence[str],
) -> None:
    """See that something is copied which is more than a counter.

    Args:
        rows: of all tensors.
        wanted: the tensors of our network that were asked for.
        origins: where weights come from.
        words: what was asked for, as the user says it.

    Raises:
        ConfigError: nothing is.
    """
    if any(row.fate in ("copied", "adapted") and not is_counter(row.tensor) for row in rows):
        return
    heads = [head for origin in origins for head in origin.heads]
    reason = next((row for row in rows if row.fate == "fresh" and row.tensor in wanted), None)
    raise ConfigError(
        "nothing of the origin can be copied",
        where=", ".join(origin.source for origin in origins),
        expected=f"tensors of {', '.join(words)}",
        found=f"{reason.tensor}: {reason.why}" if reason is not None else None,
        mend=f"it has the tasks {', '.join(heads)}; --map OLD=NEW gives one another name"
        if heads and reason is not None and reason.why == NEW_TASK
        else "is it of another architecture? a file does not say which trunk it is of: "
        "--set model.trunk=NAME does",
    )


def _trunk_named(part: str, origin: Origin) -> str | None:
    """What an origin calls a trunk of its own, where it says so."""
    if origin.model is None:
        return origin.trunk
    facts = origin.model.architecture
    first = next(name for name in origin.tensors if name.startswith(prefix_of(part)))
    plural, key, *_ = origin.named(first).split(".")
    side = facts.trunks.get(key) if plural == "trunks" else None
    return facts.trunk if side is None else side.trunk
