"""A picture at a place that a person named: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtcli.core.errors import SaveError, UsageError
from mtcli.core.picturefile import check_picture_path, write_picture


@pytest.mark.parametrize("name", ["a.png", "a.JPG", "a.jpeg"])
def test_known_endings_are_written(name: str) -> None:
    check_picture_path(Path(name))
    forms: list[str] = []

    def write(draft: Path, form: str) -> None:
        forms.append(form)
        draft.write_text("picture")

    write_picture(Path(name), write)
    assert Path(name).read_text() == "picture"
    assert forms == ["png" if name == "a.png" else "jpeg"]
    assert [path.name for path in Path().iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.tiff", "png", ".png", "none/a.png", "folder.png"])
def test_other_places_are_refused_beforehand(name: str) -> None:
    Path("folder.png").mkdir()
    with pytest.raises(UsageError):
        check_picture_path(Path(name))


def test_a_failed_write_leaves_what_was_there() -> None:
    Path("a.png").write_text("before")

    def write(draft: Path, form: str) -> None:
        draft.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(SaveError, match="No space left") as caught:
        write_picture(Path("a.png"), write)
    assert caught.value.exit_code == 1
    assert Path("a.png").read_text() == "before"
    assert [path.name for path in Path().iterdir()] == ["a.png"]
