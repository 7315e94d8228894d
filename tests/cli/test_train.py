"""mtcli train, as it is typed."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Cli


def test_train_leaves_a_whole_run(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--tasks", "cls,det", "--name", "first")

    assert answer.code == 0, answer.err
    run = Path("runs/first")
    for name in ("config.yaml", "environment.json", "events.jsonl", "metrics.json"):
        assert (run / name).is_file()
    assert (run / "checkpoints" / "best" / "model.safetensors").is_file()
    assert (run / "plots" / "curves.png").is_file()
    assert (run / "plots" / "confusion-cls.png").is_file()
    assert len(list((run / "predictions").glob("*.png"))) == 4
    assert "mtcli eval runs/first" in answer.out
