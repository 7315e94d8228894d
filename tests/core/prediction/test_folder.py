"""A folder of results: whole files, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtcli.core.errors import SaveError, UsageError
from mtcli.core.prediction.folder import OutFolder


def _names(folder: str) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*"))


def test_text_is_put_in_its_place_at_the_end_and_single_files_at_once() -> None:
    out = OutFolder(Path("a/b"))
    out.stream("p.json").write("[]")
    out.write("seg/1.png", lambda file: file.write(b"x"))
    assert [name for name in _names("a/b") if "drafts" not in name] == ["seg", "seg/1.png"]
    out.finish()
    out.discard()
    assert _names("a/b") == ["p.json", "seg", "seg/1.png"]
    assert Path("a/b/p.json").read_text() == "[]"


def test_what_is_given_up_leaves_what_was_there() -> None:
    Path("a").mkdir()
    Path("a/p.json").write_text("old")
    out = OutFolder(Path("a"))
    out.stream("p.json").write("half")
    out.discard()
    assert _names("a") == ["p.json"]
    assert Path("a/p.json").read_text() == "old"


def test_folders_that_were_made_for_nothing_go_again() -> None:
    out = OutFolder(Path("a/b"))
    out.stream("p.json")
    out.discard()
    assert not Path("a").exists()


def test_a_file_that_fails_is_not_there() -> None:
    out = OutFolder(Path("a"))

    def fail(file: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(SaveError, match="No space left"):
        out.write("1.png", fail)
    out.discard()
    assert not Path("a").exists()


def test_names_that_are_no_text_are_written_as_json_writes_them() -> None:
    out = OutFolder(Path("a"))
    out.stream("p.json").write('"\udcff ü"')
    out.finish()
    assert Path("a/p.json").read_bytes() == b'"\\udcff \xc3\xbc"'


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_where_nothing_can_be_written(place: str) -> None:
    Path("file").write_text("x")
    with pytest.raises(UsageError):
        OutFolder(Path(place))
    assert Path("file").read_text() == "x"
