"""What a config takes over from an origin: what its network is built from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mtcli.core.architecture import prefix_of
from mtcli.core.blueprint import MAIN, OF_STREAMS
from mtcli.core.configlayers import Ties
from mtcli.core.configties import HIDDEN, joined
from mtcli.core.description import Model
from mtcli.core.parts import means
from mtcli.core.published import Published


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What an origin's network is built from, in the words of a config.

    Attributes:
        model: keys of `model`, but for its `trunks` and `tie`.
        trunks: of `model.trunks`, by key.
        uses: the trunk of each task that does not use the main one.
        main: whether a task uses that: only then the origin has its weights.
        detection: the options that a detection's head is built from.
        tasks: the kind and options of each task, by its name here.
        ties: of `model.tie`, those of layers that groups share among them.
    """

    model: Mapping[str, Any]
    trunks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    uses: Mapping[str, str] = field(default_factory=dict)
    main: bool = True
    detection: Mapping[str, Any] = field(default_factory=dict)
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ties: tuple[tuple[str, ...], ...] = ()


def inherited(origin: Model | Published | str, names: Mapping[str, str]) -> Inheritance:
    """What can be taken over of a network.

    Args:
        origin: the network, or its trunk's name, where nothing else is known.
        names: of its tasks that are called otherwise here, by their old names.
    """
    if isinstance(origin, str):
        return Inheritance({"trunk": origin})
    if isinstance(origin, Published):
        model = {
            "trunk": origin.trunk,
            "pyramid": origin.pyramid,
            "pyramid_norm": origin.pyramid_norm,
            "pyramid_top": origin.pyramid_top,
        }
        detection = {"head": origin.head, "layout": origin.layout, "levels": list(origin.levels)}
        return Inheritance(model, detection=detection)
    facts = asdict(origin.architecture)
    trunks, uses, ties = facts.pop("trunks"), facts.pop("uses"), facts.pop("ties")
    facts.pop("inputs")  # which pictures there are is for the config to say
    return Inheritance(
        facts,
        trunks,
        uses={names.get(name, name): key for name, key in uses.items()},
        main=any(name not in uses for name in origin.tasks),
        tasks={
            names.get(name, name): {"kind": task.kind, **task.options.model_dump(mode="json")}
            for name, task in origin.tasks.items()
        },
        ties=tuple(tuple(_renamed(path, names, trunks) for path in tie) for tie in ties),
    )


def same_trunk(one: Any, other: Any) -> bool:
    """Whether two names mean one network: a tag behind a name only says whose weights it has."""
    return _plain(one) == _plain(other)


def is_adopted(model: Mapping[str, Any], origin: Inheritance, named: bool) -> bool:
    """Whether a config's network is built as the origin's.

    Args:
        model: the config's section.
        origin: what it may take over.
        named: whether the user named the config, whose trunk then counts.
    """
    trunk = model.get("trunk")
    return not named or trunk is None or same_trunk(trunk, origin.model["trunk"])


