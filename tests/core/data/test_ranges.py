"""What the training split tells of inputs: pictures or maps, and the numbers that are 0 and 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mtcli.core.config import Config
from mtcli.core.configfile import load_config
from mtcli.core.data import ranges
from mtcli.core.data.gather import load_records
from mtcli.core.data.ranges import check_same_inputs, find_inputs
from mtcli.core.data.records import Record
from mtcli.core.errors import ConfigError, DataError, MtcliError


def load(folder: Path, *sets: str) -> tuple[Config, list[Record]]:
    config = load_config(folder / "mtcli.yaml", sets)
    return config, load_records(config.data, config.tasks, "train")


def refusal(folder: Path, *sets: str) -> MtcliError:
    with pytest.raises((ConfigError, DataError)) as caught:
        find_inputs(*load(folder, *sets))
    return caught.value


def test_a_range_is_what_the_training_split_measured(fused: Path) -> None:
    # Training pictures are 0 to 7; those of val show more, and 0 is not measured.
    assert find_inputs(*load(fused)) == {"rgb": None, "depth": (1000, 1700)}


def test_a_range_that_is_said_holds(fused: Path) -> None:
    said = "data.inputs={rgb: images, depth: {maps: depth, range: [0, 10000]}}"
    assert find_inputs(*load(fused, said)) == {"rgb": None, "depth": (0, 10000)}


def test_one_picture_has_no_inputs(shapes: Path) -> None:
    assert find_inputs(*load(shapes)) == {}


def test_some_maps_tell_of_many(fused: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "LOOKED_AT", 2)
    np.save(fused / "depth/x.npy", np.ones((2, 2)))  # of no picture
    assert find_inputs(*load(fused))["depth"] == (1000, 1700)


def test_a_map_that_cannot_be_read_tells_nothing_where_it_is_skipped(fused: Path) -> None:
    (fused / "depth/00.png").write_bytes(b"no map")
    assert "cannot be read" in refusal(fused).what
    assert find_inputs(*load(fused, "data.on_bad_image=skip"))["depth"] == (1100, 1700)


def test_an_input_that_no_record_has_is_refused(fused: Path) -> None:
    for path in (fused / "depth").iterdir():
        path.rename(path.with_name(f"depth_{path.name}"))
    error = refusal(fused)
    assert error.what == "no picture of the training split has the input depth"
    assert "00 for example" in str(error.expected)


def test_maps_of_one_number_are_refused(fused: Path) -> None:
    for path in (fused / "depth").iterdir():
        path.unlink()
    np.save(fused / "depth/01.npy", np.full((64, 64), 7.0))
    error = refusal(fused)
    assert "show nothing" in error.what
    assert error.found == "7"


def test_an_input_is_one_thing_for_all_tasks(fused: Path) -> None:
    other = "tasks.det.inputs={rgb: depth, heat: images}"
    assert "the input rgb is a measured map for one task" in refusal(fused, other).what
    two = "tasks.det.inputs={rgb: images, depth: {maps: depth, range: [0, 9]}}"
    one = "data.inputs={rgb: images, depth: {maps: depth, range: [0, 8]}}"
    assert "two ranges" in refusal(fused, one, two).what


def test_tasks_can_bring_inputs_that_others_lack(fused: Path) -> None:
    own = "tasks.det.inputs={rgb: images, again: images}"
    config, records = load(fused, own)
    assert find_inputs(config, records) == {"rgb": None, "depth": (1000, 1700), "again": None}
    assert list(records[0].inputs) == ["rgb", "depth", "again"]


def test_one_name_for_two_files_of_a_picture_is_refused(fused: Path) -> None:
    (fused / "other").mkdir()
    np.save(fused / "other/01.npy", np.ones((64, 64)))
    with pytest.raises(DataError, match="two inputs called depth"):
        load(fused, "tasks.det.inputs={rgb: images, depth: other}")


def test_a_network_gets_what_it_knows(fused: Path) -> None:
    _, records = load(fused)
    check_same_inputs({"rgb": None, "depth": (0, 1)}, records, "run")
    check_same_inputs({"rgb": None, "depth": (0, 1), "heat": None}, records, "run")
    with pytest.raises(ConfigError, match="other inputs"):
        check_same_inputs({"rgb": None}, records, "run")
    with pytest.raises(ConfigError, match="other inputs"):
        check_same_inputs({}, records, "run")
    with pytest.raises(ConfigError, match="the input depth is a measured map here"):
        check_same_inputs({"rgb": None, "depth": None}, records, "run")
