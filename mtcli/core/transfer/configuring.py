"""The config of a transfer: from the user's, the origin's, and what the options ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mtcli.core.checkpoint import Model, load_model, plugins_of
from mtcli.core.config import Config
from mtcli.core.configcheck import check_config
from mtcli.core.configfile import find_config, import_plugins_of, refuse_plugins
from mtcli.core.errors import ConfigError, UsageError
from mtcli.core.plugins import import_plugins
from mtcli.core.published import Published, named_as_ours
from mtcli.core.run import find_checkpoint, run_of
from mtcli.core.transfer.build import WHOLE
from mtcli.core.weights import read_tensors
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
class _Source:
    """What can be told of an origin before a network is there."""

    place: str
    model: Model | None
    published: Published | None
    config: Path | None


@dataclass(frozen=True, slots=True)
class Configured:
    """A transfer's config, the file it mostly comes from, and the tasks that were there before."""

    config: Config
    path: Path
    known: tuple[str, ...]


def configure(asked: Asked) -> Configured:
    """Find data and tasks, take the architecture of the origin where nothing else is said.

    Data and tasks are those of the config that was named, else of the one that `find_config`
    finds, else the origin's own. The trunk is the origin's, unless a config that was named, or a
    `--set`, names one.

    Raises:
        MtcliError: an origin or config cannot be read, or they do not go together.
    """
    if asked.config is not None:
        import_plugins_of(find_config(asked.config), True)
    sources = {key: _look(origin, asked.allow_plugins) for key, origin in asked.origins.items()}
    first = next(iter(sources.values()))
    path, document = _document(asked, sources)
    known: tuple[str, ...] = ()
    only = list(asked.tasks) if asked.tasks is not None else None
    if asked.added is not None:
        known = _add_task(document, asked, first)
        only = [*known, asked.added]
    given = asked.config is not None
    _take_architecture(document, given, first)
    if asked.config is None and asked.tasks is None and asked.added is None:
        named = [key for key in sources if key != WHOLE]
        only = named or None
    earlier = path in [source.config for source in sources.values()]
    start = _START if earlier and not given else {}
    document["train"] = {**_section(document, "train"), **start, **asked.train}
    document["transfer"] = {
        **asked.transfer,
        "origin": {key: source.place for key, source in sources.items()},
        "named": [*(asked.tasks or ()), *([asked.added] if asked.added else ())],
    }
    said = dict(apply_set(document, text) for text in asked.sets)
    base = path.resolve().parent
    config = check_config(document, base=base, source=path, only=only, sets=said)
    return Configured(config, path, known)


_START = {"freeze": [], "unfreeze": {}, "cache_features": False, "distill": 0.0}
"""What the training of an origin may have said, and what does not hold for the next."""


def _look(origin: str, allow_plugins: bool) -> _Source:
    path = Path(origin)
    if origin == "imagenet" or origin.startswith("package:"):
        return _Source(origin, None, None, None)
    if path.is_file():
        place = str(path.resolve())
        return _Source(place, None, named_as_ours(read_tensors(path, "--from")), None)
    checkpoint = find_checkpoint(path)
    run = run_of(checkpoint)
    if allow_plugins:
        import_plugins(plugins_of(checkpoint), Path.cwd(), checkpoint)
    model, _ = load_model(checkpoint)
    return _Source(str(checkpoint.resolve()), model, None, run.config if run else None)


def _document(asked: Asked, sources: Mapping[str, _Source]) -> tuple[Path, dict[str, Any]]:
    """The config to start from; of several origins, all their tasks."""
    own = [source.config for source in sources.values() if source.config is not None]
    try:
        path = find_config(asked.config)
    except ConfigError:
        if asked.config is not None or not own:
            raise
        path = own[0]
    document = _read(path, asked, own)
    if len(sources) > 1 and path in own:
        for key, source in sources.items():
            if source.config is not None:
                other = _read(source.config, asked, own)
                for name, entry in _section(other, "tasks").items():
                    if key in (name, WHOLE):
                        document["tasks"].setdefault(name, _with_places(entry, other))
    return path, document


