"""mtcli config check: everything that can be said of a config without opening a picture."""

from __future__ import annotations

from dataclasses import replace

from mtcli.core.assembly import Assembly, assemble
from mtcli.core.config import Config
from mtcli.core.data.records import check_labels
from mtcli.core.runtime import choose_runtime

ANY_SIZE = (1 << 20, 1 << 20)


def check(config: Config) -> Assembly:
    """Read the labels and build the network, as a training would.

    Raises:
        MtcliError: what the training would have said before it looks at pictures.
    """
    choose_runtime(config.train.device, config.train.precision)
    assembly = assemble(config)
    for records in assembly.records.values():
        # The size of a picture decides what of a label is mended, not whether it is understood;
        # but for maps, which must be as large, and lie in files of their own.
        sized = [replace(record, size=ANY_SIZE) for record in records]
        check_labels(sized, assembly.model.tasks, deferred=False)
    return assembly
