"""What an epoch will draw, counted by hand."""

from __future__ import annotations

from mtcli.core.mixing.events import TaskPlan
from mtcli.core.mixing.joint import JointMixing
from mtcli.core.mixing.plan import plan_epoch

LABELS = [{"cls"}, {"cls", "det"}, {"det"}, {"cls", "det"}, set[str]()]


def test_labels_of_an_epoch_of_all_pictures() -> None:
    plan = plan_epoch(JointMixing(range(5), 2, 1, 0), 1, 9, "joint", ["det", "cls"], LABELS)

    assert (plan.first, plan.last, plan.updates, plan.batches) == (1, 9, 3, 3)
    assert (plan.pictures, plan.different) == (5, 5)
    assert plan.learn == ("det", "cls")
    assert {name: (own.pictures, own.labels) for name, own in plan.tasks.items()} == {
        "det": (3, 3),
        "cls": (3, 3),
    }


def test_repeats_are_counted() -> None:
    # Four updates of two: the five pictures once, and three of them again.
    plan = plan_epoch(
        JointMixing(range(5), 2, 1, 0, length=4), 1, 1, "joint", ["cls", "det"], LABELS
    )
    assert (plan.pictures, plan.different) == (8, 5)
    total = sum(own.labels for own in plan.tasks.values())
    assert 6 < total <= 6 + 3 * 2


def test_labels_of_tasks_that_rest_do_not_count() -> None:
    mixing = JointMixing([1, 2, 3], 2, 1, 0, tasks=("det",))
    plan = plan_epoch(mixing, 3, 4, "joint", ["cls", "det"], LABELS)
    assert plan.tasks == {"det": TaskPlan(pictures=3, batches=2, labels=3)}
    assert plan.tasks["det"].passes == 1
