"""Every planted fault is found, alone and among others; clean data is passed over in silence."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mtcli.core.configfile import load_config
from mtcli.core.errors import ConfigError, DataError
from mtcli.core.events import TrainingStarted
from mtcli.core.inspection.finding import Finding
from mtcli.core.inspection.report import Report
from mtcli.recipes.datacheck import check_data
from mtcli.recipes.train import NewRun, train
from tests.core.inspection.clean import make_clean
from tests.core.inspection.plants import PLANTS, Plant

SAMPLES = Path(__file__).parents[3] / "sample_data"
EXAMPLES = [SAMPLES / "mtcli.yaml", *sorted((SAMPLES / "examples").glob("*.yaml"))]


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clean(tmp_path_factory.mktemp("clean"))


@pytest.fixture
def data(clean: Path, tmp_path: Path) -> Path:
    """A copy of clean data."""
    folder = tmp_path / "data"
    shutil.copytree(clean, folder)
    return folder


def report_of(config: Path, only: Sequence[str] | None = None) -> Report:
    checking = check_data(load_config(config, only=only))
    while True:
        try:
            next(checking)
        except StopIteration as end:
            report: Report = end.value
            return report


def is_of(finding: Finding, plant: Plant) -> bool:
    return (
        finding.name == plant.finding
        and finding.breaks == plant.breaks
        and (plant.task is None or plant.task in (finding.task or "").split(", "))
        and (not plant.example or any(plant.example in place for place in finding.pictures))
    )


def starts(config: Path, only: Sequence[str] | None, runs: Path) -> bool:
    """Whether a training comes to its first step."""
    events: Any = train(load_config(config, only=only), NewRun(runs, None, "run"))
    with closing(events):
        try:
            return any(isinstance(event, TrainingStarted) for event in events)
        except (ConfigError, DataError):  # what ends with exit code 2
            return False


def test_clean_data_is_passed_over_in_silence(clean: Path) -> None:
    assert report_of(clean / "mtcli.yaml").findings == []


def test_more_than_twenty_sorts_of_faults_are_planted() -> None:
    assert len({plant.finding for plant in PLANTS}) >= 20
    assert len({plant.fault for plant in PLANTS}) == len(PLANTS) >= 40


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_a_planted_fault_is_found_and_breaks_what_it_breaks(
    plant: Plant, data: Path, tmp_path: Path
) -> None:
    plant.change(data)

    report = report_of(data / "mtcli.yaml")

    assert [one for one in report.findings if is_of(one, plant)], report.findings
    assert report.breaks == plant.breaks
    # A task alone starts sooner; but for faults of all tasks, or of what they share.
    only = [plant.task] if plant.task is not None and plant.together else None
    assert starts(data / "mtcli.yaml", only, tmp_path / "runs") == (not plant.breaks)


def test_all_that_can_stand_together_are_found_at_once(data: Path) -> None:
    planted = [plant for plant in PLANTS if plant.together]
    for plant in planted:
        plant.change(data)

    findings = report_of(data / "mtcli.yaml").findings

    missed = [plant for plant in planted if not any(_among(one, plant) for one in findings)]
    assert not missed, findings
    assert len({plant.finding for plant in planted}) >= 20


def _among(finding: Finding, plant: Plant) -> bool:
    """Found, though its place may not be one of the few that a finding of many names."""
    listed = finding.count <= len(finding.pictures)
    return is_of(finding, plant) or (
        not listed and (finding.name, finding.breaks) == (plant.finding, plant.breaks)
    )


@pytest.mark.parametrize("config", EXAMPLES, ids=lambda path: path.stem)
def test_the_sample_data_has_the_one_flaw_that_its_readme_tells(config: Path) -> None:
    for finding in report_of(config).findings:
        assert finding.name == "box-without-area-dropped"
        assert finding.pictures == ("scene_0025.jpg",)
        assert finding.count == 1
        assert not finding.breaks


def test_one_broken_reader_does_not_hide_what_others_find(data: Path) -> None:
    (data / "boxes.json").write_text("{")
    (data / "voc" / "p28.xml").write_text("<annotation>")
    (data / "voc" / "p29.xml").write_text("<annotation>")
    (data / "images" / "p30.png").unlink()

    found = {(one.name, one.task): one for one in report_of(data / "mtcli.yaml").findings}

    assert ("missing-pictures", None) in found
    assert found["broken-labels", "det"].count == 1
    assert found["broken-labels", "voc"].count == 2
    assert ("no-labels", "det") not in found


def test_faults_of_a_split_that_no_training_reads_break_nothing(data: Path) -> None:
    (data / "images" / "p55.png").unlink()
    (data / "masks" / "p56.png").write_bytes(b"none")

    report = report_of(data / "mtcli.yaml")

    assert {one.name for one in report.findings} == {"missing-pictures", "broken-labels"}
    assert not report.breaks


def test_a_picture_without_a_label_breaks_nothing_since_it_is_never_opened(data: Path) -> None:
    with (data / "train.txt").open("a") as file:
        file.write("nowhere.png\n")

    report = report_of(data / "mtcli.yaml")

    assert [(one.name, one.breaks) for one in report.findings] == [("missing-pictures", False)]


def test_an_unreadable_picture_that_is_to_be_skipped_is_a_warning(data: Path) -> None:
    path = data / "mtcli.yaml"
    path.write_text(path.read_text().replace("  workers: 0", "  on_bad_image: skip"))
    (data / "images" / "p05.png").write_bytes(b"none")

    report = report_of(path)

    assert [(one.name, one.breaks) for one in report.findings] == [("unreadable-pictures", False)]


def test_copies_in_one_split_with_the_same_labels_are_nobodys_fault(data: Path) -> None:
    shutil.copy(data / "images" / "p04.png", data / "images" / "twin.png")
    with (data / "train.txt").open("a") as file:
        file.write("twin.png\n")

    assert report_of(data / "mtcli.yaml").findings == []
