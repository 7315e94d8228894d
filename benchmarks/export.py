"""What a trained model is as a file: in each format, and as one file beside one for each task."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.trainings import begin, take_turns
from mtcli.core.answering import Opened
from mtcli.core.config import Config
from mtcli.core.configfile import load_config
from mtcli.core.data.dataset import Collate, RecordDataset
from mtcli.core.data.gather import load_records
from mtcli.core.data.loader import load_batches
from mtcli.core.export.formats import EXPORTERS
from mtcli.core.export.manner import Manner
from mtcli.core.export.verifying import latencies
from mtcli.core.mixing import in_order
from mtcli.core.opening import open_model
from mtcli.core.run import Run
from mtcli.recipes.evaluate import measure as measured
from mtcli.recipes.export import RUNTIME, Order, export

FORMS = {
    "onnx, fp32": ("onnx", Manner()),
    "onnx, int8": ("onnx", Manner(precision="int8")),
    "pt2": ("pt2", Manner()),
}
CALIBRATE = 128
"""Pictures of the training split that int8 is calibrated on."""

R = TypeVar("R")


def measure(run: Path | None, config: Path, sets: Sequence[str]) -> list[dict[str, Any]]:
    """A row for the checkpoint and one for each format: what it says of val, and what it costs.

    Milliseconds are medians of one picture at a time, decoding included, the models in turn; the
    ratio is to the checkpoint's.

    Args:
        run: to be exported; None: one that is trained now.
        config: to train it with.
        sets: changes of that, or of the run's own config.
    """
    with _trained(run, config, sets) as (model, loaded), tempfile.TemporaryDirectory() as scratch:
        models = {"checkpoint": model}
        for title, (form, manner) in FORMS.items():
            models[title] = _exported(model, loaded, form, manner, Path(scratch) / title, None)
        seconds = _in_turn([*models.values()], loaded)
        rows = []
        for (title, own), each in zip(models.items(), seconds, strict=True):
            file = own.path / "model.safetensors" if own.path.is_dir() else own.path
            row: dict[str, Any] = {"": title, "MB": file.stat().st_size / 1e6}
            row |= {"ms": each * 1000, "ratio": each / seconds[0]}
            result = _end(measured(own, loaded, "val", None))
            for name, task in result.tasks.items():
                row[f"{name} {task.primary}"] = result.meters[name].compute()[task.primary]
            rows.append(row)
        return rows


def measure_apart(run: Path | None, config: Path, sets: Sequence[str]) -> list[dict[str, Any]]:
    """One ONNX file of all tasks beside one for each of them, asked one after another.

    The arguments, and milliseconds, are those of `measure`.
    """
    form, manner = FORMS["onnx, fp32"]
    with _trained(run, config, sets) as (model, loaded), tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        together = _exported(model, loaded, form, manner, place / "all", None)
        apart = {
            f"{name} alone": _exported(model, loaded, form, manner, place / name, [name])
            for name in model.model.tasks
        }
        one, *each = _in_turn([together, *apart.values()], loaded)
        sizes = [own.path.stat().st_size / 1e6 for own in apart.values()]
        whole = together.path.stat().st_size / 1e6
        return [
            *(
                {"": title, "MB": size, "ms": seconds * 1000}
                for title, size, seconds in zip(apart, sizes, each, strict=True)
            ),
            {"": "one after another", "MB": sum(sizes), "ms": sum(each) * 1000},
            {"": "one file of all", "MB": whole, "ms": one * 1000},
            {"": "ratio", "MB": whole / sum(sizes), "ms": one / sum(each)},
        ]


@contextmanager
def _trained(
    run: Path | None, config: Path, sets: Sequence[str]
) -> Iterator[tuple[Opened, Config]]:
    """A model, and the config that says where its data is."""
    if run is not None:
        yield open_model(run), load_config(Run.open(run).config, sets)
        return
    training = begin(config, sets)
    take_turns([training])
    assert training.ended is not None
    yield open_model(training.ended.run), load_config(config, sets)
    training.scratch.cleanup()


def _exported(
    model: Opened, config: Config, form: str, manner: Manner, out: Path, tasks: list[str] | None
) -> Opened:
    out = out.with_name(out.name.replace(", ", "-") + EXPORTERS.get(form).ending)
    order = Order(form, out, manner, tasks, verify=False, calibrate=CALIBRATE)
    for _ in export(model, config, order):
        pass
    return open_model(out)


def _in_turn(models: Sequence[Opened], config: Config) -> list[float]:
    """The median seconds of each for the first picture of val."""
    model = models[0].model
    first = load_records(config.data, config.tasks, "val")[:1]
    dataset = RecordDataset(first, {}, model.size, model.resize, inputs=model.inputs)
    collate = Collate({}, model.size, with_targets=False, inputs=model.inputs)
    (batch,) = load_batches(dataset, collate, lambda: in_order(1, 1), 0, RUNTIME.device)
    answers = [own.answers([*own.model.tasks], RUNTIME) for own in models]
    return latencies(answers, batch.inputs, model.size)


def _end(told: Generator[object, None, R]) -> R:
    """What comes of something that tells of its progress."""
    while True:
        try:
            next(told)
        except StopIteration as end:
            result: R = end.value
            return result
