"""Whatever else a training would refuse before its first step."""

from __future__ import annotations

from collections.abc import Iterator

from mtcli.core.data.records import labelled_only, require_judgement, require_labels
from mtcli.core.errors import MtcliError
from mtcli.core.freezing import check_frozen
from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import every
from mtcli.core.inspection.finding import Finding, of_error
from mtcli.core.inspection.survey import Survey
from mtcli.core.mixing.build import build_mixing
from mtcli.core.network import Architecture, build_network, check_size
from mtcli.core.progress import check_best
from mtcli.core.runtime import choose_runtime
from mtcli.core.weights import load_trunk_weights


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
        chosen = config.model
        architecture = Architecture(chosen.trunk, chosen.pyramid, chosen.drop_path)
        network = build_network(architecture, survey.tasks)
        check_size(network, chosen.trunk, config.data.size)
        check_frozen(network, config.train.mixing, config.data.size)
        if chosen.weights is not None:
            load_trunk_weights(network.trunk, chosen.weights)
        if kept["train"] and kept["val"]:
            for name in survey.tasks:
                require_labels(kept["train"], name)
            for _ in require_judgement(kept["val"], config.train.best, survey.tasks):
                pass  # noted by the check of classes
            build_mixing(config.train, config.tasks, kept["train"])
    except MtcliError as error:
        yield of_error("training", error)
