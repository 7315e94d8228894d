"""mtcli train --folds: a run for each fold, and what they come to together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

from mtcli.core.config import Config
from mtcli.core.configfile import dump_config
from mtcli.core.configsplits import Folds as FoldConfig
from mtcli.core.data.folds import assign_folds, folds_text
from mtcli.core.data.gather import keep_drawn, pooled_records
from mtcli.core.data.groups import groups_of
from mtcli.core.data.prepare import prepare_tasks, with_facts
from mtcli.core.data.records import labelled_only
from mtcli.core.data.splits import check_files
from mtcli.core.data.strata import strata
from mtcli.core.errors import UsageError, did_you_mean
from mtcli.core.events import Event, FoldsEnded, FoldStarted, Noted, TrainingEnded
from mtcli.core.foldset import FoldSet, folds_json, spreads
from mtcli.core.run import Run, replace_text
from mtcli.recipes.train import NewRun, train


@dataclass(frozen=True, slots=True)
class Division:
    """How pictures are divided: into how many folds, each with its share of a task's classes."""

    folds: int
    stratify: str | None


def begin_folds(config: Config, where: NewRun, division: Division, joining: bool) -> FoldSet:
    """Divide the pictures of `train` and `val` into folds, and make the set's folder.

    Args:
        config: checked; its `data.group` keeps pictures together.
        where: the folder goes to.
        division: into how many folds, and by what.
        joining: whether the set may be there already, begun by another process; it must then be
            of the same config and folds.

    Raises:
        MtcliError: labels are broken, there are too few pictures, or another set lies there.
    """
    path = None if where.name is None else where.runs / where.name
    if path is not None and not (joining and FoldSet(path).exists):
        Run.refuse_existing(path)
    check_files(config)
    records = labelled_only(pooled_records(config.data, config.tasks))
    # Every fold knows all classes, also one whose only picture it holds out.
    config = with_facts(config, prepare_tasks(records, config.tasks))
    pictures = [record.key for record in records]
    words: dict[str, str] = {}
    if division.stratify is not None:
        name = division.stratify
        if name not in config.tasks:
            mend = did_you_mean(name, config.tasks)
            raise UsageError(f"--stratify {name}: no such task", mend=mend)
        labels = {record.key: record.labels[name] for record in records if name in record.labels}
        words = strata(labels, "--stratify")
    groups = groups_of(config.data.group, pictures)
    folds = assign_folds(pictures, division.folds, config.train.seed, words, groups)
    text = folds_text(folds, words, groups)
    if path is None or not path.exists():
        path = Run.create(where.runs, where.name, f"{where.stem}-folds").path
        (path / "checkpoints").rmdir()
    found = FoldSet(path)
    if found.exists:
        if found.folds.read_text(encoding="utf-8") != text:
            raise UsageError(
                f"the cross-validation {path.name} has other folds",
                where=found.folds,
                mend="choose another --name",
            )
        return found
    replace_text(found.config, dump_config(keep_drawn(config, path), path))
    replace_text(found.folds, text)
    return found


def cross_validate(config: Config, found: FoldSet, only: int | None) -> Iterator[Event]:
    """Train every fold that is not done, or one of them; the table, once all are.

    Args:
        config: the set's own.
        found: the set's folder.
        only: the fold to train; None: all.

    Raises:
        MtcliError: see `mtcli.core.errors`.
    """
    count = found.count()
    if only is not None and only > count:
        raise UsageError(f"--fold {only}: there are {count} folds", where=found.path)
    for fold in range(1, count + 1) if only is None else [only]:
        if found.is_done(fold):
            yield Noted(f"fold {fold} is done")
            continue
        yield FoldStarted(fold, count)
        held_out = FoldConfig(csv=found.folds.absolute(), fold=fold)
        data = config.data.model_copy(update={"folds": held_out})
        run = found.run(fold)
        if run.path.is_dir() and not run.config.is_file():
            shutil.rmtree(run.path)  # stopped before there was anything in it
        begun = run.path.is_dir()
        where = run if begun else NewRun(found.path, run.path.name, run.path.name)
        for event in train(config.model_copy(update={"data": data}), where):
            yield event
            if isinstance(event, TrainingEnded) and event.interrupted is not None:
                return
    left = [fold for fold in range(1, count + 1) if not found.is_done(fold)]
    if left:
        yield Noted(f"folds to come: {', '.join(map(str, left))}")
        return
    every = tuple(range(1, count + 1))
    results = {fold: found.results(fold) for fold in every}
    ended = FoldsEnded(
        path=found.path,
        split="val",
        folds=every,
        images=len(found.fold_of()),
        tasks=spreads(results),
        pooled=None,
        predictions=None,
    )
    replace_text(found.metrics, json.dumps(folds_json(ended), indent=1))
    yield ended
