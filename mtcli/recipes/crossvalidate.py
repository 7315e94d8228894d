"""mtcli train --folds: a run for each fold, and what they come to together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mtcli.core.config import Config
from mtcli.core.configsplits import Folds
from mtcli.core.data.folds import assign_folds, folds_text
from mtcli.core.data.gather import draw_once, pooled_records
from mtcli.core.data.groups import groups_of
from mtcli.core.data.prepare import prepare_tasks, with_facts
from mtcli.core.data.records import Record, labelled_only, require_judgement, require_labels
from mtcli.core.data.splits import check_files
from mtcli.core.data.strata import strata
from mtcli.core.errors import MtcliError, UsageError, and_more, did_you_mean
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
    found = None if where.name is None else FoldSet(where.runs / where.name)
    if found is not None and not (joining and found.exists):
        Run.refuse_existing(found.path)
    check_files(config)
    config = draw_once(config)
    records = labelled_only(pooled_records(config.data, config.tasks))
    for name in config.tasks:
        require_labels(records, name)
    # Every fold knows all classes, also one whose only picture it holds out.
    tasks = prepare_tasks(records, config.tasks)
    config = with_facts(config, tasks)
    pictures = [record.key for record in records]
    words = _words(config, records, division.stratify)
    groups = groups_of(config.data.group, pictures)
    folds = assign_folds(pictures, division.folds, config.train.seed, words, groups)
    for fold in range(1, division.folds + 1):
        learnt = [record for record in records if folds[record.key] != fold]
        for name in config.tasks:
            _require_in_fold(learnt, name, fold)
        held_out = [record for record in records if folds[record.key] == fold]
        list(require_judgement(held_out, config.train.best, tasks))
    text = folds_text(folds, words, groups)
    if found is None:
        return FoldSet.create(where.runs, None, f"{where.stem}-folds", config, text)
    if not found.exists:
        found = FoldSet.create(where.runs, where.name, where.stem, config, text)
    # Made by this process or by another: what is there must be what would have been made.
    found.require(config, text)
    return found


def cross_validate(config: Config, found: FoldSet, only: int | None) -> Iterator[Event]:
    """Train every fold that is not done, or one of them; the table, once all are.

    Args:
        config: the set's own.
        found: the set's folder.
        only: the fold to train; None: all that no other process is training.

    Raises:
        MtcliError: see `mtcli.core.errors`. A set of which no fold was begun is then removed.
    """
    count = found.count()
    if only is not None and only > count:
        raise UsageError(f"--fold {only}: there are {count} folds", where=found.path)
    if config.data.group is not None and (alone := found.without_group()):
        yield Noted(
            f"{len(alone)} of {len(found.fold_of())} pictures have no group, and stand alone"
        )
    every = tuple(range(1, count + 1))
    for fold in every if only is None else (only,):
        with found.claim(fold) as claimed:
            if found.is_done(fold):
                yield Noted(f"fold {fold} is done")
                continue
            if not claimed:
                yield Noted(f"fold {fold} is being trained by another process")
                continue
            yield FoldStarted(fold, count)
            held_out = Folds(csv=found.folds.absolute(), fold=fold)
            data = config.data.model_copy(update={"folds": held_out})
            run = found.run(fold)
            if run.path.is_dir() and not run.config.is_file():
                shutil.rmtree(run.path)  # stopped before there was anything in it
            new = NewRun(found.path, run.path.name, run.path.name)
            where = run if run.path.is_dir() else new
            try:
                for event in train(config.model_copy(update={"data": data}), where):
                    yield event
                    if isinstance(event, TrainingEnded) and event.interrupted is not None:
                        return
            except MtcliError:
                found.discard_if_not_begun()
                raise
    left = [str(fold) for fold in every if not found.is_done(fold)]
    if left:
        yield Noted(f"folds to come: {and_more(left, shown=8)}")
        return
    ended = FoldsEnded(
        path=found.path,
        split="val",
        folds=every,
        images=len(found.fold_of()),
        tasks=spreads({fold: found.results(fold) for fold in every}),
        pooled=None,
        predictions=None,
    )
    replace_text(found.metrics, json.dumps(folds_json(ended), indent=1))
    yield ended


def _words(config: Config, records: Sequence[Record], task: str | None) -> Mapping[str, str]:
    """What every fold is to have its share of, by picture."""
    if task is None:
        return {}
    if task not in config.tasks:
        raise UsageError(
            f"--stratify {task}: the run has no such task", mend=did_you_mean(task, config.tasks)
        )
    labels = {record.key: record.labels[task] for record in records if task in record.labels}
    return strata(labels, config.tasks[task].kind, "--stratify")


def _require_in_fold(records: Sequence[Record], task: str, fold: int) -> None:
    if not any(task in record.labels for record in records):
        raise UsageError(
            f"fold {fold} would hold out every label of {task}",
            mend="more folds, another --stratify or --group, or --tasks without it",
        )
