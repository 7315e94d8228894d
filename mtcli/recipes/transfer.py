"""mtcli transfer: a network that starts from the weights of others, trained on or kept as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mtcli.core.architecture import trunk_rates, trunks_of
from mtcli.core.assembly import assemble, teacher_of
from mtcli.core.config import Config
from mtcli.core.configfile import dump_config
from mtcli.core.data.gather import draw_once, keep_drawn
from mtcli.core.data.prepare import check_pictures_and_labels
from mtcli.core.data.records import digest, require_judgement, require_labels
from mtcli.core.events import Event
from mtcli.core.mixing.build import build_mixing
from mtcli.core.opening import open_model
from mtcli.core.run import Run, replace_text
from mtcli.core.runtime import choose_runtime, describe_environment
from mtcli.core.summary import transfer_planned
from mtcli.core.training_state import TrainingState
from mtcli.core.transfer.events import Initialised
from mtcli.core.transfer.gate import Before, Standing
from mtcli.recipes.evaluate import Measured, measure
from mtcli.recipes.train import NewRun, train


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a network that learns another task must not lose.

    Attributes:
        origin: the checkpoint as it was.
        tasks: that it knew.
        allowed: by how much each one's primary metric may get worse; None: by any amount.
    """

    origin: Path
    tasks: Sequence[str]
    allowed: float | None


def transfer(config: Config, where: NewRun, keeping: Keeping | None = None) -> Iterator[Event]:
    """Train a network that starts as the config's `transfer` says.

    With `keeping`, the old tasks are measured before and after: the origin's best and the new
    run's best on the same pictures. The run holds what they came to before, so that `train` of
    that run compares them too, should it have to go on.

    Raises:
        MtcliError: see `mtcli.core.errors`.
    """
    config = draw_once(config)
    if keeping is not None:
        if where.name is not None:
            Run.refuse_existing(where.runs / where.name)
        known = {name: config.tasks[name] for name in keeping.tasks}
        old = config.model_copy(update={"tasks": known})
        measured = yield from measure(open_model(keeping.origin), old, "val", keeping.tasks)
        where = replace(where, before=_before(measured, keeping.allowed))
    yield from train(config, where)


def initialise(config: Config, where: NewRun) -> Iterator[Event]:
    """Leave a run whose checkpoint is the network as it starts, without a step.

    Raises:
        MtcliError: see `mtcli.core.errors`.
    """
    config = draw_once(config)
    if where.name is not None:
        Run.refuse_existing(where.runs / where.name)
    assembly = assemble(config)
    yield transfer_planned(config, assembly)
    # Training goes on with these pictures: what a look at them leaves out is to be left out here.
    records = {}
    for split, listed in assembly.records.items():
        records[split] = yield from check_pictures_and_labels(
            config.data, listed, assembly.model.tasks, split
        )
    # All that would stop a training with this config is said here, where it can still be mended.
    for name in assembly.model.tasks:
        require_labels(records["train"], name)
    yield from require_judgement(records["val"], config.train.best, assembly.model.tasks)
    build_mixing(config.train, config.tasks, records["train"])
    runtime = choose_runtime("cpu", "fp32")
    teacher_of(config, assembly, runtime)
    state = TrainingState(
        assembly.network,
        assembly.model,
        config.train,
        trunk_rates(
            config.train,
            trunks_of(config.model, config.tasks),
            assembly.network.parts,
            assembly.copied,
        ),
        assembly.copied,
        runtime,
        digest(records),
    )
    run = Run.create(where.runs, where.name, where.stem)
    replace_text(run.config, dump_config(keep_drawn(config, run.path), run.path))
    replace_text(run.environment, json.dumps(describe_environment(runtime), indent=1))
    yield Initialised(run.path, state.save(run, ["last"], {"epoch": 0}))


def _before(measured: Measured, allowed: float | None) -> Before:
    standings = {}
    for name, meter in measured.meters.items():
        task = measured.tasks[name]
        value = meter.compute()[task.primary]
        standings[name] = Standing(
            primary=task.primary, better=task.metrics[task.primary], before=value
        )
    return Before(max_drop=allowed, tasks=standings)