def _read(path: Path, asked: Asked, own: Sequence[Path]) -> dict[str, Any]:
    """A config; one of an origin may name code only where that is allowed."""
    document = read_yaml(path)
    if path in own:
        refuse_plugins(document, path, asked.allow_plugins)
    return document


def _add_task(document: dict[str, Any], asked: Asked, source: _Source) -> tuple[str, ...]:
    """Have the origin's tasks in the document too; returns their names.

    Raises:
        UsageError: the task is none of the config's, or the origin knows it.
        ConfigError: nothing says where the labels of the origin's tasks are.
    """
    if source.model is None:
        raise UsageError(
            "--add-task needs a trained network to add to", found=source.place, mend="--from RUN"
        )
    known = tuple(name for name in source.model.tasks if asked.tasks is None or name in asked.tasks)
    if asked.added in source.model.tasks:
        raise UsageError(
            f"--add-task {asked.added}: the origin has a task of this name",
            mend="choose another name for the new one",
        )
    tasks = document.setdefault("tasks", {})
    if asked.added not in tasks:
        raise UsageError(
            f"--add-task {asked.added}: the config has no such task",
            found=", ".join(map(str, tasks)) or None,
        )
    missing = [name for name in known if name not in tasks]
    if missing and source.config is None:
        raise ConfigError(
            f"no labels for {', '.join(missing)}, which the origin knows",
            where=source.place,
            mend="name them in the config, or keep the ones that it has with --tasks",
        )
    if missing and source.config is not None:
        other = _read(source.config, asked, [source.config])
        plugins = [*(document.get("plugins") or ()), *(other.get("plugins") or ())]
        if plugins:
            document["plugins"] = list(dict.fromkeys(plugins))
        for name in missing:
            tasks[name] = _with_places(other["tasks"][name], other)
    return known


def _with_places(entry: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """A task's entry that says where its pictures are, as its config's `data` does for all."""
    data = _section(document, "data")
    places = {part: data[part] for part in ("images", "splits") if data.get(part) is not None}
    return {**places, **entry}


def _take_architecture(document: dict[str, Any], given: bool, source: _Source) -> None:
    """Let the origin say what the network is built from, where the user has not."""
    if source.model is not None:
        facts = asdict(source.model.architecture)
        uses = facts.pop("uses")
        for name, key in uses.items():
            if name in _section(document, "tasks"):
                document["tasks"][name].setdefault("trunk", key)
    elif source.published is not None:
        found = source.published
        facts = {
            "trunk": _resnet(found),
            "pyramid": len(found.tensors["pyramid.inner_blocks.0.0.weight"]),
            "pyramid_norm": found.pyramid_norm,
            "pyramid_top": found.pyramid_top,
        }
        for entry in _section(document, "tasks").values():
            detects = isinstance(entry, dict) and entry.get("kind") == "detection"
            if detects and (not given or "head" not in entry):
                entry |= {"head": found.head, "layout": found.layout}
                entry["levels"] = list(found.levels)
                entry.pop("depth", None)
    else:
        return
    said = _section(document, "model")
    if facts.get("trunks"):
        facts["trunks"] = {**_section(said, "trunks"), **facts["trunks"]}
    elif not facts.get("trunks", True):
        del facts["trunks"]
    if not given:
        document["model"] = {**said, **facts, "weights": None}
    elif said.get("trunk") in (None, facts["trunk"]):
        document["model"] = {**facts, **said, "trunk": facts["trunk"], "weights": None}


def _resnet(published: Published) -> str:
    """Which ResNet a published detector stands on, by its third stage."""
    bottleneck = "trunk.layer1.0.conv3.weight" in published.tensors
    blocks = sum(
        name.startswith("trunk.layer3.") and name.endswith(".conv1.weight")
        for name in published.tensors
    )
    deep = {6: "resnet50", 23: "resnet101", 36: "resnet152"}
    return deep.get(blocks, "resnet50") if bottleneck else {2: "resnet18"}.get(blocks, "resnet34")


def _section(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name)
    return dict(found) if isinstance(found, dict) else {}
