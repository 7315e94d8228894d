"""mtcli train: several tasks learn on one shared trunk."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mtcli.core import events
from mtcli.core.assembly import assemble
from mtcli.core.checkpoint import (
    load_network,
    load_training,
    model_facts,
    save_checkpoint,
)
from mtcli.core.config import Config
from mtcli.core.configfile import dump_config, split_names
from mtcli.core.data.augment import Augment
from mtcli.core.data.dataset import Collate, RecordDataset
from mtcli.core.data.loader import load_batches, worker_count
from mtcli.core.data.prepare import check_pictures_and_labels
from mtcli.core.data.records import Record
from mtcli.core.evaluation import evaluate, mean_score
from mtcli.core.events import Event, TaskSummary
from mtcli.core.interruption import Interruption
from mtcli.core.losses import add_gradients
from mtcli.core.mixing import JointMixing, in_order
from mtcli.core.network import Network
from mtcli.core.optimization import (
    WeightAverage,
    build_optimizer,
    learning_rate,
    set_learning_rate,
)
from mtcli.core.plots import plot_confusion, plot_curves
from mtcli.core.progress import Progress, value_of
from mtcli.core.results import results_json, show_predictions, task_results
from mtcli.core.run import Run, replace_text
from mtcli.core.runtime import choose_runtime, describe_environment
from mtcli.core.task import Meter
from mtcli.core.watch import LossWatch

READ_EVERY = {"cpu": 1, "cuda": 10}
"""Updates between two looks at the losses: each look waits for the device."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """Where a fresh training leaves its run: `name`, or the next free number behind `stem`."""

    runs: Path
    name: str | None
    stem: str


def train(config: Config, where: NewRun | Run) -> Iterator[Event]:
    """Train as a config says, into a new run, or go on with one that was stopped.

    Everything that can be wrong with config or data is said before the run's folder exists.
    After a stop, training goes on from the last checkpoint as if it had never stopped.

    Raises:
        MtcliError: see `mtcli.core.errors`.
    """
    resumed = where if isinstance(where, Run) else None
    checkpoint = resumed.checkpoint("last") if resumed and resumed.index() else None
    settings, data = config.train, config.data
    runtime = choose_runtime(settings.device, settings.precision)
    weights = {name: task.weight for name, task in config.tasks.items()}

    # Labels, tasks and network: small work that finds most mistakes.
    assembly = assemble(config, checkpoint)
    model, network, tasks = assembly.model, assembly.network, assembly.model.tasks
    if assembly.weights is not None and assembly.weights.unused:
        unused = assembly.weights.unused
        yield events.Noted(f"weights: {len(unused)} tensors not used ({unused[0]} …)")

    # One look at every picture and label.
    records: dict[str, list[Record]] = {}
    for split, listed in assembly.records.items():
        records[split] = yield from check_pictures_and_labels(data, listed, tasks)

    # The state that moves.
    device = runtime.device
    runtime.place(network)
    optimizer = build_optimizer(network, settings, "trunk." if config.model.weights else None)
    scaler = torch.amp.GradScaler(device.type, enabled=runtime.precision == "fp16")
    average = WeightAverage(network, settings.ema) if settings.ema is not None else None
    progress = Progress()
    if checkpoint is not None:
        state = load_training(checkpoint)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        scaler.load_state_dict(state["scaler"])
        if average is not None:
            average.network.load_state_dict(load_network(checkpoint, model).state_dict())
            average.updates = state["average_updates"]
        progress = Progress(**state["progress"])
        torch.set_rng_state(state["generator"])
        if device.type == "cuda":
            torch.cuda.set_rng_state(state["device_generator"], device)
    judged = average.network if average is not None else network

    # How batches come.
    mixing = JointMixing(
        len(records["train"]), settings.batch_size, settings.accumulate, settings.seed
    )
    total_updates = settings.epochs * mixing.updates
    workers = worker_count(data.workers, device)
    collate = Collate(tasks, data.size)
    learning = RecordDataset(
        records["train"],
        tasks,
        data.size,
        data.resize,
        Augment(data.augment, data.size),
        settings.seed,
    )
    judging = RecordDataset(records["val"], tasks, data.size, data.resize, with_truth=True)
    first_epoch, first_update = progress.epoch, progress.updates
    batches = load_batches(
        learning,
        collate,
        lambda: mixing.batches(first_epoch, settings.epochs, first_update),
        workers,
        device,
    )

    def validate(network: Network) -> Generator[Event, None, dict[str, Meter]]:
        pictures = len(records["val"])
        draws = lambda: in_order(pictures, settings.batch_size)
        loaded = load_batches(judging, collate, draws, workers, device)
        return (yield from evaluate(network, tasks, loaded, pictures, runtime, "val"))

    # From here on there is a run.
    run = resumed or Run.create(where.runs, where.name, where.stem)  # type: ignore[union-attr]
    if resumed is None:
        replace_text(run.config, dump_config(config))
    replace_text(run.environment, json.dumps(describe_environment(runtime), indent=1))
    run.forget_after(progress.epoch)
    shared, own = network.parameters_by_use()
    yield events.TrainingStarted(
        run=run.path,
        config=run.path.name,
        pictures={split: len(kept) for split, kept in records.items()},
        device=str(device),
        precision=runtime.precision,
        seed=settings.seed,
        trunk=config.model.trunk,
        weights=config.model.weights,
        shared_parameters=shared,
        tasks={
            name: TaskSummary(
                kind=task.kind,
                classes=len(getattr(task.facts, "classes", ())) or None,
                labelled=sum(name in record.labels for record in records["train"]),
                parameters=own[name],
                primary=task.primary,
            )
            for name, task in tasks.items()
        },
        epochs=settings.epochs,
        updates=mixing.updates,
        first_epoch=first_epoch,
        first_update=first_update,
    )

    def save(names: list[str], facts: dict[str, Any]) -> events.Saved:
        """A checkpoint of this moment; `names` are what the index is to call it."""
        training = {
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scaler": scaler.state_dict(),
            "average_updates": average.updates if average is not None else 0,
            "progress": progress.to_dict(),
            "generator": torch.get_rng_state(),
            "device_generator": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        }
        folder = save_checkpoint(run.checkpoints, progress.step, model, judged, training, facts)
        run.point({**run.index(), **dict.fromkeys(names, folder)})
        return events.Saved(run.checkpoints / folder)

    with Interruption() as interruption, closing(batches):
        while progress.epoch <= settings.epochs:
            if settings.patience is not None and progress.stale >= settings.patience:
                stale = f"no better {settings.best} for {progress.stale} epochs"
                yield events.Noted(f"{stale}: stopped after epoch {progress.epoch - 1}")
                break
            epoch = progress.epoch
            began, told = time.monotonic(), time.monotonic()
            watch = LossWatch(progress.loss_sums, progress.loss_counts)
            network.train()
            pictures, rate = 0, 0.0
            for update in mixing.epoch(epoch)[progress.updates :]:
                group = [next(batches) for _ in update]
                rate = learning_rate(
                    progress.step, total_updates, settings.warmup * mixing.updates, settings.lr
                )
                set_learning_rate(optimizer, rate)
                losses = add_gradients(network, tasks, weights, group, runtime, scaler)
                scaler.unscale_(optimizer)
                norm = torch.nn.utils.clip_grad_norm_(
                    network.parameters(), settings.clip or math.inf
                )
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad(set_to_none=True)
                if average is not None:
                    average.update(network)
                progress.step += 1
                progress.updates += 1
                pictures += sum(len(batch.keys) for batch in group)
                watch.add(losses, norm, [key for batch in group for key in batch.keys])
                last = progress.updates == mixing.updates or interruption.came() is not None
                if last or watch.waiting >= READ_EVERY[device.type]:
                    watch.read(epoch, check_norm=not scaler.is_enabled())
                    if last or time.monotonic() - told > 0.1:
                        told = time.monotonic()
                        speed = pictures / (told - began)
                        yield events.Stepped(epoch, progress.updates, speed, rate, watch.means())
                if interruption.came() is not None:
                    break
            trained = time.monotonic() - began
            progress.seconds += trained
            if interruption.came() is not None:
                yield save(["last"], {"epoch": epoch})
                yield _ended(progress, run, config, shared, own, interrupted=interruption.came())
                return

            meters = yield from validate(judged)
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
                best=tuple(name.removeprefix("best-") for name in taken),
                pictures_per_second=pictures / trained if trained else 0.0,
                seconds=seconds,
            )
            progress.primaries = {n: metrics[n][task.primary] for n, task in tasks.items()}
            progress.epoch, progress.updates = epoch + 1, 0
            progress.loss_sums, progress.loss_counts = {}, {}
            run.log(_logged(ended, rate))
            yield save(["last", *taken], model_facts(epoch, score, metrics))
            yield ended
            if interruption.came() is not None:
                yield _ended(progress, run, config, shared, own, interrupted=interruption.came())
                return

    # What the best epoch looks like, from its checkpoint as anybody would load it.
    best = runtime.place(load_network(run.checkpoint("best"), model))
    began = time.monotonic()
    meters = yield from validate(best)
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
    show_predictions(run, best, tasks, records["val"], data.size, data.resize, runtime)
    yield _ended(progress, run, config, shared, own, results=results)


def _difference(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


def _logged(ended: events.EpochEnded, rate: float) -> dict[str, Any]:
    return {
        "event": "epoch",
        "epoch": ended.epoch,
        "losses": dict(ended.losses),
        "metrics": {name: dict(values) for name, values in ended.metrics.items()},
        "score": ended.score,
        "best": list(ended.best),
        "learning_rate": rate,
        "seconds": round(ended.seconds, 3),
    }


def _ended(
    progress: Progress,
    run: Run,
    config: Config,
    shared: int,
    own: Mapping[str, int],
    results: Mapping[str, events.TaskResult] | None = None,
    interrupted: int | None = None,
) -> events.TrainingEnded:
    score = progress.best.get("best")
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
        splits=tuple(split_names(config.data) or ()),
        interrupted=interrupted,
    )
