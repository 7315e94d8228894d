"""Every kind's meter can be asked of draws of pictures, one of which may come twice."""

from __future__ import annotations

import pytest
import torch

from mtcli.core.bootstrap import PictureMeter
from mtcli.core.task import AnyTask, Prediction, Target
from mtcli.core.tasks import KINDS

SIZE = (32, 48)
PICTURES = 6
DRAWS = [[0, 1, 2, 3, 4, 5], [0, 0, 3, 3, 3, 5], [2] * 6, [1, 2, 4, 4, 5, 5]]


def seen(kind: str) -> tuple[AnyTask, list[Prediction], list[Target]]:
    """A task, and answers of which some are right: the truth of the picture before."""
    generator = torch.Generator().manual_seed(3)
    cls = KINDS.get(kind)
    values = [cls.example(generator, SIZE) for _ in range(40)]
    task = cls.prepare(cls.Options(), values)
    targets = [target for value in values if (target := task.read(value, SIZE)) is not None]
    targets = targets[: PICTURES + 1]
    predictions = [task.truth(target) for target in targets]
    mixed = [predictions[n if n % 3 else n + 1] for n in range(PICTURES)]
    return task, mixed, targets[:PICTURES]


@pytest.mark.parametrize("kind", KINDS.names())
def test_a_draw_is_measured_as_its_pictures_are(kind: str) -> None:
    task, predictions, targets = seen(kind)
    meter = PictureMeter(task)
    meter.update(predictions, targets)
    for draw, found in zip(DRAWS, meter.of_draws(DRAWS), strict=True):
        plain = task.meter()
        plain.update([predictions[n] for n in draw], [targets[n] for n in draw])
        wanted = plain.compute()
        assert [*found] == [*wanted] == [*task.metrics]
        for metric, value in wanted.items():
            assert found[metric] == (None if value is None else pytest.approx(value, abs=1e-9)), (
                metric,
                draw,
            )


@pytest.mark.parametrize("kind", KINDS.names())
def test_drawing_changes_nothing_of_what_was_seen(kind: str) -> None:
    task, predictions, targets = seen(kind)
    meter = PictureMeter(task)
    meter.update(predictions, targets)
    plain = task.meter()
    plain.update(predictions, targets)
    first = list(meter.of_draws(DRAWS))
    assert list(meter.of_draws(DRAWS)) == first
    assert meter.compute() == plain.compute(), "to the last digit"
