"""What a config takes over from an origin: what its network is built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mtcli.core.architecture import prefix_of
from mtcli.core.checkpoint import Model
from mtcli.core.network import MAIN
from mtcli.core.parts import means
from mtcli.core.published import Published


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What an origin's network is built from, in the words of a config.

    Attributes:
        model: keys of `model`, but for its `trunks`.
        trunks: of `model.trunks`, by key.
        uses: the trunk of each task that does not use the main one.
        main: whether a task uses that: only then the origin has its weights.
        detection: the options that a detection's head is built from.
    """

    model: Mapping[str, Any]
    trunks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    uses: Mapping[str, str] = field(default_factory=dict)
    main: bool = True
    detection: Mapping[str, Any] = field(default_factory=dict)


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
    trunks, uses = facts.pop("trunks"), facts.pop("uses")
    here = {names.get(name, name): key for name, key in uses.items()}
    return Inheritance(facts, trunks, here, any(name not in uses for name in origin.tasks))


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
    model: Mapping[str, Any], origin: Inheritance, named: bool, parts: Sequence[str]
) -> dict[str, Any]:
    """The section `model` of a config whose network is built as the origin's.

    A trunk that is copied whole starts from nothing else; any other keeps its `weights`.

    Args:
        model: the config's section.
        origin: what it takes over.
        named: whether the user named the config: what it says then counts, else the origin's.
        parts: the words for what is copied.
    """
    merged = _trunk(model, origin.model, named, origin.main and _whole(MAIN, parts))
    said = model.get("trunks")
    if said is not None and not isinstance(said, dict):
        return merged  # which is refused where the config is checked
    trunks = dict(said or {})
    for key, facts in origin.trunks.items():
        own = trunks.get(key)
        if own is None or isinstance(own, dict):
            trunks[key] = _trunk(own or {}, facts, named, _whole(key, parts))
    return {**merged, "trunks": trunks} if trunks else merged


def task_entries(tasks: Mapping[str, Any], origin: Inheritance) -> dict[str, Any]:
    """The section `tasks` of a config whose network is built as the origin's.

    What an entry says stays: a detection that says another head, or how deep it is, is none of
    the origin's.
    """
    return {
        name: _entry(entry, origin, origin.uses.get(name)) if isinstance(entry, dict) else entry
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


def _entry(entry: Mapping[str, Any], origin: Inheritance, trunk: str | None) -> dict[str, Any]:
    facts: dict[str, Any] = {} if trunk is None else {"trunk": trunk}
    built = origin.detection
    alike = all(entry.get(key, built.get(key)) == built.get(key) for key in ("head", "layout"))
    if entry.get("kind") == "detection" and alike and entry.get("depth") is None:
        facts |= built
    return {**facts, **entry}


def _whole(key: str, parts: Sequence[str]) -> bool:
    """Whether the words for what is copied mean all of a trunk."""
    return any(means(word, prefix_of(key)) for word in parts)


def _plain(trunk: Any) -> str:
    """A name without its tag; `module:Class` has dots of its own."""
    name = str(trunk)
    return name if ":" in name else name.partition(".")[0]
