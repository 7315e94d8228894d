"""The config of a transfer: from the user's, the origin's, and what the options ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtcli.core.architecture import uses_of
from mtcli.core.blueprint import MAIN
from mtcli.core.config import Config
from mtcli.core.configcheck import check_config
from mtcli.core.configfile import find_config, import_plugins_of, refuse_plugins
from mtcli.core.description import Model
from mtcli.core.errors import ConfigError, UsageError, did_you_mean
from mtcli.core.transfer.build import WHOLE
from mtcli.core.transfer.inheriting import inherited, is_adopted, model_section, task_entries
from mtcli.core.transfer.places import moved, places_of
from mtcli.core.transfer.sources import Source, Told, find_source, told_by
from mtcli.core.yamlfile import apply_set, read_yaml


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options of a transfer say.

    Attributes:
        origins: runs, checkpoints or files, by the task whose head each brings, or `all`.
        config: the config that was named, if one was.
        tasks: those to keep, where they were named.
        added: the task that a trained network is to learn beside its own.
        transfer: the other keys of the config's `transfer`.
        train: keys of the config's `train`, by name.
        sets: `dotted.key=value`, last of all.
        allow_plugins: whether code that an origin names may be imported.
    """

    origins: Mapping[str, str]
    config: Path | None
    tasks: Sequence[str] | None
    added: str | None
    transfer: Mapping[str, Any]
    train: Mapping[str, Any]
    sets: Sequence[str]
    allow_plugins: bool = False


@dataclass(frozen=True, slots=True)
class Configured:
    """A transfer's config, the file it mostly comes from, and the tasks that were there before."""

    config: Config
    path: Path
    known: tuple[str, ...]


_START = {"freeze": [], "unfreeze": {}, "cache_features": False, "distill": 0.0}
"""What the training of an origin may have said, and what does not hold for the next."""


def configure(asked: Asked) -> Configured:
    """Find data and tasks, take the architecture of the origin where nothing else is said.

    Data and tasks are those of the config that was named, else of the one that `find_config`
    finds, else the origin's own. The trunk is the origin's, unless a config that was named, or a
    `--set`, names one.

    Raises:
        MtcliError: an origin or config cannot be read, or they do not go together.
    """
    sources = {key: find_source(origin) for key, origin in asked.origins.items()}
    own = [source.config for source in sources.values() if source.config is not None]
    path = _config(asked, own)
    named, earlier = asked.config is not None, path.resolve() in own
    # An origin may be of a kind that only the plug-ins of the user's config know.
    import_plugins_of(path, named or not earlier or asked.allow_plugins)
    first, *_ = [told_by(source, asked.allow_plugins) for source in sources.values()]
    document = _document(path)
    forks = named and "branch_at" in _section(document, "model")
    known: tuple[str, ...] = ()
    only = list(asked.tasks) if asked.tasks is not None else None
    if asked.added is not None:
        known, wanted = _beside(document, asked, first, next(iter(sources.values())))
        only = [*known, asked.added]
        document = _with_tasks(document, path, wanted, asked.allow_plugins)
    elif len(sources) > 1 and earlier:
        wanted = _merged(document, asked, sources)
        document = _with_tasks(document, path, wanted, asked.allow_plugins)
    _require_tasks(document, asked)
    if not named and only is None:
        only = [key for key in sources if key != WHOLE] or None
    if first is not None:
        origin = inherited(first, asked.transfer.get("map", {}))
        model = _section(document, "model")
        if is_adopted(model, origin, named):
            parts = asked.transfer.get("parts", (WHOLE,))
            document["model"] = model_section(model, origin, named, parts, document)
            document["tasks"] = task_entries(_section(document, "tasks"), origin)
    start = _START if earlier and not named else {}
    document["train"] = {**_section(document, "train"), **start, **asked.train}
    document["transfer"] = {
        **asked.transfer,
        "origin": {key: source.place for key, source in sources.items()},
        "named": [*(asked.tasks or ()), *([asked.added] if asked.added else ())],
        "keep": [*known],
    }
    said = dict(apply_set(document, text) for text in asked.sets)
    if not forks and "model.branch_at" not in said:
        _forget_fork(document)
    if first is None:
        _require_trunk(document, next(iter(asked.origins.values())), path)
    base = path.resolve().parent
    config = check_config(document, base=base, source=path, only=only, sets=said)
    if asked.added is not None and config.model.sharing == "cross_stitch":
        uses = uses_of(config.model, config.tasks)
        if uses[asked.added] == MAIN and any(uses[name] == MAIN for name in known):
            raise UsageError(
                f"--add-task {asked.added}: cross_stitch would mix its maps into those of the "
                "tasks that are to be kept",
                mend="without --add-task all tasks are trained anew; "
                "or --set tasks.NAME.trunk=KEY gives the new one a trunk beside",
            )
    return Configured(config, path, known)


def _config(asked: Asked, own: Sequence[Path]) -> Path:
    """The config to start from: the user's, else the origin's."""
    try:
        return find_config(asked.config)
    except ConfigError:
        if asked.config is not None or not own:
            raise
        return own[0]


