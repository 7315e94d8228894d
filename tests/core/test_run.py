"""A run's folder, and the index of its checkpoints."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mtcli.core.errors import CheckpointError, SaveError, UsageError
from mtcli.core.run import Run, find_checkpoint, replace_text, run_of


@pytest.fixture
def run() -> Run:
    run = Run.create(Path("runs"), "mine", "stem")
    run.config.write_text("data: {}\n")
    return run


def checkpoint(run: Run, name: str) -> str:
    """A folder that looks like a checkpoint."""
    folder = run.checkpoints / name
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    return name


# Making and opening.


def test_runs_are_numbered_behind_the_stem() -> None:
    made = [Run.create(Path("runs"), None, "shapes").path for _ in range(3)]

    assert made == [Path(f"runs/shapes-{number:04d}") for number in (1, 2, 3)]


def test_free_number_is_taken_and_others_kept() -> None:
    Path("runs/shapes-0002").mkdir(parents=True)
    Path("runs/other-0001").mkdir()

    made = [Run.create(Path("runs"), None, "shapes").path.name for _ in range(2)]

    assert made == ["shapes-0001", "shapes-0003"]


def test_file_in_the_place_of_a_run_is_passed_over() -> None:
    Path("runs").mkdir()
    Path("runs/shapes-0001").write_text("a file")

    assert Run.create(Path("runs"), None, "shapes").path.name == "shapes-0002"


def test_name_is_taken_as_it_is() -> None:
    run = Run.create(Path("a/b"), "mine", "shapes")

    assert run.path == Path("a/b/mine")
    assert run.checkpoints.is_dir()


def test_name_that_exists_is_refused(run: Run) -> None:
    with pytest.raises(UsageError, match="mine exists") as caught:
        Run.create(Path("runs"), "mine", "stem")

    assert caught.value.where == "runs/mine"
    assert run.config.read_text() == "data: {}\n"


def test_folder_that_cannot_be_made_is_a_failed_save() -> None:
    Path("runs").write_text("a file")

    with pytest.raises(SaveError):
        Run.create(Path("runs"), None, "shapes")


def test_run_is_opened(run: Run) -> None:
    assert Run.open(run.path).path == run.path


def test_missing_run_gets_a_near_one(run: Run) -> None:
    with pytest.raises(CheckpointError, match="no such run") as caught:
        Run.open(Path("runs/mime"))

    assert caught.value.mend == "did you mean mine?"


def test_folder_without_config_is_no_run() -> None:
    Path("folder").mkdir()

    with pytest.raises(CheckpointError, match="not a run"):
        Run.open(Path("folder"))


# The index.


def test_index_is_empty_before_the_first_checkpoint(run: Run) -> None:
    assert run.index() == {}


def test_index_names_the_checkpoints(run: Run) -> None:
    index = {"last": checkpoint(run, "step-2"), "best": checkpoint(run, "step-1")}

    run.point(index)

    assert run.index() == index
    assert run.checkpoint("best") == run.checkpoints / "step-1"
    assert json.loads((run.checkpoints / "index.json").read_text()) == index


def test_checkpoints_without_a_name_are_removed(run: Run) -> None:
    run.point({"last": checkpoint(run, "step-1"), "best": "step-1"})
    run.point({"last": checkpoint(run, "step-2"), "best": "step-1"})
    assert {"step-1", "step-2"} < {path.name for path in run.checkpoints.iterdir()}

    run.point({"last": checkpoint(run, "step-3"), "best": "step-3"})

    folders = {path.name for path in run.checkpoints.iterdir() if not path.is_symlink()}
    assert folders == {"index.json", "step-3"}


def test_draft_of_a_killed_save_is_removed(run: Run) -> None:
    (run.checkpoints / ".step-1.draft").mkdir()

    run.point({"last": checkpoint(run, "step-2")})

    assert not (run.checkpoints / ".step-1.draft").exists()


def test_links_lead_to_the_checkpoints(run: Run) -> None:
    run.point({"last": checkpoint(run, "step-1"), "best": "step-1"})
    run.point({"last": checkpoint(run, "step-2"), "best": "step-1"})

    assert (run.checkpoints / "last").resolve().name == "step-2"
    assert (run.checkpoints / "best").resolve().name == "step-1"


def test_run_with_links_can_be_moved(run: Run) -> None:
    run.point({"last": checkpoint(run, "step-1")})

    run.path.rename("runs/moved")

    assert (Path("runs/moved/checkpoints/last") / "model.json").is_file()


def test_system_without_links_loses_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)

    run.point({"last": checkpoint(run, "step-1")})

    assert run.index() == {"last": "step-1"}
    assert sorted(path.name for path in run.checkpoints.iterdir()) == ["index.json", "step-1"]


def test_old_checkpoints_outlive_the_new_index(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.point({"last": checkpoint(run, "step-1")})
    seen = []

    def noted(folder: Path, ignore_errors: bool) -> None:
        seen.append((folder.name, run.index()["last"]))

    monkeypatch.setattr(shutil, "rmtree", noted)

    run.point({"last": checkpoint(run, "step-2")})

    assert seen == [("step-1", "step-2")]


def test_index_that_cannot_be_replaced_stays(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.point({"last": checkpoint(run, "step-1")})

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)

    with pytest.raises(SaveError, match="No space left on device"):
        run.point({"last": checkpoint(run, "step-2")})
    assert run.index() == {"last": "step-1"}
    assert (run.checkpoint("last") / "model.json").is_file()


def test_index_is_whole_at_every_instant(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.point({"last": checkpoint(run, "step-1")})
    seen = []
    replace: Callable[[Path, Path], None] = os.replace

    def noted(draft: Path, path: Path) -> None:
        seen.append(run.index()["last"])
        replace(draft, path)
        seen.append(run.index()["last"])

    monkeypatch.setattr(os, "replace", noted)

    run.point({"last": checkpoint(run, "step-2")})

    assert seen[:2] == ["step-1", "step-2"]


@pytest.mark.parametrize("text", ["", '{"last": "st', "[]", "null", "3"])
def test_damaged_index_is_named(run: Run, text: str) -> None:
    path = run.checkpoints / "index.json"
    path.write_text(text)

    with pytest.raises(CheckpointError, match="index") as caught:
        run.index()

    assert caught.value.where == str(path)


# Events.


def test_events_come_back_in_their_order(run: Run) -> None:
    events: list[dict[str, object]] = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "text": "é\n"}]
    for event in events:
        run.log(event)

    assert run.history() == events
    assert len(run.events.read_text().splitlines()) == 2


def test_no_event_is_no_history(run: Run) -> None:
    assert run.history() == []


@pytest.mark.parametrize("cut", ['{"epo', '{"epoch": 2', "{", '{"epoch": 2, "a": "\u00e9'])
def test_last_line_cut_short_is_passed_over(run: Run, cut: str) -> None:
    run.log({"epoch": 1})
    with run.events.open("a", encoding="utf-8") as file:
        file.write(cut)

    assert run.history() == [{"epoch": 1}]


def test_epochs_to_be_trained_again_are_forgotten(run: Run) -> None:
    for epoch in (1, 2, 3):
        run.log({"epoch": epoch})
    with run.events.open("a", encoding="utf-8") as file:
        file.write('{"epoch": 4')

    run.forget_after(3)
    run.log({"epoch": 3, "again": True})

    assert run.history() == [{"epoch": 1}, {"epoch": 2}, {"epoch": 3, "again": True}]


def test_events_that_cannot_be_written_are_a_failed_save(run: Run) -> None:
    run.events.mkdir()

    with pytest.raises(SaveError) as caught:
        run.log({"epoch": 1})

    assert caught.value.where == str(run.events)


# Which checkpoint is meant.


def test_run_means_its_best_checkpoint(run: Run) -> None:
    run.point({"last": checkpoint(run, "step-2"), "best": checkpoint(run, "step-1")})

    assert find_checkpoint(run.path) == run.checkpoints / "step-1"


def test_run_without_a_best_means_its_last(run: Run) -> None:
    run.point({"last": checkpoint(run, "step-1")})

    assert find_checkpoint(run.path) == run.checkpoints / "step-1"


@pytest.mark.parametrize("name", ["step-1", "best-det"])
def test_checkpoint_means_itself(run: Run, name: str) -> None:
    run.point({"last": checkpoint(run, "step-2"), "best-det": checkpoint(run, "step-1")})
    path = run.checkpoints / name

    assert find_checkpoint(path) == path
    assert run_of(path) is not None


def test_checkpoint_knows_its_run(run: Run) -> None:
    run.point({"last": checkpoint(run, "step-1")})

    found = run_of(run.checkpoints / "step-1")

    assert found is not None
    assert found.path.resolve() == run.path.resolve()


def test_checkpoint_alone_has_no_run() -> None:
    Path("alone").mkdir()

    assert run_of(Path("alone")) is None


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("runs/nosuch", "no such run or checkpoint"),
        ("runs", "neither a run nor a checkpoint"),
        ("runs/mine", "no checkpoint yet"),
        ("runs/mine/checkpoints", "neither a run nor a checkpoint"),
    ],
)
def test_what_is_no_checkpoint_is_named(run: Run, path: str, what: str) -> None:
    with pytest.raises(CheckpointError, match=what) as caught:
        find_checkpoint(Path(path))

    assert caught.value.where == path


def test_checkpoint_that_is_gone_is_named(run: Run) -> None:
    run.point({"last": checkpoint(run, "step-1")})
    shutil.rmtree(run.checkpoints / "step-1")

    with pytest.raises(CheckpointError, match="gone") as caught:
        find_checkpoint(run.path)

    assert caught.value.where == str(run.checkpoints / "step-1")


def test_index_without_last_and_best_is_damaged(run: Run) -> None:
    (run.checkpoints / "index.json").write_text('{"other": "step-1"}')

    with pytest.raises(CheckpointError, match="index"):
        find_checkpoint(run.path)


# Replacing a file.


def test_text_is_replaced_and_no_draft_stays() -> None:
    path = Path("a.json")
    path.write_text("old")

    replace_text(path, "new é")

    assert path.read_text(encoding="utf-8") == "new é"
    assert list(Path.cwd().iterdir()) == [path.resolve()]


def test_text_that_cannot_be_written_leaves_the_old(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("a.json")
    path.write_text("old")

    def fail(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(SaveError, match="No space left on device") as caught:
        replace_text(path, "new")

    assert caught.value.where == "a.json"
    assert path.read_text() == "old"
    assert list(Path.cwd().iterdir()) == [path.resolve()]
