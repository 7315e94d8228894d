"""What a config ties: that the paths can be one, and the layers that tasks of a group share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mtcli.core.blueprint import OF_STREAMS
from mtcli.core.config import TaskConfig
from mtcli.core.configlayers import SharedLayer
from mtcli.core.configmodel import ModelConfig
from mtcli.core.configtasks import Error
from mtcli.core.configtrunks import trunk_key
from mtcli.core.errors import did_you_mean

if TYPE_CHECKING:
    from mtcli.core.task import AnyTask

HIDDEN = "hidden"
"""What the layer that a group shares is called: an option of the kinds that have it, which is its
width, and a module of their heads."""


def ties_of(model: ModelConfig, tasks: Mapping[str, TaskConfig]) -> tuple[tuple[str, ...], ...]:
    """What is one in the network: of `model.tie` and of each group, as paths; none in two."""
    groups = [[f"heads.{task}.{HIDDEN}" for task in own] for own in _groups(tasks).values()]
    return joined([*model.tie, *(paths for paths in groups if len(paths) > 1)])


def joined(ties: Iterable[Iterable[str]]) -> tuple[tuple[str, ...], ...]:
    """Ties that have a path in common as one, in the order in which they were said."""
    found: list[dict[str, None]] = []
    for tie in ties:
        new = dict.fromkeys(tie)
        touched = [old for old in found if not old.keys().isdisjoint(new)]
        found = [old for old in found if old not in touched]
        merged: dict[str, None] = {}
        for part in (*touched, new):
            merged |= part
        found.append(merged)
    return tuple(tuple(tie) for tie in found)


def with_shared_layer(
    kind: type[AnyTask],
    said: Mapping[str, Any],
    shared: SharedLayer | None,
    key: str,
    error: Error,
) -> Mapping[str, Any]:
    """The options of a task whose head has the layer of its group.

    Args:
        kind: of the task.
        said: its options, as they were read.
        shared: its `shared_fc`.
        key: of the task.
        error: makes an error of a key.

    Raises:
        ConfigError: heads of this kind have no such layer, or it has another width.
    """
    if shared is None:
        return said
    if HIDDEN not in kind.Options.model_fields:
        raise error(
            f"{key}.shared_fc",
            f"a {kind.kind} has no fully connected layer behind pooled maps to share",
            expected=f"a task of kind {', '.join(_kinds_with_it())}",
            mend="model.tie makes parts one that have the same shapes",
        )
    if said.get("head") == "native":
        raise error(
            f"{key}.shared_fc",
            "head: native is the trunk's own classifier, and has no layer to share",
            mend="head: pooled",
        )
    if said.get(HIDDEN) not in (None, shared.width):
        raise error(
            f"{key}.{HIDDEN}",
            "another width than shared_fc says",
            expected=str(shared.width),
            found=repr(said[HIDDEN]),
            mend="leave it out",
        )
    return {**said, HIDDEN: shared.width}


def check_ties(
    model: ModelConfig, tasks: Mapping[str, TaskConfig], entries: Mapping[str, Any], error: Error
) -> ModelConfig:
    """The section `model` with the ties of the chosen tasks.

    Whether the network has the paths, and of one shape, is seen when it is built.

    Args:
        model: as it was said.
        tasks: those that are chosen.
        entries: all tasks of the config, as they were read.
        error: makes an error of a key.

    Raises:
        ConfigError: a tie is none, names no task, or lies inside another; or the tasks of a group
            do not agree on the width of their layer.
    """
    _check_widths(tasks, error)
    others = {name: entry for name, entry in entries.items() if name not in tasks}
    absent = _absent(model, tasks, others)
    kept, passed_over = [], []
    for number, tie in enumerate(model.tie):
        key = f"model.tie.{number}" if len(model.tie) > 1 else "model.tie"
        _check_tie(tie, key, entries, error)
        here = tuple(path for path in tie if _owner(path) not in absent)
        kept += [here] if len(here) > 1 else []
        passed_over += [path for path in tie if path not in here]
    inside = _inside(ties_of(model.model_copy(update={"tie": tuple(kept)}), tasks))
    if inside is not None:
        raise error(
            "model.tie",
            f"{inside[0]} is inside {inside[1]}, which is tied as a whole",
            mend="leave one of the two out",
        )
    return model.with_ties(tuple(kept), tuple(passed_over))


def loose_ends(model: ModelConfig, tasks: Mapping[str, TaskConfig]) -> list[str]:
    """What was to be tied, and has nothing to be tied to in this run."""
    notes = [f"model.tie: {path} is passed over: not of this run" for path in model.passed_over]
    return notes + [
        f"tasks.{own[0]}.shared_fc: no other task of this run is in the group {group}"
        for group, own in _groups(tasks).items()
        if len(own) == 1
    ]


def _groups(tasks: Mapping[str, TaskConfig]) -> dict[str, list[str]]:
    """The tasks of each group that shares a layer."""
    found: dict[str, list[str]] = {}
    for name, task in tasks.items():
        if task.shared_fc is not None:
            found.setdefault(task.shared_fc.group, []).append(name)
    return found


def _check_widths(tasks: Mapping[str, TaskConfig], error: Error) -> None:
    said: dict[str, tuple[str, int]] = {}
    for name, task in tasks.items():
        if task.shared_fc is None:
            continue
        group, width = task.shared_fc.group, task.shared_fc.width
        other, wanted = said.setdefault(group, (name, width))
        if width != wanted:
            raise error(
                f"tasks.{name}.shared_fc.width",
                f"the layer of the group {group} has one width",
                expected=f"{wanted}, as tasks.{other} says",
                found=str(width),
            )


def _check_tie(tie: tuple[str, ...], key: str, entries: Mapping[str, Any], error: Error) -> None:
    if len(tie) < 2:
        raise error(
            key,
            "a tie is of two parts or more",
            expected="paths such as [heads.a.hidden, heads.b.hidden]",
            found=", ".join(tie) or "nothing",
        )
    for path in tie:
        if tie.count(path) > 1:
            raise error(key, f"{path} stands twice")
        part, owner = _owner(path)
        if part == "heads" and owner and owner not in entries:
            mend = did_you_mean(owner, map(str, entries), "heads.")
            raise error(key, f"no such task: {owner}", found=path, mend=mend)


def _owner(path: str) -> tuple[str, str]:
    """A path's part of the network, and whose it is: `heads` and the name of a task."""
    part, _, rest = path.partition(".")
    return part, rest.partition(".")[0]


def _absent(
    model: ModelConfig, tasks: Mapping[str, TaskConfig], others: Mapping[str, Any]
) -> set[tuple[str, str]]:
    """The owners of what the chosen tasks have not, but the config knows."""
    keys = {str(name) for name in others} | {*model.trunks}
    trunks = [entry.get("trunk") for entry in others.values() if isinstance(entry, dict)]
    keys |= {trunk_key(trunk) for trunk in trunks if isinstance(trunk, str)}
    keys -= {*tasks} | {trunk_key(task.trunk) for task in tasks.values() if task.trunk is not None}
    heads = {("heads", str(name)) for name in others}
    return heads | {(part, key) for part in OF_STREAMS for key in keys}


def _inside(ties: Collection[tuple[str, ...]]) -> tuple[str, str] | None:
    """A path that leads into what another means, and that one."""
    paths = [path for tie in ties for path in tie]
    pairs = ((one, other) for one in paths for other in paths)
    return next(((one, other) for one, other in pairs if one.startswith(f"{other}.")), None)


def _kinds_with_it() -> list[str]:
    from mtcli.core.tasks import KINDS

    return [name for name in KINDS.names() if HIDDEN in KINDS.get(name).Options.model_fields]