def _document(path: Path) -> dict[str, Any]:
    """A config as read, of which each section is one."""
    document = read_yaml(path)
    for name in ("data", "tasks", "model", "train"):
        found = document.get(name)
        if not isinstance(found, dict | None):
            raise ConfigError(
                f"{name}: wrong value", where=path, expected="a mapping", found=repr(found)
            )
    return document


_Wanted = Mapping[str, tuple[Path, str]]
"""Tasks of origins' configs: for each the file, and its name there."""


def _with_tasks(
    document: Mapping[str, Any], path: Path, wanted: _Wanted, allow_plugins: bool
) -> dict[str, Any]:
    """The config with tasks of others beside its own, and with the plug-ins that they need."""
    tasks = _section(document, "tasks")
    plugins = list(document.get("plugins") or ())
    for name, (file, old) in wanted.items():
        other = _document(file)
        if file != path.resolve():
            refuse_plugins(other, file, allow_plugins)
        entry = _section(other, "tasks").get(old)
        if not isinstance(entry, dict):
            raise ConfigError(f"tasks.{old}: the origin's config has no such task", where=file)
        tasks[name] = moved(name, entry, places_of(other, file), places_of(document, path), file)
        plugins += [plugin for plugin in other.get("plugins") or () if plugin not in plugins]
    joined = {"plugins": plugins} if plugins else {}
    return {**document, "tasks": tasks, **joined}


def _merged(
    document: Mapping[str, Any], asked: Asked, sources: Mapping[str, Source]
) -> dict[str, tuple[Path, str]]:
    """The tasks that origins were named for, and the config that they come from lacks."""
    here = _section(document, "tasks")
    names: Mapping[str, str] = asked.transfer.get("map", {})
    wanted = {}
    for key, source in sources.items():
        theirs = {} if source.config is None else _section(_document(source.config), "tasks")
        for old in theirs:
            if source.config is not None and names.get(old, old) == key and key not in here:
                wanted[key] = (source.config, old)
    return wanted


def _beside(
    document: Mapping[str, Any], asked: Asked, origin: Told, source: Source
) -> tuple[tuple[str, ...], dict[str, tuple[Path, str]]]:
    """The tasks of the origin that stay beside the new one, and those that the config lacks.

    Raises:
        UsageError: the new task is none of the config's, or the origin knows it; or a name is
            neither its nor one of the origin's.
        ConfigError: nothing says where the labels of the origin's tasks are.
    """
    if not isinstance(origin, Model):
        raise UsageError(
            "--add-task needs a trained network to add to", found=source.place, mend="--from RUN"
        )
    if asked.added in origin.tasks:
        raise UsageError(
            f"--add-task {asked.added}: the origin has a task of this name",
            mend="choose another name for the new one",
        )
    here = _section(document, "tasks")
    if asked.added not in here:
        raise UsageError(
            f"--add-task {asked.added}: the config has no such task",
            found=", ".join(map(str, here)) or None,
        )
    for name in asked.tasks or ():
        if name not in origin.tasks and name != asked.added:
            raise UsageError(
                f"no such task: {name}",
                where=f"--tasks {','.join(asked.tasks or ())}",
                expected=f"tasks of the origin, beside --add-task {asked.added}",
                mend=did_you_mean(name, [*origin.tasks, str(asked.added)]),
            )
    known = tuple(name for name in origin.tasks if asked.tasks is None or name in asked.tasks)
    if not known:
        raise UsageError(
            f"--tasks keeps none of the origin's tasks beside --add-task {asked.added}",
            expected=", ".join(origin.tasks),
            mend=f"without --add-task, --tasks {asked.added} trains it alone",
        )
    missing = [name for name in known if name not in here]
    if not missing:
        return known, {}
    if source.config is None:
        raise ConfigError(
            f"no labels for {', '.join(missing)}, which the origin knows",
            where=source.place,
            mend="name them in the config, or keep the ones that it has with --tasks",
        )
    return known, {name: (source.config, name) for name in missing}


def _forget_fork(document: dict[str, Any]) -> None:
    """Leave out where the origin branches, in a network that does not."""
    model = document.get("model")
    if isinstance(model, dict) and model.get("sharing") != "branch":
        model.pop("branch_at", None)


def _require_tasks(document: Mapping[str, Any], asked: Asked) -> None:
    """See that the tasks exist that origins were named for.

    Raises:
        UsageError: one does not.
    """
    tasks = _section(document, "tasks")
    for key, origin in asked.origins.items():
        if key != WHOLE and tasks and key not in tasks:
            raise UsageError(
                f"--from {key}={origin}: there is no task {key} here",
                mend=did_you_mean(key, map(str, tasks)),
            )


def _require_trunk(document: Mapping[str, Any], origin: str, path: Path) -> None:
    """See that a config says which trunk weights are of that do not say it themselves.

    Raises:
        ConfigError: it does not.
    """
    model = document.get("model")
    if model is None or (isinstance(model, dict) and model.get("trunk") is None):
        raise ConfigError(
            f"--from {origin}: nothing says which trunk these weights are of",
            where=path,
            expected="model.trunk in the config",
            mend="--set model.trunk=NAME says it; mtcli models list 'resnet*' tells names",
        )


def _section(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    return dict(document.get(name) or {})
