"""How a training's end becomes an exit code."""

from __future__ import annotations

from dataclasses import replace

import pytest
import typer

from mtcli.cli.ending import leave
from mtcli.core.transfer.events import Compared, Kept
from tests.console.test_views import ENDED, make, said

FELL = {"cls": Kept("accuracy", "max", 0.5, 0.25)}


def test_a_gate_that_is_missed_is_3() -> None:
    with pytest.raises(typer.Exit) as left:
        leave(replace(ENDED, compared=Compared(FELL, 0.2)), make(terminal=False))
    assert left.value.exit_code == 3


@pytest.mark.parametrize("allowed", [0.3, None])
def test_what_is_allowed_is_0(allowed: float | None) -> None:
    output = make(terminal=False)
    leave(replace(ENDED, compared=Compared(FELL, allowed)), output)
    leave(ENDED, output)
    leave(None, output)
    assert said(output.talk) == ""


def test_an_interruption_tells_how_to_go_on() -> None:
    output = make(terminal=False)
    with pytest.raises(typer.Exit) as left:
        leave(replace(ENDED, interrupted=15), output)
    assert left.value.exit_code == 143
    assert said(output.talk) == "note   saved; go on with: mtcli train --resume runs/a\n"
