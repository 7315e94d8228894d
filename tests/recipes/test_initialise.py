"""A network before its first step is held to what its training will be held to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Cli


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--copy", "trunk", "--set", "train.distill=1"],
            "train.distill: no task starts as it was in another network",
        ),
        (["--set", "train.best=cls.nothing"], "train.best"),
    ],
)
def test_init_only_says_what_would_stop_the_training(
    cli: Cli, trained: Path, words: list[str], said: str
) -> None:
    answer = cli("transfer", "--from", trained, "--init-only", *words)
    assert answer.code == 2, answer.err
    assert said in " ".join(answer.err.split())
    assert not Path("runs").exists()
