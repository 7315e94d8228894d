"""What a command measures a model on: the model, and the config that says where the data is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mtcli.core.errors import UsageError

if TYPE_CHECKING:
    from mtcli.console.output import Output
    from mtcli.core.description import Model
    from mtcli.core.task import AnyTask

CHANGEABLE = ("train.batch_size", "train.device", "train.precision")


class Measurable:
    """A run, checkpoint or exported file, and the config that says what to measure it on.

    Attributes:
        opened: the model.
        config: its data and labels.
    """

    def __init__(
        self,
        model: Path,
        config: Path | None,
        changes: list[str],
        allow_plugins: bool,
        output: Output,
    ) -> None:
        from mtcli.core.configfile import find_config, import_plugins_of, load_config
        from mtcli.core.run import find_checkpoint, run_of

        place = model if model.is_file() else find_checkpoint(model)
        if model.is_file():
            _check_exported(model)
        run = run_of(place) if config is None and not model.is_file() else None
        path = find_config(config, "a config with --config") if run is None else run.config
        if run is None and config is None:
            output.note(f"config {path}")
        # What the user named may import; what came with the model may where it is allowed to.
        import_plugins_of(path, run is None or allow_plugins)

        from mtcli.core.opening import open_model

        import_own_plugins(place, allow_plugins)
        self.opened = open_model(place)
        trained = self.opened.model
        decided: dict[str, dict[str, object]] = {
            "model": {"trunk": trained.architecture.trunk, "weights": None}
            | _fusion(trained, path),
            "data": {"size": list(trained.size), "resize": trained.resize},
        }
        self.config = load_config(path, changes, decided=decided)

    def tasks(self, only: list[str] | None) -> dict[str, AnyTask]:
        """The tasks that will be measured, of those that are named, else of all.

        Raises:
            UsageError: the model has not all that are named.
        """
        from mtcli.recipes.evaluate import check_tasks

        check_tasks(self.opened, only)
        own = self.opened.model.tasks
        return {name: own[name] for name in only or own if name in self.config.tasks}


def _check_exported(file: Path) -> None:
    """See that a file is an export, before anybody is asked where its data is.

    Raises:
        CheckpointError, UsageError: see `mtcli.core.opening.open_model`.
    """
    from mtcli.core.export.opened import check_exported

    check_exported(file)


def import_own_plugins(model: Path, allowed: bool) -> None:
    """Import the plug-ins that a checkpoint or an exported file names, where that is allowed."""
    if allowed:
        from mtcli.core.opening import plugins_named
        from mtcli.core.plugins import import_plugins

        import_plugins(plugins_named(model), Path.cwd(), model)


def refuse_decided(sets: list[str]) -> None:
    """Refuse changes of what the model has decided, which would otherwise do nothing.

    Raises:
        UsageError: one is such a change.
    """
    for text in sets:
        key = text.partition("=")[0].strip()
        parts = key.split(".")
        labels = parts[0] == "tasks" and parts[2:3] in (
            [],
            ["labels"],
            ["images"],
            ["inputs"],
            ["splits"],
        )
        fixed = (["size"], ["resize"], ["augment"], ["folds"])
        data = parts[0] == "data" and parts[1:2] not in fixed
        if not labels and not data and key not in CHANGEABLE:
            raise UsageError(
                f"{key}: decided by the checkpoint",
                where=f"--set {text}",
                expected="data.*, tasks.NAME.labels, .images, .inputs or .splits, "
                + ", ".join(CHANGEABLE),
            )


def _fusion(trained: Model, path: Path) -> dict[str, object]:
    """What a config of data with several inputs need not say; of others it would not be true."""
    from mtcli.core.yamlfile import read_yaml

    document = read_yaml(path)
    tasks = document.get("tasks")
    places = [document.get("data"), *(tasks.values() if isinstance(tasks, dict) else ())]
    several = any(isinstance(place, dict) and "inputs" in place for place in places)
    fusion = trained.architecture.fusion
    return {} if fusion is None or not several else {"fusion": fusion}
