"""What every head says of its rows by class, held against heads of more classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from torch import nn

from mtcli.core.features import FeatureSpec, level_stride
from mtcli.core.heads import DENSE_HEADS, DETECTORS, layouts_of
from mtcli.core.heads.classrows import ClassRows, class_rows
from mtcli.core.tasks import KINDS

CLASSES = 3
NUMBERS = ("means", "deviations", "median_errors")
FACTS: dict[str, Callable[[tuple[str, ...]], dict[str, Any]]] = {
    "classification": lambda names: {"classes": names},
    "detection": lambda names: {"classes": names},
    "multilabel": lambda names: {"classes": names},
    "segmentation": lambda names: {"classes": names},
    "keypoints": lambda names: {"points": names},
    "regression": lambda names: dict.fromkeys(NUMBERS, (1.0,) * len(names)),
}
"""What each kind with names of its outputs, or numbers for them, learns beforehand."""


def _cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every such kind with each of its heads, in every layout."""
    for dense in DENSE_HEADS.names():
        yield "segmentation", {"head": dense}
        yield "keypoints", {"head": dense}
    for head in DETECTORS.names():
        for layout in layouts_of(head):
            yield "detection", {"head": head, "layout": layout}
    for kind in ("classification", "multilabel"):
        yield kind, {}
    for loss in ("huber", "gaussian_nll"):
        yield "regression", {"loss": loss}


def _head(kind: str, options: dict[str, Any], classes: int) -> nn.Module:
    facts = FACTS[kind](tuple(f"class {number}" for number in range(classes)))
    sort = KINDS.get(kind)
    task = sort(sort.Options.model_validate(options), sort.Facts.model_validate(facts))
    return task.head({level: FeatureSpec(16, level_stride(level)) for level in task.levels})


@pytest.mark.parametrize(("kind", "options"), [*_cases()], ids=str)
def test_the_tensors_that_grow_with_the_classes_are_named(
    kind: str, options: dict[str, Any]
) -> None:
    head, larger = _head(kind, options, CLASSES), _head(kind, options, CLASSES + 1)
    tensors, more = head.state_dict(), larger.state_dict()
    assert tensors.keys() == more.keys()
    grown = {name for name in tensors if tensors[name].shape != more[name].shape}
    rows = class_rows(head)
    assert rows.keys() == grown
    assert grown
    for name, own in rows.items():
        assert own.length(CLASSES) == len(tensors[name])
        assert own.length(CLASSES + 1) == len(more[name])


def test_every_kind_is_held_against_it() -> None:
    # Kinds of other tests are here too, where these ran before.
    ours = {name for name in KINDS.names() if KINDS.get(name).__module__.startswith("mtcli.")}
    assert {*FACTS, "depth"} == ours
    assert {kind for kind, _ in _cases()} == {*FACTS}


def test_rows_are_counted_by_hand() -> None:
    assert ClassRows().length(3) == 3
    assert ClassRows(groups=9).length(3) == 27
    assert ClassRows(before=1, width=4).length(3) == 16


def test_a_head_that_says_nothing_has_none() -> None:
    assert class_rows(nn.Identity()) == {}
