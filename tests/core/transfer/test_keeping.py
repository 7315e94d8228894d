"""Tasks that stay as their origin knows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mtcli.core.assembly import assemble
from mtcli.core.checkpoint import load_model
from mtcli.core.config import Config, TransferConfig
from mtcli.core.configcheck import check_config
from mtcli.core.errors import ConfigError
from mtcli.core.run import find_checkpoint
from mtcli.core.transfer.keeping import kept_tasks
from mtcli.core.yamlfile import read_yaml


def config_of(shapes: Path, trained: Path, keep: list[str], **options: Any) -> Config:
    path = shapes / "mtcli.yaml"
    document = read_yaml(path)
    document["tasks"]["cls"] |= options
    document["transfer"] = {"origin": {"all": str(trained)}, "keep": keep}
    return check_config(document, base=shapes, source=path)


def test_facts_are_the_origin_s_whatever_the_labels_say_now(trained: Path, shapes: Path) -> None:
    labels = shapes / "labels.csv"
    labels.write_text(labels.read_text().replace("00.png,circle", "00.png,arc"))
    known = load_model(find_checkpoint(trained))[0].tasks["cls"].facts
    kept = assemble(config_of(shapes, trained, ["cls"])).model.tasks
    assert [*kept] == ["cls", "det"]
    assert kept["cls"].facts == known
    anew = assemble(config_of(shapes, trained, [])).model.tasks["cls"].facts
    assert anew.model_dump()["classes"] == ("arc", "circle", "square")


def test_a_config_that_says_otherwise_is_wrong(trained: Path, shapes: Path) -> None:
    same = config_of(shapes, trained, ["cls"], classes=["circle", "square"])
    assert kept_tasks(same.transfer, same.tasks)
    other = config_of(shapes, trained, ["cls"], classes=["square", "circle"])
    with pytest.raises(ConfigError, match=r"tasks\.cls\.classes: not those of the origin") as error:
        kept_tasks(other.transfer, other.tasks)
    assert error.value.expected == "circle, square"


def test_a_task_may_have_another_name_now(trained: Path, shapes: Path) -> None:
    config = config_of(shapes, trained, [])
    tasks = {"shape": config.tasks["cls"], "boxes": config.tasks["cls"]}
    said: dict[str, Any] = {"origin": {"all": str(trained)}, "map": {"cls": "shape"}}
    known = kept_tasks(TransferConfig(**said, keep=("shape",)), tasks)
    assert known["shape"].kind == "classification"
    with pytest.raises(ConfigError, match=r"transfer\.keep: no origin knows the task boxes"):
        kept_tasks(TransferConfig(**said, keep=("boxes",)), tasks)
    assert kept_tasks(None, tasks) == {}
