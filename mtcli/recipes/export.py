"""mtcli export: a model as one file that runs without mtcli, held against its checkpoint."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from mtcli.core.answering import Opened
from mtcli.core.checkpoint import load_network
from mtcli.core.config import Config
from mtcli.core.data.dataset import Collate, RecordDataset
from mtcli.core.data.loader import load_batches
from mtcli.core.errors import DataError, MtcliError, UsageError, WorkError
from mtcli.core.events import Event, Noted
from mtcli.core.export.draft import check_place, draft_of, put_in_place
from mtcli.core.export.events import (
    ExportEnded,
    ExportEvent,
    Exporting,
    Loss,
    Verified,
)
from mtcli.core.export.formats import EXPORTERS, Format
from mtcli.core.export.graph import Graph
from mtcli.core.export.manner import Manner
from mtcli.core.export.metadata import chosen, metadata_of
from mtcli.core.export.opened import OpenedExport
from mtcli.core.export.pictures import graph_pictures, one_by_one, resized, some
from mtcli.core.export.program import Program, trace
from mtcli.core.export.verifying import Verification, cut, latencies
from mtcli.core.mixing import in_order
from mtcli.core.run import WEIGHTS
from mtcli.core.runtime import Runtime
from mtcli.recipes.evaluate import Measured, check_tasks, gather, measure

SAMPLES = 16
"""Pictures of the validation split that file and checkpoint are both asked about."""

OTHER_SIZE = 4
"""So many of them in another size too, where any size may come."""

RUNTIME = Runtime(torch.device("cpu"), "fp32")
"""Where both are computed: their latencies are of the same machine and the same numbers."""

Told = Event | ExportEvent
Inputs = Mapping[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be exported, and how.

    Attributes:
        form: the format's name.
        out: where to.
        manner: how.
        tasks: some of the model's, or None for all.
        verify: whether the file is held against the checkpoint.
        calibrate: for int8, pictures of the training split that ranges are measured on.
    """

    form: str
    out: Path
    manner: Manner
    tasks: list[str] | None
    verify: bool
    calibrate: int


def export(opened: Opened, config: Config | None, order: Order) -> Generator[Told, None, None]:
    """Write a checkpoint as a file, see that this says the same, and put it in place.

    Args:
        opened: a checkpoint.
        config: where its data is; None where neither verification nor calibration asks for it.
        order: what is wanted.

    Raises:
        WorkError: the file says something else; it is not put in place.
        MtcliError: see `mtcli.core.errors`.
    """
    check_tasks(opened, order.tasks)
    exporter, manner = EXPORTERS.get(order.form), order.manner
    exporter.require()
    _check_manner(exporter, order)
    replaces = check_place(order.out)
    model = chosen(opened.model, order.tasks)
    samples: Inputs = {}
    calibration: Inputs = {}
    if order.verify:
        samples = yield from _pictures(opened, config, order, "val", SAMPLES)
    if manner.precision == "int8":
        calibration = yield from _pictures(opened, config, order, "train", order.calibrate)

    yield Exporting("trace")
    network = load_network(opened.path, opened.model)
    graph = Graph(network, model.tasks, manner.decoded)
    program = trace(graph, model.size, manner)
    metadata = metadata_of(model, network, program, manner, opened.path, opened.facts)
    with draft_of(order.out) as draft:
        yield Exporting("write" if manner.precision == "fp32" else "calibrate")
        ranges = one_by_one(graph_pictures(calibration, network.inputs)) if calibration else ()
        exporter.write(program, draft, manner, metadata, ranges)
        verified, losses = None, {}
        file = OpenedExport(draft, exporter.read(draft))
        if order.verify:
            verified = yield from _verified(file, graph, opened, program, samples)
            if manner.precision != "fp32" and verified.fine:
                assert config is not None
                losses = yield from _losses(opened, file, config)
        placed = verified is None or verified.fine
        size = draft.stat().st_size
        if placed:
            put_in_place(draft, order.out)
    yield ExportEnded(
        file=order.out,
        placed=placed,
        replaced=placed and replaces,
        form=order.form,
        answers="decoded" if manner.decoded else "raw",
        dynamic=manner.dynamic,
        precision=manner.precision,
        multiple=network.stride,
        size=size,
        size_before=(opened.path / WEIGHTS).stat().st_size,
        inputs={
            name: (tuple(said["shape"]), said["dtype"])
            for name, said in metadata["export"]["inputs"].items()
        },
        outputs={
            name: (tuple(shape), program.dtypes[name]) for name, shape in program.outputs.items()
        },
        verified=verified,
        losses=losses,
    )
    if verified is not None and not verified.fine:
        raise _refused(verified, order.out)


