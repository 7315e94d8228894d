"""mtcli train: several tasks learn on one shared trunk."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mtcli.core import events
from mtcli.core.answering import NetworkAnswers
from mtcli.core.architecture import trunk_rates, trunks_of
from mtcli.core.assembly import assemble, teacher_of
from mtcli.core.caching import FeatureCache
from mtcli.core.checkpoint import load_network, model_facts
from mtcli.core.config import Config
from mtcli.core.configfile import dump_config
from mtcli.core.data.feed import Feed
from mtcli.core.data.gather import draw_once, keep_drawn
from mtcli.core.data.prepare import check_pictures_and_labels
from mtcli.core.data.records import Record, digest, require_judgement, require_labels
from mtcli.core.data.splits import names_of
from mtcli.core.evaluation import evaluate, mean_score
from mtcli.core.events import Event
from mtcli.core.freezing import freeze, frozen_at
from mtcli.core.interruption import Interruption, until
from mtcli.core.losses import add_gradients
from mtcli.core.mixing.build import build_mixing
from mtcli.core.network import Network
from mtcli.core.optimization import learning_rate, set_learning_rate
from mtcli.core.plots import plot_confusion, plot_curves
from mtcli.core.progress import Progress, value_of
from mtcli.core.results import results_json, show_predictions, task_results
from mtcli.core.run import Run, replace_text
from mtcli.core.runtime import choose_runtime, describe_environment
from mtcli.core.summary import assembled, epoch_line, started_from, task_summaries
from mtcli.core.training_state import TrainingState
from mtcli.core.transfer.gate import Before
from mtcli.core.watch import LossWatch

READ_EVERY = {"cpu": 1, "cuda": 10}
"""Updates between two looks at the losses: each look waits for the device."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """Where a fresh training leaves its run: `name`, or the next free number behind `stem`.

    `before` is what tasks came to that it is to keep; the end compares them.
    """

    runs: Path
    name: str | None
    stem: str
    before: Before | None = None


def train(config: Config, where: NewRun | Run) -> Iterator[Event]:
    """Train as a config says, into a new run, or go on with one that was stopped.

    Everything that can be wrong with config or data is said before the run's folder exists.
    After a stop, training goes on from the last checkpoint as if it had never stopped.

    Raises:
        MtcliError: see `mtcli.core.errors`.
    """
    config = draw_once(config)
    resumed = where if isinstance(where, Run) else None
    checkpoint = resumed.checkpoint("last") if resumed and resumed.index() else None
    standing = where.before if isinstance(where, NewRun) else Before.read(where)
    settings, data = config.train, config.data
    weights = {name: task.weight for name, task in config.tasks.items()}
    runtime = choose_runtime(settings.device, settings.precision)
    device = runtime.device

    # Labels, tasks and network: small work that finds most mistakes.
    if isinstance(where, NewRun) and where.name is not None:
        Run.refuse_existing(where.runs / where.name)
    assembly = assemble(config, checkpoint)
    model, network, tasks = assembly.model, assembly.network, assembly.model.tasks
    yield from assembled(config, assembly)

    # One look at every picture and label.
    records: dict[str, list[Record]] = {}
    for split, listed in assembly.records.items():
        records[split] = yield from check_pictures_and_labels(data, listed, tasks, split)
    for name in tasks:
        require_labels(records["train"], name)
    yield from require_judgement(records["val"], settings.best, tasks)

    # The state that moves.
    rates = trunk_rates(
        settings, trunks_of(config.model, config.tasks), network.parts, assembly.copied
    )
    teacher = teacher_of(config, assembly, runtime)
    state = TrainingState(
        runtime.place(network), model, settings, rates, assembly.copied, runtime, digest(records)
    )
    if checkpoint is not None:
        state.restore(checkpoint)
    progress = state.progress
    cache = None
    if settings.cache_features and progress.epoch <= settings.epochs:
        cache = FeatureCache(network, config, records, runtime)
        yield from cache.size_up(where.path if isinstance(where, Run) else where.runs / where.stem)

    # How batches are mixed.
    mixing = build_mixing(settings, config.tasks, records["train"])
    total_updates = mixing.updates_before(settings.epochs + 1)
    warmup = mixing.updates_within(settings.warmup, settings.epochs)
    first_epoch, first_update = progress.epoch, progress.updates

    # From here on there is a run.
    if isinstance(where, Run):
        run = where
        run.forget_after(progress.epoch)
    else:
        run = Run.create(where.runs, where.name, where.stem)
        if standing is not None:
            standing.write(run)  # ahead of the config, without which nothing goes on
        replace_text(run.config, dump_config(keep_drawn(config, run.path), run.path))
    replace_text(run.environment, json.dumps(describe_environment(runtime), indent=1))
    shared, own = network.parameters_by_use()
    yield events.TrainingStarted(
        run=run.path,
        pictures={split: len(kept) for split, kept in records.items()},
        device=str(device),
        precision=runtime.precision,
        seed=settings.seed,
        trunk=" + ".join(trunk.trunk for trunk in trunks_of(config.model, config.tasks).values()),
        weights=started_from(config),
        shared_parameters=shared,
        tasks=task_summaries(tasks, records["train"], own),
        epochs=settings.epochs,
        first_epoch=first_epoch,
        first_update=first_update,
    )

    # How batches come: of the pictures, or of what a trunk that stays as it is made of them.
    store = None if cache is None else (yield from cache.fill(run.path))
    feed = Feed(config, tasks, records, device, store, model.inputs)
    batches = feed.learning(lambda: mixing.batches(first_epoch, settings.epochs, first_update))
    with Interruption() as interruption, closing(batches):
        while progress.epoch <= settings.epochs:
            stale = progress.stale_from(settings.last_stage)
            if settings.patience is not None and stale >= settings.patience:
                stopped = f"stopped after epoch {progress.epoch - 1}"
                yield events.Noted(f"no better {settings.best} for {stale} epochs: {stopped}")
                break
            epoch = progress.epoch
            began, told = time.monotonic(), time.monotonic()
            watch = LossWatch(progress.loss_sums, progress.loss_counts)
            thawed = [part for part, first in settings.unfreeze.items() if first == epoch]
            if thawed:
                yield events.Noted(f"epoch {epoch}: no longer frozen: {', '.join(thawed)}")
            network.train()
            freeze(network, frozen_at(settings, epoch, mixing.frozen(epoch)), state.copied)
            updates = mixing.updates(epoch)
            pictures, before = 0, progress.updates
            for update in mixing.epoch(epoch)[progress.updates :]:
                group = [next(batches) for _ in update]
                rate = learning_rate(progress.step, total_updates, warmup, settings.lr)
                set_learning_rate(state.optimizer, rate)
                losses = add_gradients(
                    network, tasks, weights, group, runtime, state.scaler, teacher
                )
                if losses:  # else not one picture of the update had a label
                    norm = state.update()
                    watch.add(losses, norm, [key for batch in group for key in batch.keys])
                progress.step += 1
                progress.updates += 1
                pictures += sum(len(batch.keys) for batch in group)
                # Asked once: nothing may be saved whose losses were not read.
                stop = interruption.came() is not None
                last = stop or progress.updates == updates
                if last or watch.waiting >= READ_EVERY[device.type]:
                    watch.read(epoch, check_norm=not state.scaler.is_enabled())
                    # Not after a signal: the terminal may be gone, and saving comes first.
                    if not stop and (last or time.monotonic() - told > 0.1):
                        told = time.monotonic()
                        spent = told - began
                        yield events.Stepped(
                            epoch=epoch,
                            update=progress.updates,
                            updates=updates,
                            step=progress.step,
                            steps=total_updates,
                            updates_per_second=(progress.updates - before) / spent,
                            pictures_per_second=pictures / spent,
                            learning_rate=rate,
                            losses=watch.means(),
                        )
                if stop:
                    break
            trained = time.monotonic() - began
            progress.seconds += trained
            judged = NetworkAnswers(state.judged.eval(), tasks, runtime)
            judging = evaluate(judged, tasks, feed.judging(), records["val"], "val")
            meters = yield from until(interruption, judging)
            if meters is None:
                yield events.Saved(state.save(run, ["last"], {"epoch": epoch}))
                yield _ended(progress, run, config, network, interrupted=interruption.came())
                return

            metrics = {name: meter.compute() for name, meter in meters.items()}
            score = mean_score(tasks, metrics)
            value = value_of(settings.best, tasks, score, metrics)
            taken = progress.judge(tasks, metrics, value)
            seconds = time.monotonic() - began
            progress.seconds += seconds - trained
            changes = {
                name: _difference(metrics[name][task.primary], progress.primaries.get(name))
                for name, task in tasks.items()
            }
            ended = events.EpochEnded(
                epoch=epoch,
                epochs=settings.epochs,
                losses=watch.means(),
                metrics=metrics,
                changes=changes,
                score=score,
                is_best="best" in taken,
                best_of=tuple(n.removeprefix("best-") for n in taken if n != "best"),
                pictures_per_second=pictures / trained if trained else 0.0,
                seconds=seconds,
            )
            progress.primaries = {n: metrics[n][task.primary] for n, task in tasks.items()}
            progress.epoch, progress.updates = epoch + 1, 0
            progress.loss_sums, progress.loss_counts = {}, {}
            run.log(epoch_line(ended))
            facts = model_facts(epoch, score, metrics)
            yield events.Saved(state.save(run, ["last", *taken], facts))
            yield ended

    # What the best epoch looks like, from its checkpoint and the pictures as anybody would see it.
    best = runtime.place(load_network(run.checkpoint("best"), model))
    answers = NetworkAnswers(best, tasks, runtime)
    began = time.monotonic()
    pictures_alone = Feed(config, tasks, records, device, inputs=model.inputs).judging()
    meters = yield from evaluate(answers, tasks, pictures_alone, records["val"], "val")
    results = task_results(tasks, meters, records["val"])
    evaluation = events.EvaluationEnded(
        checkpoint=run.checkpoint("best"),
        split="val",
        images=len(records["val"]),
        seconds=time.monotonic() - began,
        tasks=results,
    )
    replace_text(run.metrics, json.dumps(results_json(evaluation), indent=1))
    plot_curves(run.history(), run.plots)
    for name, meter in meters.items():
        if (table := meter.confusion()) is not None:
            plot_confusion(name, *table, run.plots)
    show_predictions(run, answers, model, records["val"])
    if store is not None:
        store.remove()
    yield _ended(progress, run, config, network, results, standing)


def _difference(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


def _ended(
    progress: Progress,
    run: Run,
    config: Config,
    network: Network,
    results: Mapping[str, events.TaskResult] | None = None,
    standing: Before | None = None,
    interrupted: int | None = None,
) -> events.TrainingEnded:
    score = progress.best.get("best")
    shared, own = network.parameters_by_use()
    return events.TrainingEnded(
        run=run.path,
        best_epoch=progress.best_epoch,
        epochs_done=progress.epoch - 1,
        epochs=config.train.epochs,
        score=score if score is not None and math.isfinite(score) else None,
        best_by=config.train.best,
        results=results or {},
        seconds=progress.seconds,
        shared_parameters=shared,
        own_parameters=sum(own.values()),
        splits=tuple(names_of(config.data.splits) if config.data.splits is not None else ()),
        compared=standing.compare(results) if standing is not None and results else None,
        interrupted=interrupted,
    )
