"""mtcli config check: everything that can be said of a config without opening a picture."""

from __future__ import annotations

from mtcli.core.assembly import Assembly, assemble
from mtcli.core.config import Config
from mtcli.core.runtime import choose_runtime


def check(config: Config) -> Assembly:
    """Read the labels and build the network, as a training would.

    Raises:
        MtcliError: what the training would have said before it looks at pictures.
    """
    choose_runtime(config.train.device, config.train.precision)
    return assemble(config)
