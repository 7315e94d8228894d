"""Every check of a config, each with a message that names the key and where it was said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from mtcli.core.config import (
    Config,
    DataConfig,
    LabelSource,
    TaskConfig,
    TrainConfig,
    TransferConfig,
)
from mtcli.core.configfusion import check_inputs, needed_inputs
from mtcli.core.confighints import either, formats_for, in_a_section, near_any
from mtcli.core.configmodel import ModelConfig
from mtcli.core.configsharing import check_sharing
from mtcli.core.configsplits import DrawnSplits
from mtcli.core.configtasks import (
    SOURCE_KEYS,
    TASK_KEYS,
    TaskCommon,
    check_drawn,
    check_name,
    check_places,
    for_tasks,
    refuse_drawn,
)
from mtcli.core.configties import check_ties, with_shared_layer
from mtcli.core.configtrunks import check_trunks, custom_trunks, with_trunks
from mtcli.core.configwords import translated
from mtcli.core.errors import ConfigError, did_you_mean
from mtcli.core.options import Options

if TYPE_CHECKING:
    from mtcli.core.task import AnyTask

M = TypeVar("M", bound=Options)
SECTIONS = ("data", "tasks", "model", "train", "transfer", "plugins")


def check_config(
    document: Mapping[str, Any],
    *,
    base: Path,
    source: object,
    only: Sequence[str] | None = None,
    sets: Mapping[str, str] | None = None,
) -> Config:
    """Check a config that was read.

    Args:
        document: what the YAML holds, with its changes.
        base: what its relative paths are relative to.
        source: where it came from, for messages.
        only: the tasks to keep, in this order; None keeps all.
        sets: by dotted key, the `--set` texts that changed it, for messages.

    Raises:
        ConfigError: at the first key that is wrong.
    """
    checker = _Checker(base, source, sets or {})
    checker.known(document, SECTIONS, "")
    document, plugins = checker.plugins(document)
    data = checker.section(DataConfig, document, "data")
    model = checker.section(ModelConfig, document, "model")
    train = checker.section(TrainConfig, document, "train", required=False)
    tasks = checker.tasks(document, only)
    check_places(data, tasks, checker.error)
    check_inputs(data, model, train, tasks, checker.error, len(tasks) == len(document["tasks"]))
    check_trunks(model, tasks, checker.error)
    check_sharing(model, tasks, checker.error)
    model = check_ties(model, tasks, document["tasks"], checker.error)
    if isinstance(data.splits, DrawnSplits):
        data = checker.drawn(document, data, data.splits, tasks)
    data, train = needed_inputs(data, train, tasks)
    train = for_tasks(train, [str(name) for name in document["tasks"]], list(tasks), checker.error)
    transfer = None
    if document.get("transfer") is not None:
        transfer = checker.section(TransferConfig, document, "transfer")
    return Config(
        data=data, tasks=tasks, model=model, train=train, transfer=transfer, plugins=plugins
    )


def check_plugins(document: Mapping[str, Any], *, base: Path, source: object) -> tuple[str, ...]:
    """Import the plug-ins of a config that was read; returns where they were found.

    Raises:
        ConfigError: one is missing or cannot be imported.
    """
    return _Checker(base, source, {}).plugins(document)[1]


class _Checker:
    """Knows where the document came from, so that every message can say it."""

    def __init__(self, base: Path, source: object, sets: Mapping[str, str]) -> None:
        self._base = base
        self._context = {"base": base}
        self._source = source
        self._sets = sets

    def error(self, key: str, what: str, **parts: str | None) -> ConfigError:
        return ConfigError(f"{key}: {what}", where=self.where(key), **parts)

    def where(self, key: str) -> str:
        """What said the value of a key, or of one above or below it."""
        said = [
            text
            for name, text in self._sets.items()
            if f"{key}.".startswith(f"{name}.") or f"{name}.".startswith(f"{key}.")
        ]
        return f"--set {said[-1]}" if said else str(self._source)

    def known(self, values: Mapping[str, Any], names: Iterable[str], prefix: str) -> None:
        names = list(names)
        for key in values:
            if key not in names:
                near = did_you_mean(str(key), names, prefix)
                if not prefix:
                    near = in_a_section(str(key)) or near
                raise self.error(f"{prefix}{key}", "no such key", mend=near)

    def section(
        self, model: type[M], document: Mapping[str, Any], key: str, required: bool = True
    ) -> M:
        if key not in document and required:
            raise self.error(key, "the config lacks this section")
        values = document.get(key)
        # A section whose keys are all commented out is empty, not wrong.
        return self.validate(model, {} if values is None else values, key)

    def validate(self, model: type[M], values: Any, prefix: str) -> M:
        try:
            return model.model_validate(values, context=self._context)
        except ValidationError as error:
            raise translated(model, prefix, error, self.error) from None

    def drawn(
        self,
        document: Mapping[str, Any],
        data: DataConfig,
        splits: DrawnSplits,
        tasks: Mapping[str, TaskConfig],
    ) -> DataConfig:
        """See that splits can be drawn, and find the task they are stratified by."""
        every = dict(tasks)
        by = splits.stratify
        if by is not None and splits.made is None:
            entries = document["tasks"]
            if by not in entries:
                mend = did_you_mean(by, map(str, entries))
                raise self.error("data.splits.stratify", f"no such task: {by}", mend=mend)
            every.setdefault(by, self._task(by, entries[by]))
            data = data.stratified_by(every[by])
        for key in ("fractions", "seed", "stratify"):
            if splits.made is not None and f"data.splits.{key}" in self._sets:
                raise self.error(
                    f"data.splits.{key}",
                    "the pictures were drawn before, and that holds",
                    found=f"made: {splits.made}",
                    mend="--set data.splits.made=null draws anew",
                )
        check_drawn(data, every, self.error)
        return data

    def plugins(self, document: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """Import what `plugins` names, and the modules of trunks, before anything asks for them.

        Returns:
            The config with trunks named by their imported modules, and where plug-ins were found.
        """
        names = document.get("plugins") or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise self.error(
                "plugins", "wrong value", expected="a list of modules", found=repr(names)
            )
        trunks = custom_trunks(document)
        if not names and not trunks:
            return document, ()
        from mtcli.core.plugins import import_plugins, import_trunk

        found = list(import_plugins(names, self._base, self.where("plugins")))
        named = {}
        for path, trunk in trunks.items():
            key = ".".join(map(str, path))
            named[path], plugin = import_trunk(trunk, found, self._base, key, self.where(key))
            found += [plugin] if plugin not in found else []
        return with_trunks(document, named), tuple(found)

    def tasks(
        self, document: Mapping[str, Any], only: Sequence[str] | None
    ) -> dict[str, TaskConfig]:
        entries = document.get("tasks")
        if not isinstance(entries, dict) or not entries:
            raise self.error("tasks", "the config names no task")
        for name in only or ():
            if name not in entries:
                raise ConfigError(
                    f"no such task: {name}",
                    where=f"--tasks {','.join(only or ())}",
                    mend=did_you_mean(name, map(str, entries)),
                )
        names = list(dict.fromkeys(only)) if only else list(entries)
        return {str(name): self._task(str(name), entries[name]) for name in names}

    def _task(self, name: str, entry: Any) -> TaskConfig:
        from mtcli.core.tasks import KINDS

        key = f"tasks.{name}"
        check_name(name, key, self.error)
        if not isinstance(entry, dict):
            raise self.error(key, "wrong value", expected="a mapping", found=repr(entry))
        for required in ("kind", "labels"):
            if required not in entry:
                raise self.error(f"{key}.{required}", "is required and missing")
        kind = KINDS.get(str(entry["kind"]), where=f"{self.where(f'{key}.kind')}, {key}.kind")
        rest = {k: v for k, v in entry.items() if k not in TASK_KEYS}
        self.known(rest, [*kind.Options.model_fields, *TASK_KEYS], f"{key}.")
        common = {k: entry[k] for k in TaskCommon.model_fields if entry.get(k) is not None}
        checked = self.validate(TaskCommon, common, key)
        refuse_drawn(checked.splits, f"{key}.splits", self.error)
        options = with_shared_layer(kind, rest, checked.shared_fc, key, self.error)
        said = entry["labels"]
        listed = said if isinstance(said, list) and said else [said]
        numbered = isinstance(said, list)
        return TaskConfig(
            kind=kind.kind,
            labels=tuple(
                self._source_of(kind, labels, f"{key}.labels.{n}" if numbered else f"{key}.labels")
                for n, labels in enumerate(listed)
            ),
            weight=checked.weight,
            images=checked.images,
            inputs=checked.inputs,
            splits=checked.splits,
            trunk=checked.trunk,
            shared_fc=checked.shared_fc,
            options=self.validate(kind.Options, options, key),
        )

    def _source_of(self, kind: type[AnyTask], labels: Any, key: str) -> LabelSource:
        from mtcli.core.data.readers import READERS, sort_of_label

        if not isinstance(labels, dict):
            raise self.error(key, "wrong value", expected="a mapping", found=repr(labels))
        readers = [reader for reader in labels if reader in READERS.names()]
        if len(readers) != 1:
            raise self.error(
                key,
                "names no label format" if not readers else "names two label formats",
                expected=f"exactly one of {', '.join(READERS.names())}",
                found=", ".join(map(str, labels)) or "nothing",
                mend=None if readers else near_any(labels, READERS.names()),
            )
        reader = READERS.get(readers[0])
        if sort_of_label(reader, kind) is None:
            raise self.error(
                key,
                f"the {readers[0]} format gives {either(reader.gives)}, "
                f"which {kind.kind} cannot learn from",
                expected=f"{either(kind.takes)}: {', '.join(formats_for(kind))}",
            )
        rest = {name: value for name, value in labels.items() if name not in SOURCE_KEYS}
        looked_for = labels.get("labelled_classes")
        if looked_for is not None and not kind.partial:
            raise self.error(
                f"{key}.labelled_classes",
                f"a {kind.kind} has no classes that can go unlabelled one by one",
            )
        options = self.validate(reader.Options, rest, key)
        source = {"reader": readers[0], "options": options, "labelled_classes": looked_for}
        source["names_from"] = labels.get("names_from")
        return self.validate(LabelSource, source, key)
