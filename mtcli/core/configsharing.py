"""What a config says of sharing: that there is such a way, and that names stay apart."""

from __future__ import annotations

from collections.abc import Mapping

from mtcli.core.config import TaskConfig
from mtcli.core.configmodel import ModelConfig
from mtcli.core.configtasks import Error
from mtcli.core.errors import did_you_mean


def check_sharing(model: ModelConfig, tasks: Mapping[str, TaskConfig], error: Error) -> None:
    """See that there is such a way of sharing, and that its parts can be told from other trunks.

    Whether the trunk has the stages that it needs, the network tells when it is built.

    Raises:
        ConfigError: what is wrong.
    """
    from mtcli.core.architecture import uses_of
    from mtcli.core.blueprint import MAIN
    from mtcli.core.sharing import SHARINGS

    known = SHARINGS.names()
    if model.sharing not in known:
        raise error(
            "model.sharing",
            f"no such way of sharing: {model.sharing}",
            expected=", ".join(known),
            mend=did_you_mean(model.sharing, known),
        )
    if model.branch_at is not None and model.sharing != "branch":
        raise error(
            "model.branch_at",
            f"with sharing: {model.sharing} nothing branches off",
            mend="model.sharing: branch, or leave it out (null)",
        )
    if not SHARINGS.get(model.sharing).apart:
        return
    uses = uses_of(model, tasks)
    for task, key in uses.items():
        if key == MAIN and task in {*model.trunks, *uses.values()}:
            raise error(
                f"tasks.{task}",
                f"what it has for itself by sharing: {model.sharing} would be called "
                f"trunks.{task}, as another trunk is",
                mend="give that trunk another key in model.trunks, or the task another name",
            )
