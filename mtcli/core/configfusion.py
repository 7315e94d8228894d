"""What a config says of several inputs: that there are several, and that each is some task's."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from mtcli.core.config import TASK_NAME, DataConfig, TaskConfig, TrainConfig
from mtcli.core.configinputs import InputArrays, InputMaps, Inputs
from mtcli.core.configmodel import ModelConfig
from mtcli.core.configtasks import Error
from mtcli.core.errors import ConfigError, did_you_mean

SEVERAL = "several, as in data.inputs: {rgb: images, depth: depth}"


def inputs_of(data: DataConfig, task: TaskConfig) -> Inputs:
    """A task's inputs by name; none where it has one picture."""
    return task.inputs or (None if task.images is not None else data.inputs) or {}


def input_names(data: DataConfig, tasks: Mapping[str, TaskConfig]) -> list[str]:
    """The names of all tasks' inputs, those of `data` first."""
    had = dict.fromkeys(name for task in tasks.values() for name in inputs_of(data, task))
    first = [name for name in data.inputs or () if name in had]
    return first + [name for name in had if name not in first]


def shares_left_out(train: TrainConfig, names: Iterable[str]) -> dict[str, float]:
    """The probability of leaving out each input, in training."""
    said = train.input_dropout
    return {name: said.get(name, 0.0) if isinstance(said, dict) else said for name in names}


def needed_inputs(
    data: DataConfig, train: TrainConfig, tasks: Mapping[str, TaskConfig]
) -> tuple[DataConfig, TrainConfig]:
    """What a config says of inputs, as far as some of its tasks have them.

    So that a config of these tasks alone, as a run keeps it, is one that can be read again. Where
    splits are drawn, the inputs of `data` stay: another task may say how.
    """
    names = input_names(data, tasks)
    inherited = any(task.inputs is None and task.images is None for task in tasks.values())
    if data.inputs and data.stratify_by is None and not inherited:
        data = data.model_copy(update={"inputs": None})
    if isinstance(train.input_dropout, dict):
        kept = {name: share for name, share in train.input_dropout.items() if name in names}
        train = train.model_copy(update={"input_dropout": kept or 0.0})
    return data, train


def check_inputs(
    data: DataConfig,
    model: ModelConfig,
    train: TrainConfig,
    tasks: Mapping[str, TaskConfig],
    error: Error,
    whole: bool = True,
) -> None:
    """See that inputs and fusion go together, and that every input is some task's.

    Args:
        data: where pictures are.
        model: which fusion.
        train: what is left out, or cached.
        tasks: those that are chosen.
        error: makes an error of a key.
        whole: whether these are all that the config knows.

    Raises:
        ConfigError: what is wrong.
    """
    for key, images, inputs in (
        ("data", data.images, data.inputs),
        *((f"tasks.{name}", task.images, task.inputs) for name, task in tasks.items()),
    ):
        if images is not None and inputs is not None:
            raise error(
                f"{key}.inputs",
                f"beside {key}.images",
                mend="leave one of the two out: the first input is the picture",
            )
        _check_places(inputs or {}, f"{key}.inputs", error)
    names = input_names(data, tasks)
    if not names:
        _refuse_fusion(model, train, error)
        return
    for name, task in tasks.items():
        if task.images is not None or (task.inputs is None and data.inputs is None):
            raise error(
                f"tasks.{name}.inputs",
                "is required and missing",
                expected=f"names of its inputs, as other tasks have them: {', '.join(names)}",
                found="images" if task.images is not None else None,
                mend=f"inputs: {{{names[0]}: FOLDER}}",
            )
    for name in data.inputs or ():
        if whole and name not in names:
            raise error(
                f"data.inputs.{name}",
                "an input that no task has",
                found="every task has inputs of its own",
                mend="leave it out, or add it to a task's",
            )
    if len(names) == 1 and not whole:
        raise _one_is_left(data, model, train, tasks, error)
    _check_fusion(model, names, error)
    if isinstance(train.input_dropout, dict) and whole:
        for name in train.input_dropout:
            if name not in names:
                mend = did_you_mean(name, names)
                raise error(f"train.input_dropout.{name}", "no such input", mend=mend)
    if train.cache_features:
        raise error(
            "train.cache_features",
            "features cannot be cached where several inputs are fused",
            mend="leave it out",
        )


def _check_places(inputs: Inputs, key: str, error: Error) -> None:
    for name in inputs:
        if not TASK_NAME.match(name):
            raise error(
                f"{key}.{name}", "an input's name is letters, digits, _ and -, a letter first"
            )
    rows = {name: isinstance(place, InputArrays) for name, place in inputs.items()}
    if len({*rows.values()}) > 1:
        raise error(
            key,
            "arrays beside folders, whose files have no row numbers",
            found=", ".join(
                f"{name} {'an array' if is_ else 'files'}" for name, is_ in rows.items()
            ),
        )
    first = next(iter(inputs), None)
    place = None if first is None else inputs[first]
    if isinstance(place, InputMaps) and place.suffix:
        raise error(
            f"{key}.{first}.suffix",
            "the first input names the pictures as its files are called",
            mend="leave it out, or name another input first",
        )


def _refuse_fusion(model: ModelConfig, train: TrainConfig, error: Error) -> None:
    if model.fusion:
        raise error(
            "model.fusion",
            "there is one input, and nothing to fuse",
            expected=SEVERAL,
            mend="leave it out",
        )
    if train.input_dropout:
        raise error(
            "train.input_dropout",
            "there is one input, which always stays",
            expected=SEVERAL,
            mend="leave it out",
        )


def _one_is_left(
    data: DataConfig,
    model: ModelConfig,
    train: TrainConfig,
    tasks: Mapping[str, TaskConfig],
    error: Error,
) -> ConfigError:
    """What to say where the chosen tasks have one input, whatever the others have."""
    sets = ["model.fusion=null"] if model.fusion else []
    sets += ["train.input_dropout=0"] if train.input_dropout else []
    for name, task in tasks.items():
        sets += [f"tasks.{name}.inputs=null"] if task.inputs else []
        place = next(iter(inputs_of(data, task).values()))
        sets.append(f"tasks.{name}.images={place if isinstance(place, Path) else '…'}")
    return error(
        "model.fusion" if model.fusion else "data.inputs",
        f"--tasks {','.join(tasks)} leaves one input, and nothing to fuse",
        found=", ".join(input_names(data, tasks)),
        mend="choose a task with other inputs too, or train on pictures: "
        + " ".join(f"--set {shlex.quote(text)}" for text in sets),
    )


def _check_fusion(model: ModelConfig, names: list[str], error: Error) -> None:
    from mtcli.core.fusion import FUSIONS

    if len(names) == 1:
        raise error(
            "model.fusion" if model.fusion else "data.inputs",
            "there is one input, and nothing to fuse",
            expected="several inputs, or data.images",
            found=names[0],
        )
    if model.fusion is None:
        raise error(
            "model.fusion",
            f"is required for several inputs ({', '.join(names)})",
            expected=" or ".join(FUSIONS.names()),
        )
    if model.fusion not in FUSIONS.names():
        raise error(
            "model.fusion",
            f"no such way of fusion: {model.fusion}",
            mend=did_you_mean(model.fusion, FUSIONS.names()),
        )
