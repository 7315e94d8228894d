"""Real labels: the benchmark's config on the blood-smear pictures, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtcli.core.assembly import assemble
from mtcli.core.configfile import load_config
from mtcli.core.data.prepare import check_pictures_and_labels
from mtcli.core.events import Noted

CONFIG = Path(__file__).parent.parent / "benchmarks" / "bloodsmear" / "mtcli.yaml"
DATA = CONFIG.parent / "../../../shared/data/bloodsmear"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the blood-smear data is not at ../shared/data (docs/bloodsmear.md)"
)


def test_labels_classes_and_flaws_are_those_that_the_data_has() -> None:
    config = load_config(CONFIG, ["model.weights=null", "model.trunk=tiny"])
    assembly = assemble(config)
    train, val = assembly.records["train"], assembly.records["val"]

    assert (len(train), len(val)) == (205, 87)
    assert sum("cls" in record.labels for record in train) == 194
    assert sum("cls" in record.labels for record in val) == 86
    assert all("det" in record.labels for record in [*train, *val])
    assert assembly.model.tasks["cls"].facts.model_dump()["classes"] == (
        "basophil",
        "eosinophil",
        "lymphocyte",
        "monocyte",
        "neutrophil",
    )
    assert assembly.model.tasks["det"].facts.model_dump()["classes"] == ("platelet", "rbc", "wbc")

    said = []
    for records in (train, val):
        checked = check_pictures_and_labels(config.data, records, assembly.model.tasks)
        said += [event.text for event in checked if isinstance(event, Noted)]
    assert sum("1 × box without area dropped" in text for text in said) == 2