def model_section(
    model: Mapping[str, Any],
    origin: Inheritance,
    named: bool,
    parts: Sequence[str],
    beside: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The section `model` of a config whose network is built as the origin's.

    A trunk that is copied whole starts from nothing else; any other keeps its `weights`.

    Args:
        model: the config's section.
        origin: what it takes over.
        named: whether the user named the config: what it says then counts, else the origin's.
        parts: the words for what is copied.
        beside: the other sections of the config: its tasks have the ties that are taken over, and
            its inputs are what a fusion is for.
    """
    beside = beside or {}
    facts = dict(origin.model)
    if not facts.get("fusion") or not _has_inputs(beside):
        facts.pop("fusion", None)
    merged = _trunk(model, facts, named, origin.main and _whole(MAIN, parts))
    ties = _ties(model, origin, named, beside.get("tasks") or {})
    if ties or "tie" in model:
        merged["tie"] = ties
    said = model.get("trunks")
    if said is not None and not isinstance(said, dict):
        return merged  # which is refused where the config is checked
    trunks = dict(said or {})
    for key, side in origin.trunks.items():
        own = trunks.get(key)
        if own is None or isinstance(own, dict):
            trunks[key] = _trunk(own or {}, side, named, _whole(key, parts))
    return {**merged, "trunks": trunks} if trunks else merged


def task_entries(tasks: Mapping[str, Any], origin: Inheritance) -> dict[str, Any]:
    """The section `tasks` of a config whose network is built as the origin's.

    What an entry says stays: a detection that says another head, or how deep it is, is none of
    the origin's.
    """
    return {
        name: _entry(name, entry, origin) if isinstance(entry, dict) else entry
        for name, entry in tasks.items()
    }


def _trunk(
    said: Mapping[str, Any], facts: Mapping[str, Any], named: bool, copied: bool
) -> dict[str, Any]:
    """What is said of a trunk and what the origin's is built from, as one."""
    same = said.get("trunk") is None or same_trunk(said["trunk"], facts["trunk"])
    if named and not same:
        return dict(said)
    merged = {**facts, **said} if named else {**said, **facts}
    merged["trunk"] = said.get("trunk") or facts["trunk"] if named else facts["trunk"]
    if copied or not same:
        merged["weights"] = None
    return merged


def _entry(name: str, entry: Mapping[str, Any], origin: Inheritance) -> dict[str, Any]:
    trunk, was = origin.uses.get(name), origin.tasks.get(name, {})
    facts: dict[str, Any] = {} if trunk is None else {"trunk": trunk}
    built = origin.detection
    alike = all(entry.get(key, built.get(key)) == built.get(key) for key in ("head", "layout"))
    if entry.get("kind") == "detection" and alike and entry.get("depth") is None:
        facts |= built
    if was.get(HIDDEN) and "shared_fc" not in entry and _is_built_as(entry, was):
        facts[HIDDEN] = was[HIDDEN]
    return {**facts, **entry}


def _ties(
    said: Mapping[str, Any], origin: Inheritance, named: bool, tasks: Mapping[str, Any]
) -> Any:
    """What is tied: as a config that was named says, else that and what was tied in the origin."""
    try:
        own = TypeAdapter(Ties).validate_python(said.get("tie") or ())
    except ValidationError:
        return said["tie"]  # which is refused where the config is checked
    if named and "tie" in said:
        return said["tie"]
    alike = said.get("sharing") in (None, origin.model.get("sharing")) or not named
    kept = [[path for path in tie if _is_here(path, origin, tasks, alike)] for tie in origin.ties]
    return [list(tie) for tie in joined([*own, *(tie for tie in kept if len(tie) > 1)])]


def _is_here(path: str, origin: Inheritance, tasks: Mapping[str, Any], alike: bool) -> bool:
    """Whether the network of a config has a path of the origin's, and does not tie it itself.

    Args:
        path: by the names of tasks here.
        origin: that has it.
        tasks: the config's.
        alike: whether its tasks share trunks as the origin's do.
    """
    part, owner, *inner = [*path.split("."), ""]
    if part in OF_STREAMS:
        return owner in origin.trunks or (alike and (owner in tasks or owner not in origin.tasks))
    if part != "heads":
        return True
    entry = tasks.get(owner)
    if not isinstance(entry, dict) or not _is_built_as(entry, origin.tasks.get(owner, {})):
        return False
    return inner[0] != HIDDEN or "shared_fc" not in entry


def _is_built_as(entry: Mapping[str, Any], was: Mapping[str, Any]) -> bool:
    """Whether nothing that an entry says makes another head than the origin's task has."""
    keys = ("kind", "head", "layout", "depth", HIDDEN)
    return all(entry[key] == was.get(key) for key in keys if key in entry)


def _renamed(path: str, names: Mapping[str, str], trunks: Collection[str]) -> str:
    """A path with the name that its task has here."""
    part, owner, *inner = [*path.split(".", 2), ""]
    if part == "heads" or (part in OF_STREAMS and owner not in trunks):
        return ".".join(filter(None, (part, names.get(owner, owner), *inner)))
    return path


def _has_inputs(sections: Mapping[str, Any]) -> bool:
    """Whether a config as read knows several inputs of a picture."""
    tasks = sections.get("tasks")
    entries = [*tasks.values()] if isinstance(tasks, dict) else []
    return any(isinstance(e, dict) and e.get("inputs") for e in [sections.get("data"), *entries])


def _whole(key: str, parts: Sequence[str]) -> bool:
    """Whether the words for what is copied mean all of a trunk."""
    return any(means(word, prefix_of(key)) for word in parts)


def _plain(trunk: Any) -> str:
    """A name without its tag; `module:Class` has dots of its own."""
    name = str(trunk)
    return name if ":" in name else name.partition(".")[0]
