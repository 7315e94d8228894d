"""What `data` and `train` say of tasks: that they exist, and what holds for some of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from mtcli.core.config import TaskConfig, TrainConfig
from mtcli.core.configmixing import MixingConfig
from mtcli.core.configsplits import DrawnSplits
from mtcli.core.errors import ConfigError, did_you_mean

Error = Callable[..., ConfigError]
"""Makes an error of a key, what is wrong, and its other parts."""


def check_drawn(tasks: Mapping[str, TaskConfig], error: Error) -> None:
    """See that pictures can be drawn into splits without looking at more than their labels.

    Raises:
        ConfigError: a task has drawn splits of its own, or label files for each split.
    """
    for name, task in tasks.items():
        if isinstance(task.splits, DrawnSplits):
            raise error(
                f"tasks.{name}.splits",
                "only data.splits can be drawn by fractions",
                mend="a list or folder for each split, or leave it out",
            )
        if task.splits is not None:
            continue
        for source in task.labels:
            for key, value in source.options.model_dump(mode="json").items():
                if "{split}" in str(value):
                    raise error(
                        f"tasks.{name}.labels.{key}",
                        "a file for each split, while data.splits are drawn by fractions",
                        found=str(value),
                        mend="list the files as sources of their own, without {split}",
                    )


def for_tasks(
    train: TrainConfig, known: Collection[str], chosen: Collection[str], error: Error
) -> TrainConfig:
    """How the chosen tasks are mixed, of the tasks that the config knows.

    Raises:
        ConfigError: a task is named that is not there, or one that is there never has its turn.
    """

    def exist(names: Collection[str], key: str) -> None:
        for name in names:
            if name not in known:
                raise error(key, f"no such task: {name}", mend=did_you_mean(name, known))

    exist(train.balanced, "train.balanced")
    balanced = tuple(name for name in train.balanced if name in chosen)
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
                    "a stage without tasks",
                    expected=f"one of {', '.join(chosen)}",
                    found=", ".join(stage.tasks),
                )
            inner = _of_policy(stage.mixing, f"{key}.mixing", own, exist, error)
            stages.append(stage.model_copy(update={"tasks": own, "mixing": inner}))
            _one_if_joint(inner, [name for name in balanced if name in own], error)
        taught = {name for stage in stages for name in stage.tasks}
        for name in chosen:
            if name not in taught:
                raise error(
                    "train.mixing.sequential",
                    f"no stage teaches {name}",
                    mend="add it to a stage, or choose other --tasks",
                )
        mixing = mixing.model_copy(update={"sequential": tuple(stages)})
    else:
        mixing = _of_policy(mixing, "train.mixing", chosen, exist, error)
        _one_if_joint(mixing, balanced, error)
    return train.model_copy(update={"mixing": mixing, "balanced": balanced})


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


def _one_if_joint(mixing: MixingConfig, balanced: Collection[str], error: Error) -> None:
    if mixing.joint is not None and len(balanced) > 1:
        raise error(
            "train.balanced",
            "pictures that are drawn for all tasks can be balanced for one",
            found=", ".join(balanced),
            mend="name one task, or another train.mixing",
        )
