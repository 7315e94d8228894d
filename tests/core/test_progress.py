"""Progress: which epoch is the best of what."""

from __future__ import annotations

import pytest

from mtcli.core.errors import ConfigError
from mtcli.core.progress import Progress, check_best, value_of
from mtcli.core.task import AnyTask
from mtcli.core.tasks.classification import (
    Classification,
    ClassificationFacts,
    ClassificationOptions,
)


class Measuring(Classification):
    """A made-up kind whose primary metric is better when it is smaller."""

    metrics = {"error": "min", "skill": "max"}


FACTS = ClassificationFacts(classes=("a", "b"))
CLS = Classification(ClassificationOptions(), FACTS)
AGE = Measuring(ClassificationOptions(), FACTS)
TASKS: dict[str, AnyTask] = {"cls": CLS, "age": AGE}


def _judge(
    progress: Progress, overall: float | None, accuracy: float | None = 0.5, error: float | None = 1
) -> list[str]:
    """Judge an epoch and go to the next."""
    metrics = {"cls": {"accuracy": accuracy}, "age": {"error": error, "skill": 0.0}}
    taken = progress.judge(TASKS, metrics, overall)
    progress.epoch += 1
    return taken


def test_the_first_epoch_is_the_best_of_all() -> None:
    progress = Progress()
    assert _judge(progress, 0.1) == ["best", "best-cls", "best-age"]
    assert (progress.best_epoch, progress.stale) == (1, 0)


def test_the_first_epoch_is_the_best_even_where_nothing_is_defined() -> None:
    progress = Progress()
    assert _judge(progress, None, None, None) == ["best", "best-cls", "best-age"]
    assert progress.best_epoch == 1


def test_anything_defined_beats_what_is_not() -> None:
    progress = Progress()
    _judge(progress, None, None, None)
    assert _judge(progress, 0.0, 0.0, 1e9) == ["best", "best-cls", "best-age"]
    assert progress.best_epoch == 2


def test_what_is_not_defined_takes_nothing_over() -> None:
    progress = Progress()
    _judge(progress, 0.1)
    assert _judge(progress, None, None, None) == []
    assert (progress.best_epoch, progress.stale) == (1, 1)


def test_ties_keep_the_earlier_epoch() -> None:
    progress = Progress()
    _judge(progress, 0.3)
    assert _judge(progress, 0.3) == []
    assert (progress.best_epoch, progress.stale) == (1, 1)


def test_a_better_epoch_takes_best_over_and_is_not_stale() -> None:
    progress = Progress()
    for overall in (0.3, 0.2, 0.2):
        _judge(progress, overall)
    assert progress.stale == 2
    assert _judge(progress, 0.4) == ["best"]
    assert (progress.best_epoch, progress.stale) == (4, 0)


def test_epochs_before_the_last_stage_do_not_count_as_stale() -> None:
    progress = Progress()
    seen = []
    # The best epoch is the 2nd, the last stage begins with the 4th.
    for overall in (0.3, 0.5, 0.4, 0.4, 0.4, 0.6, 0.1):
        _judge(progress, overall)
        seen.append((progress.stale_from(1), progress.stale_from(4)))
    assert seen == [(0, -2), (0, -1), (1, 0), (2, 1), (3, 2), (0, 0), (1, 1)]


def test_each_task_has_a_best_of_its_own() -> None:
    progress = Progress()
    _judge(progress, 0.3, accuracy=0.5, error=2.0)
    assert _judge(progress, 0.2, accuracy=0.6, error=2.5) == ["best-cls"]
    assert progress.stale == 1


def test_a_smaller_value_is_better_where_the_metric_says_min() -> None:
    progress = Progress()
    _judge(progress, 0.3, error=2.0)
    assert _judge(progress, 0.3, error=3.0) == []
    assert _judge(progress, 0.3, error=1.5) == ["best-age"]
    assert _judge(progress, 0.3, error=1.5) == []


def test_progress_survives_plain_values() -> None:
    progress = Progress(updates=3, step=7, primaries={"cls": None})
    _judge(progress, 0.3)
    again = Progress(**progress.to_dict())
    assert again == progress
    assert _judge(again, 0.3) == []


@pytest.mark.parametrize(
    ("best", "value"), [("score", 0.7), ("cls.accuracy", 0.5), ("age.error", -2.0)]
)
def test_value_of_is_better_when_higher(best: str, value: float) -> None:
    metrics = {"cls": {"accuracy": 0.5}, "age": {"error": 2.0}}
    assert value_of(best, TASKS, 0.7, metrics) == value


@pytest.mark.parametrize("best", ["score", "cls.accuracy", "age.error"])
def test_value_of_is_none_where_undefined(best: str) -> None:
    metrics: dict[str, dict[str, float | None]] = {
        "cls": {"accuracy": None},
        "age": {"error": None},
    }
    assert value_of(best, TASKS, None, metrics) is None


@pytest.mark.parametrize("best", ["score", "cls.accuracy", "cls.top5", "age.skill"])
def test_check_best_takes_every_metric_of_the_run(best: str) -> None:
    check_best(best, TASKS)


@pytest.mark.parametrize(("best", "near"), [("cls.acuracy", "cls.accuracy"), ("scor", "score")])
def test_check_best_names_a_near_miss(best: str, near: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_best(best, TASKS)
    assert caught.value.mend == f"did you mean {near}?"
