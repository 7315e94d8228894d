"""Whatever else a training would refuse before its first step."""

from __future__ import annotations

from collections.abc import Iterator

from mtcli.core.architecture import architecture_of
from mtcli.core.assembly import start_network
from mtcli.core.data.ranges import find_inputs
from mtcli.core.data.records import labelled_only, require_judgement, require_labels
from mtcli.core.description import Model
from mtcli.core.errors import MtcliError
from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import every
from mtcli.core.inspection.finding import Finding, of_error
from mtcli.core.inspection.survey import Survey
from mtcli.core.mixing.build import build_mixing
from mtcli.core.progress import check_best
from mtcli.core.runtime import choose_runtime


@CHECKS.add("training")
def check(survey: Survey) -> Iterator[Finding]:
    """Build the network, and see that the splits can teach and judge."""
    config = survey.config
    if set(survey.tasks) != set(config.tasks):
        return  # told by what kept a task from being prepared
    if not any(seen.look for seen in every(survey)):
        return  # not one picture can be read
    if "train" not in survey.splits or "val" not in survey.splits:
        return
    # What cannot be read is told elsewhere; only where it is passed over, its labels are missed.
    skips = config.data.on_bad_image == "skip"
    kept = {
        split: [s.record for s in survey.splits[split] if s.look is not None or not skips]
        for split in ("train", "val")
    }
    kept = {split: labelled_only(records) or records for split, records in kept.items()}
    try:
        choose_runtime(config.train.device, config.train.precision)
        check_best(config.train.best, survey.tasks)
        inputs = find_inputs(config, kept["train"])
        architecture = architecture_of(config.model, config.tasks, inputs)
        start_network(
            config, Model(architecture, survey.tasks, config.data.size, config.data.resize)
        )
        if kept["train"] and kept["val"]:
            for name in survey.tasks:
                require_labels(kept["train"], name)
            for _ in require_judgement(kept["val"], config.train.best, survey.tasks):
                pass  # noted by the check of classes
            build_mixing(config.train, config.tasks, kept["train"])
    except MtcliError as error:
        yield of_error("training", error)
