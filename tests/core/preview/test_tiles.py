"""Where the labels of a sample are drawn: on its picture, or on panels beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mtcli.core.shown import beside
from mtcli.core.tasks import KINDS


def _tasks(**kinds: str) -> Mapping[str, Any]:
    return {name: KINDS.get(kind) for name, kind in kinds.items()}


@pytest.mark.parametrize(
    ("kinds", "panels"),
    [
        ({"cls": "classification", "det": "detection"}, []),
        ({"det": "detection", "seg": "segmentation"}, []),
        ({"det": "detection", "far": "depth"}, ["far"]),
        ({"seg": "segmentation", "det": "detection", "far": "depth"}, ["seg", "far"]),
        ({"one": "segmentation", "two": "segmentation"}, ["one", "two"]),
    ],
)
def test_maps_that_would_hide_the_picture_stand_beside_it(
    kinds: dict[str, str], panels: list[str]
) -> None:
    assert beside(_tasks(**kinds)) == panels
