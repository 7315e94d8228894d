"""Which pictures and labels a config has, whatever is wrong with some of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtcli.core.config import Config, DataConfig, TaskConfig
from mtcli.core.data.faults import Faults, Unused
from mtcli.core.data.gather import load_records
from mtcli.core.data.records import Record
from mtcli.core.data.splits import check_files, names_of
from mtcli.core.errors import MtcliError
from mtcli.core.inspection.finding import Fault, Finding, of_error

TRAINED = ("train", "val")
"""The splits that a training reads: what is wrong with others breaks an evaluation at most."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What the files say, before a picture was opened.

    Attributes:
        records: by split, without sizes; a split that cannot be listed is not in it, and where
            there is no folder of pictures, none is.
        problems: what keeps splits from being listed.
        faults: of files of labels, and of single items in them, each once.
        strays: by task, labels of no picture of any split.
    """

    records: dict[str, list[Record]]
    problems: Sequence[Finding]
    faults: Sequence[Fault]
    strays: dict[str, list[Unused]]


def list_records(config: Config) -> Listing:
    """List the pictures of every split, and read their labels as far as possible."""
    problems: dict[str, Finding] = {}
    records: dict[str, list[Record]] = {}
    told: dict[str, list[Faults]] = {name: [] for name in config.tasks}
    faults: dict[tuple[str, ...], Fault] = {}

    def note(error: MtcliError, breaks: bool) -> None:
        problems.setdefault(f"{error.where} {error.what}", of_error("files", error, breaks=breaks))

    try:
        check_files(config)
    except MtcliError as error:
        note(error, True)
    if not (_is_there(config.data) and all(_is_there(own) for own in config.tasks.values())):
        # Whatever else were found would follow from it.
        return Listing({}, list(problems.values()), (), {name: [] for name in config.tasks})
    for split in _split_names(config, note):
        own = {name: Faults() for name in config.tasks}
        try:
            records[split] = load_records(config.data, config.tasks, split, own)
        except MtcliError as error:
            note(error, split in TRAINED)
        for name, found in own.items():
            told[name].append(found)
            for problem in found.problems:
                key = (name, problem.what, *map(str, problem.parts().values()))
                faults.setdefault(key, Fault(name, problem, split in TRAINED))
    strays = {name: _never_used(found) for name, found in told.items()}
    return Listing(records, list(problems.values()), list(faults.values()), strays)


def _is_there(place: DataConfig | TaskConfig) -> bool:
    """Whether a folder of pictures that is named exists."""
    return not isinstance(place.images, Path) or place.images.is_dir()


def _split_names(config: Config, note: Callable[[MtcliError, bool], None]) -> list[str]:
    """The names of all splits, those that a training reads first."""
    names = list(TRAINED)
    for places in (config.data.splits, *(task.splits for task in config.tasks.values())):
        try:
            names += [] if places is None else names_of(places)
        except MtcliError as error:
            note(error, True)
    return list(dict.fromkeys(names))


def _never_used(found: Sequence[Faults]) -> list[Unused]:
    """Labels that belong to no picture of any split, each once."""
    used = {key for faults in found for key in faults.used}
    unused = {(label.where, label.name): label for faults in found for label in faults.unused}
    return [label for key, label in unused.items() if key not in used]
