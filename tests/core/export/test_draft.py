"""Where an export is written: nothing half-written remains, and nothing of others is lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

import mtcli.core.export.draft as module
from mtcli.core.errors import CheckpointError, SaveError, UsageError
from mtcli.core.export.draft import check_place, default_name, draft_of, put_in_place
from mtcli.core.export.formats import Session
from tests.core.export.test_opened import Fake


def opened_as(monkeypatch: pytest.MonkeyPatch, metadata: str | None) -> None:
    """Let every file be one that can be opened, and that says this of itself."""

    def open_session(path: Path) -> Session:
        return Fake({}, metadata)

    monkeypatch.setattr(module, "open_session", open_session)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with nothing in it."""
    path = tmp_path / "out"
    path.mkdir()
    return path


def test_what_is_put_in_place_has_its_name_and_nothing_else_remains(folder: Path) -> None:
    path = folder / "model.onnx"
    with draft_of(path) as draft:
        assert draft.parent == path.parent  # renaming between disks would not be one step
        assert draft.suffix == ".onnx"  # the formats are known by it
        draft.write_text("whole")
        put_in_place(draft, path)
    assert os.listdir(folder) == ["model.onnx"]
    assert path.read_text() == "whole"


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_an_error_leaves_nothing_and_the_older_file_stays(
    folder: Path, error: BaseException
) -> None:
    path = folder / "model.onnx"
    path.write_text("older")

    def write() -> None:
        with draft_of(path) as draft:
            draft.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert os.listdir(folder) == ["model.onnx"]
    assert path.read_text() == "older"


def test_what_is_not_put_in_place_is_gone(folder: Path) -> None:
    path = folder / "model.onnx"
    path.write_text("older")
    with draft_of(path) as draft:
        draft.write_text("wrong")
    assert os.listdir(folder) == ["model.onnx"]
    assert path.read_text() == "older"


def test_a_full_disk_is_told_of_the_path_that_was_asked_for(folder: Path) -> None:
    path = folder / "model.onnx"

    def write() -> None:
        with draft_of(path) as draft:
            draft.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(SaveError, match="cannot write: No space left on device") as caught:
        write()
    assert caught.value.where == str(path)
    assert os.listdir(folder) == []


def test_a_place_that_is_free(folder: Path) -> None:
    assert not check_place(folder / "model.onnx")
    assert os.listdir(folder) == []


def test_a_place_where_an_older_export_lies(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "model.onnx"
    path.write_text("older")
    opened_as(monkeypatch, "{}")
    assert check_place(path)


def test_a_model_of_somebody_else_is_not_written_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "model.onnx"
    path.write_text("theirs")
    opened_as(monkeypatch, None)
    with pytest.raises(UsageError, match="mtcli has not exported") as caught:
        check_place(path)
    assert caught.value.where == str(path)
    assert "--out" in str(caught.value.mend)
    assert path.read_text() == "theirs"


def test_what_cannot_be_opened_is_not_written_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "model.onnx"
    path.write_text("notes")

    def refuse(path: Path) -> Session:
        raise CheckpointError("the file is damaged")

    monkeypatch.setattr(module, "open_session", refuse)
    with pytest.raises(UsageError, match="mtcli has not exported"):
        check_place(path)


@pytest.mark.parametrize("ending", ["txt", "pt2"])
def test_another_file_is_known_without_any_help(folder: Path, ending: str) -> None:
    path = folder / f"model.{ending}"
    path.write_text("notes")
    with pytest.raises(UsageError, match="mtcli has not exported"):
        check_place(path)


def test_a_folder_that_is_missing_and_a_path_that_is_a_folder(folder: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        check_place(folder / "nowhere" / "model.onnx")
    with pytest.raises(UsageError, match="cannot write there"):
        check_place(folder)


def test_it_is_called_as_its_run_and_by_what_is_special(folder: Path) -> None:
    run = folder / "shapes-0001"
    checkpoint = run / "checkpoints" / "step-000012"
    checkpoint.mkdir(parents=True)
    (run / "config.yaml").touch()
    assert default_name(checkpoint, [], ".onnx") == "shapes-0001.onnx"
    assert default_name(checkpoint, ["det", "int8"], ".onnx") == "shapes-0001-det-int8.onnx"


def test_of_a_checkpoint_alone_it_has_the_folder_s_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = folder / "best"
    alone.mkdir()
    assert default_name(alone, ["raw"], ".pt2") == "best-raw.pt2"
    monkeypatch.chdir(alone)
    assert default_name(Path("."), [], ".pt2") == "best.pt2"
