"""What `data` and `train` say of tasks: that they exist, and what holds for some of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from fnmatch import fnmatchcase

from pydantic import PositiveFloat

from mtcli.core.config import (
    RESERVED,
    TASK_NAME,
    DataConfig,
    LabelSource,
    TaskConfig,
    TrainConfig,
)
from mtcli.core.configinputs import Inputs
from mtcli.core.configlayers import SharedLayer
from mtcli.core.configmixing import MixingConfig
from mtcli.core.configsplits import DrawnSplits, Images, Splits
from mtcli.core.errors import ConfigError, did_you_mean
from mtcli.core.options import Options

Error = Callable[..., ConfigError]
"""Makes an error of a key, what is wrong, and its other parts."""


TASK_KEYS = ("kind", "labels", "weight", "images", "inputs", "splits", "trunk", "shared_fc")
"""What an entry of `tasks` may hold beside the options of its kind."""

SOURCE_KEYS = ("labelled_classes", "names_from")
"""What an entry of `labels` may hold beside the options of its format."""


class TaskCommon(Options):
    """What a task of any kind may say."""

    weight: PositiveFloat = 1.0
    images: Images | None = None
    inputs: Inputs | None = None
    splits: Splits | None = None
    trunk: str | None = None
    shared_fc: SharedLayer | None = None


def check_name(name: str, key: str, error: Error) -> None:
    """See that a task can be called so.

    Raises:
        ConfigError: it cannot.
    """
    if not TASK_NAME.match(name):
        raise error(key, "a task's name is letters, digits, _ and -, a letter first")
    if name in RESERVED:
        raise error(key, f"{name} means {RESERVED[name]}", mend="call the task otherwise")


def check_places(data: DataConfig, tasks: Mapping[str, TaskConfig], error: Error) -> None:
    """See that every task has pictures and splits.

    Raises:
        ConfigError: one has not.
    """
    splits = {"data": data.splits} | {f"tasks.{name}": task.splits for name, task in tasks.items()}
    for key, said in splits.items():
        if isinstance(said, dict | tuple) and not said:
            raise error(f"{key}.splits", "names no split")
    for name, task in tasks.items():
        for part, own, common in (
            ("images", task.pictures, data.pictures),
            ("splits", task.splits, data.splits),
        ):
            if own is None and common is None:
                raise error(
                    f"data.{part}",
                    "is required and missing",
                    expected=f"it, or tasks.{name}.{part}",
                )


def refuse_drawn(splits: Splits | None, key: str, error: Error) -> None:
    """See that the splits of a task are not drawn: those of all tasks are drawn at once.

    Raises:
        ConfigError: they are.
    """
    if isinstance(splits, DrawnSplits):
        raise error(
            key,
            "only data.splits can be drawn by fractions",
            mend="a list or folder for each split, or leave it out",
        )


def check_drawn(data: DataConfig, tasks: Mapping[str, TaskConfig], error: Error) -> None:
    """See that pictures can be drawn into splits without looking at more than their labels.

    Raises:
        ConfigError: a task has label files for each split.
    """
    if "{split}" in str(data.pictures):
        raise error(
            "data.images",
            "an array for each split, while data.splits are drawn by fractions",
            mend="name the splits: splits: [train, val]",
        )
    for name, task in tasks.items():
        if task.splits is not None:
            continue
        said = {f"labels.{key}": value for s in task.labels for key, value in _texts(s).items()}
        said |= {"images": str(task.pictures)} if task.pictures is not None else {}
        for key, value in said.items():
            if "{split}" in value:
                raise error(
                    f"tasks.{name}.{key}",
                    "a file for each split, while data.splits are drawn by fractions",
                    found=value,
                    mend="list the files as sources of their own, without {split}",
                )


def _texts(source: LabelSource) -> dict[str, str]:
    """All that a source says, as text."""
    options = source.options.model_dump(mode="json")
    return {key: str(value) for key, value in options.items()} | {
        "names_from": str(source.names_from)
    }


def for_tasks(
    train: TrainConfig, known: Collection[str], chosen: Collection[str], error: Error
) -> TrainConfig:
    """How the chosen tasks are mixed and frozen, of the tasks that the config knows.

    Raises:
        ConfigError: a task is named that is not there, one that is there never has its turn, or
            epochs are not as long or as many as they can be.
    """

    def exist(names: Collection[str], key: str) -> None:
        for name in names:
            if name not in known:
                raise error(key, f"no such task: {name}", mend=did_you_mean(name, known))

    exist(train.balanced, "train.balanced")
    balanced = tuple(name for name in train.balanced if name in chosen)
    others = [name for name in known if name not in chosen]

    def stays(part: str) -> bool:
        return not _of_tasks(part, others, chosen)

    mixing = train.mixing
    if mixing.sequential is not None:
        stages = []
        for number, stage in enumerate(mixing.sequential):
            key = f"train.mixing.sequential.{number}"
            exist(stage.tasks, f"{key}.tasks")
            own = tuple(name for name in stage.tasks if name in chosen)
            if not own:
                raise error(
                    f"{key}.tasks",
                    f"--tasks {','.join(chosen)} leaves nothing of this stage",
                    found=", ".join(stage.tasks),
                    mend="choose one of its tasks too, or give other stages with "
                    "--set train.mixing=… and their train.epochs",
                )
            freeze = tuple(filter(stays, stage.freeze))
            inner = _of_policy(stage.mixing, f"{key}.mixing", own, exist, error)
            update = {"tasks": own, "mixing": inner, "freeze": freeze}
            stages.append(stage.model_copy(update=update))
            _check_joint(inner, train, [n for n in balanced if n in own], f"{key}.mixing", error)
        taught = {name for stage in stages for name in stage.tasks}
        for name in chosen:
            if name not in taught:
                raise error(
                    "train.mixing.sequential",
                    f"no stage teaches {name}",
                    mend="add it to a stage, or choose other --tasks",
                )
        total = sum(stage.epochs for stage in stages)
        if train.epochs != total:
            raise error(
                "train.epochs",
                "not as many as the stages have together",
                expected=str(total),
                found=str(train.epochs),
                mend="leave it out: the stages say it",
            )
        mixing = mixing.model_copy(update={"sequential": tuple(stages)})
    else:
        mixing = _of_policy(mixing, "train.mixing", chosen, exist, error)
        _check_joint(mixing, train, balanced, "train.mixing", error)
    update = {
        "mixing": mixing,
        "balanced": balanced,
        "freeze": tuple(filter(stays, train.freeze)),
        "unfreeze": {part: epoch for part, epoch in train.unfreeze.items() if stays(part)},
    }
    return train.model_copy(update=update)


def _of_policy(
    mixing: MixingConfig,
    key: str,
    tasks: Collection[str],
    exist: Callable[[Collection[str], str], None],
    error: Error,
) -> MixingConfig:
    """A policy for these tasks alone."""
    if mixing.ratios is None:
        return mixing
    exist(mixing.ratios, f"{key}.ratios")
    for name in tasks:
        if name not in mixing.ratios:
            raise error(
                f"{key}.ratios",
                f"nothing is said of {name}",
                expected=f"a number for each of {', '.join(tasks)}",
            )
    return mixing.model_copy(update={"ratios": {name: mixing.ratios[name] for name in tasks}})


def _of_tasks(part: str, others: Collection[str], chosen: Collection[str]) -> bool:
    """Whether a part to be frozen is the other tasks' own, and of none that is chosen."""
    module, _, rest = part.partition(".")
    if module not in ("heads", "trunks", "pyramids", "sharing", "fusions") or not rest:
        return False
    name = rest.partition(".")[0]
    return any(fnmatchcase(other, name) for other in others) and not any(
        fnmatchcase(task, name) for task in chosen
    )


def _check_joint(
    mixing: MixingConfig, train: TrainConfig, balanced: Collection[str], key: str, error: Error
) -> None:
    """See that `joint`, where that is the policy, is not asked for what it cannot do."""
    if mixing.joint is None:
        return
    if len(balanced) > 1:
        raise error(
            "train.balanced",
            "pictures that are drawn for all tasks can be balanced for one",
            found=", ".join(balanced),
            mend="name one task, or another train.mixing",
        )
    if train.epoch_length == "shortest":
        raise error(
            "train.epoch_length",
            f"shortest cannot be had with {key}: joint",
            expected="longest, which is every picture once, or a number of updates",
            found="shortest",
            mend="policies with batches of one task have it, proportional for example",
        )
