"""What kept tasks came to before another is learned, held in a run until its end compares them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import ValidationError

from mtcli.core.errors import CheckpointError
from mtcli.core.events import TaskResult
from mtcli.core.options import Options
from mtcli.core.run import Run, replace_text
from mtcli.core.transfer.events import Compared, Kept


class Standing(Options):
    """A task's primary metric as it was, and which way is better."""

    primary: str
    better: Literal["max", "min"]
    before: float | None


class Before(Options):
    """The kept tasks as they were, and by how much each may get worse; None: by any amount."""

    max_drop: float | None
    tasks: dict[str, Standing]

    def write(self, run: Run) -> None:
        """Have a run hold it, so that a training that goes on ends as one that never stopped.

        Raises:
            SaveError: it cannot be written.
        """
        replace_text(run.kept, self.model_dump_json(indent=1))

    @classmethod
    def read(cls, run: Run) -> Self | None:
        """What a run holds; None where no tasks were kept.

        Raises:
            CheckpointError: its file is damaged.
        """
        try:
            return cls.model_validate_json(run.kept.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, ValidationError):
            raise CheckpointError(
                "what the kept tasks came to before is damaged",
                where=run.kept,
                mend="without this file the training goes on, and compares nothing",
            ) from None

    def compare(self, results: Mapping[str, TaskResult]) -> Compared:
        """The tasks then and now; one without a result has come to nothing that is known."""
        rows = {}
        for name, task in self.tasks.items():
            result = results.get(name)
            after = None if result is None else result.metrics.get(task.primary)
            rows[name] = Kept(task.primary, task.better, task.before, after)
        return Compared(rows, self.max_drop)
