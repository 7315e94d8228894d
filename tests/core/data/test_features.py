"""Maps on disk: what comes back is what was written, and nothing half written is read."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mtcli.core.data.features import DESCRIPTION, FeatureStore, Layout
from mtcli.core.errors import SaveError

LAYOUTS = {"c5": Layout(4, 2, 3, torch.float32), "side/c2": Layout(2, 4, 6, torch.bfloat16)}
KEYS = {"train": ["a", "b", "c"], "val": ["a"]}


def store(run: Path, **origin: object) -> FeatureStore:
    return FeatureStore(run, LAYOUTS, KEYS, origin or {"weights": "w"})


def maps(pictures: int) -> dict[str, Tensor]:
    return {
        name: torch.randn(pictures, *layout[:3]).to(layout.dtype)
        for name, layout in LAYOUTS.items()
    }


@pytest.fixture
def written(tmp_path: Path) -> tuple[FeatureStore, dict[str, Tensor], dict[str, Tensor]]:
    """A whole store, and what it was made of; the three of train came as two and one."""
    made, train, val = store(tmp_path), maps(3), maps(1)
    made.begin()
    made.append("train", {name: tensor[:2] for name, tensor in train.items()})
    made.append("train", {name: tensor[2:] for name, tensor in train.items()})
    made.append("val", val)
    made.seal()
    return made, train, val


Written = tuple[FeatureStore, dict[str, Tensor], dict[str, Tensor]]


def test_any_pictures_come_back_in_the_order_asked_for(written: Written) -> None:
    made, train, val = written
    read = made.inputs("train")(["c", "a", "c"])
    assert read.keys() == LAYOUTS.keys()
    for name, tensor in read.items():
        assert tensor.dtype == LAYOUTS[name].dtype
        assert torch.equal(tensor, train[name][[2, 0, 2]])
        assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(made.inputs("val")(["a"])["c5"], val["c5"])


def test_what_was_read_may_be_changed(written: Written) -> None:
    made, train, _ = written
    made.inputs("train")(["a"])["c5"].zero_()
    assert torch.equal(made.inputs("train")(["a"])["c5"], train["c5"][:1])


def test_bytes_are_those_on_disk(written: Written) -> None:
    made, _, _ = written
    # A picture: 4 · 2 · 3 numbers of 4 bytes and 2 · 4 · 6 of 2.
    assert made.bytes == 4 * (96 + 96)
    assert sum(path.stat().st_size for path in made.folder.glob("*.maps")) == made.bytes


def test_it_is_whole_when_it_is_sealed(tmp_path: Path, written: Written) -> None:
    assert written[0].is_whole()
    assert store(tmp_path).is_whole()
    assert not store(tmp_path, weights="others").is_whole()
    (tmp_path / "features" / DESCRIPTION).unlink()
    assert not store(tmp_path).is_whole()


def test_a_file_cut_short_is_not_whole(tmp_path: Path, written: Written) -> None:
    path = next(written[0].folder.glob("val-*.maps"))
    path.write_bytes(path.read_bytes()[:-1])
    assert not store(tmp_path).is_whole()


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"weights": "w"})])
def test_a_damaged_description_is_not_whole(tmp_path: Path, written: Written, text: str) -> None:
    (written[0].folder / DESCRIPTION).write_text(text)
    assert not store(tmp_path).is_whole()


def test_to_begin_again_drops_what_was_there(tmp_path: Path, written: Written) -> None:
    made = store(tmp_path)
    made.begin()
    assert list(made.folder.iterdir()) == []
    made.remove()
    assert not made.folder.exists()


def test_a_full_disk_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = store(tmp_path)
    made.begin()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(SaveError) as caught:
        made.append("val", maps(1))
    assert caught.value.exit_code == 1
    assert caught.value.what == "cannot keep the features: No space left on device"
    assert caught.value.where == str(tmp_path / "features")