def _check_manner(exporter: Format, order: Order) -> None:
    """See that a format can be written in this manner.

    Raises:
        UsageError: it cannot.
    """
    if order.manner.precision not in exporter.precisions:
        raise UsageError(
            f"--precision {order.manner.precision}: not with --format {order.form}",
            expected=f"{' or '.join(exporter.precisions)}: its operators are torch's own, which "
            "have whole numbers for some processors only",
            mend="--format onnx",
        )
    if order.manner.opset is not None and not exporter.opsets:
        raise UsageError(
            f"--opset has no place here: {order.form} has no versions of operators to choose",
            mend="leave it out",
        )


def _pictures(
    opened: Opened, config: Config | None, order: Order, split: str, count: int
) -> Generator[Told, None, Inputs]:
    """Some pictures of a split as one batch at the working size.

    Raises:
        DataError: the data is not where the config says.
    """
    assert config is not None
    model = opened.model
    try:
        _, records = yield from gather(opened, config, split, order.tasks, count, whole=True)
    except MtcliError as error:
        mend = "--config FILE says where the data is"
        if split == "val":
            mend += "; --no-verify exports without a look at it"
        raise DataError(error.what, **{**error.parts(), "mend": mend}) from None
    batches = load_batches(
        RecordDataset(records, {}, model.size, model.resize, inputs=model.inputs),
        Collate({}, model.size, with_targets=False, inputs=model.inputs),
        lambda: in_order(len(records), len(records)),
        0,
        RUNTIME.device,
    )
    return next(batches).inputs


def _verified(
    file: OpenedExport, graph: Graph, opened: Opened, program: Program, samples: Inputs
) -> Generator[Told, None, Verified]:
    """Hold the answers of a file against the network's."""
    model, manner = file.model, file.manner
    verification = Verification(graph, file.session, program, model.tasks, manner)
    pictures = graph_pictures(samples, graph.network.inputs)
    rounds = [(pictures, model.size)]
    if manner.dynamic == "size":
        size = (model.size[0] + graph.network.stride, model.size[1] + 2 * graph.network.stride)
        rounds.append((resized(some(pictures, 0, OTHER_SIZE), size), size))
    batches = [(piece, size) for own, size in rounds for piece in cut(own, manner)]
    for done, (piece, size) in enumerate(batches):
        yield Exporting("verify", done, len(batches))
        verification.compare(piece, size)
    yield Exporting("time")
    both = [one.answers([*model.tasks], RUNTIME) for one in (file, opened)]
    seconds, before = latencies(both, {name: own[:1] for name, own in samples.items()}, model.size)
    return Verified(
        pictures=len(next(iter(pictures.values()))),
        batches=tuple(sorted({len(next(iter(piece.values()))) for piece, _ in batches})),
        sizes=tuple(size for _, size in rounds),
        tensors=tuple(verification.tensors()),
        tasks=verification.agreements(),
        seconds=seconds,
        seconds_before=before,
    )


def _losses(
    opened: Opened, file: OpenedExport, config: Config
) -> Generator[Told, None, dict[str, Loss]]:
    """What each task's primary metric is with the checkpoint, and with the file."""
    only = [name for name in file.model.tasks if name in config.tasks]
    found = []
    for model in (opened, file):
        measuring = measure(model, config, "val", only)
        found.append((yield from _without_notes(measuring)))
    return {
        name: Loss(
            task.primary,
            task.metrics[task.primary],
            *(measured.meters[name].compute()[task.primary] for measured in found),
        )
        for name, task in found[0].tasks.items()
    }


def _without_notes(
    measuring: Generator[Event, None, Measured],
) -> Generator[Told, None, Measured]:
    """A measurement that says no more than how far it is: what there is to note was noted."""
    while True:
        try:
            event = next(measuring)
        except StopIteration as end:
            measured: Measured = end.value
            return measured
        if not isinstance(event, Noted):
            yield event


def _refused(verified: Verified, out: Path) -> WorkError:
    """What to say of the check that failed by most."""
    broken = [check for check in verified.tensors if not check.numbers]
    far = [check for check in verified.tensors if not check.fine and check.numbers]
    if broken:
        found = f"{broken[0].name} holds NaN or infinity, where the checkpoint's holds numbers"
    elif far:
        worst = max(far, key=lambda check: check.apart)
        found = (
            f"{worst.name} differs by up to {worst.largest:.3g}, and {worst.apart:.1%} of it by "
            f"more than {worst.tolerance:.3g}"
        )
    else:
        name, task = min(verified.tasks.items(), key=lambda item: item[1].agreement)
        found = f"{name} agrees with the checkpoint to {task.agreement:.3f} only"
    return WorkError(
        "the file does not say what the checkpoint says, and was not put in place",
        where=out,
        found=found,
        mend="--no-verify puts it there all the same; --dynamic none or --raw may be right",
    )
