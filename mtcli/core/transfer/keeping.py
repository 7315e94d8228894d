"""The tasks that an origin knows and that stay as it knows them, whatever labels say now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mtcli.core.checkpoint import load_model
from mtcli.core.config import TaskConfig, TransferConfig
from mtcli.core.errors import ConfigError
from mtcli.core.run import find_checkpoint
from mtcli.core.task import AnyTask
from mtcli.core.tasks import KINDS


def kept_tasks(
    settings: TransferConfig | None, tasks: Mapping[str, TaskConfig]
) -> dict[str, AnyTask]:
    """The tasks of `transfer.keep`: the config's options, the facts of the origin.

    Facts that are learnt anew (the mean of a number, the order of classes) would change what a
    head's weights mean, though not one of them moves.

    Args:
        settings: the config's `transfer`.
        tasks: of the run; names that are none of them are passed over.

    Raises:
        MtcliError: an origin cannot be read or does not know a task, or the config says
            otherwise of a task than its origin.
    """
    names = [name for name in settings.keep if name in tasks] if settings is not None else []
    if settings is None or not names:
        return {}
    before = {new: old for old, new in settings.map.items()}
    known: dict[str, tuple[str, AnyTask]] = {}
    for key, source in settings.origin.items():
        if Path(source).is_dir():
            model, _ = load_model(find_checkpoint(Path(source)))
            for name in names:
                task = model.tasks.get(before.get(name, name))
                if task is not None and key in (name, "all"):
                    known.setdefault(name, (source, task))
    for name in names:
        if name not in known:
            raise ConfigError(
                f"transfer.keep: no origin knows the task {name}",
                found=", ".join(settings.origin.values()),
            )
    return {name: _as_known(name, tasks[name], *known[name]) for name in names}


def _as_known(name: str, config: TaskConfig, source: str, task: AnyTask) -> AnyTask:
    if config.kind != task.kind:
        raise ConfigError(
            f"tasks.{name}.kind: {config.kind}",
            where=source,
            expected=f"{task.kind}, as in the origin",
        )
    for part in ("classes", "points"):
        said, known = getattr(config.options, part, None), getattr(task.facts, part, None)
        if said is not None and known is not None and tuple(said) != tuple(known):
            raise ConfigError(
                f"tasks.{name}.{part}: not those of the origin, as which the task is kept",
                where=source,
                expected=", ".join(known),
                found=", ".join(said),
                mend="leave them out; or transfer without --add-task, which moves rows by name",
            )
    return KINDS.get(config.kind)(config.options, task.facts)
