"""What names give away, and the names that become a task's."""

from __future__ import annotations

import pytest

from mtcli.core.discovery.words import task_name


@pytest.mark.parametrize(
    ("said", "name"),
    [("cell type", "cell_type"), ("2nd", "found"), ("all", "found"), ("distill", "found")],
)
def test_a_name_that_no_task_can_have_is_another(said: str, name: str) -> None:
    assert task_name(said, "found") == name
