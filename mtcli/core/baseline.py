"""The results of an earlier evaluation, to hold new ones against."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from mtcli.core.errors import DataError, and_more
from mtcli.core.run import Run, runs_nearby

if TYPE_CHECKING:
    from mtcli.core.events import TaskResult

SCHEMA = 1
"""Of what `mtcli eval --json` prints; what lacks it is of the first."""

Number = Annotated[FiniteFloat, Field(strict=True)]


class _Lenient(BaseModel):
    """A part of the file; what this mtcli does not know of it is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Confidence(_Lenient):
    """How the intervals were made."""

    level: Number


class TaskBefore(_Lenient):
    """One task's numbers."""

    kind: str
    metrics: dict[str, Number | None] = Field(min_length=1)
    labelled: int | None = None
    intervals: dict[str, tuple[Number, Number] | None] = {}


class Document(_Lenient):
    """What `mtcli eval --json` prints, and a run keeps as metrics.json."""

    tasks: dict[str, TaskBefore] = Field(min_length=1)
    split: str | None = None
    images: int | None = None
    ci: Confidence | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A metric before and after; None where it was or is undefined.

    Attributes:
        task: whose metric it is.
        metric: its name.
        before: in the baseline.
        after: now.
        outside_chance: whether chance alone would rarely make such a difference; None where no
            interval tells.
    """

    task: str
    metric: str
    before: float | None
    after: float | None
    outside_chance: bool | None = None

    @property
    def change(self) -> float | None:
        """By how much the metric is higher now."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True, slots=True)
class Baseline:
    """Results of an earlier evaluation.

    Attributes:
        path: the file that they stand in.
    """

    path: Path
    document: Document

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """From a run, or a file that holds what `mtcli eval --json` printed.

        Raises:
            DataError: there is none, or it is damaged, of something else or from a newer mtcli.
        """
        file = path
        if path.is_dir():
            file = Run(path).metrics
            if not file.is_file():
                raise DataError(
                    "the baseline is a folder without the results of a training",
                    where=path,
                    expected="a run that was trained to its end, or a JSON file",
                    mend=f"write one: mtcli eval {path} --json > baseline.json"
                    if Run(path).checkpoints.is_dir()
                    else None,
                )
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError("no such baseline", where=path, mend=runs_nearby(path)) from None
        except OSError as error:
            raise DataError(f"cannot read the baseline: {error.strerror}", where=file) from None
        except ValueError:  # also what is no text
            raise DataError(
                "the baseline is not JSON",
                where=file,
                expected="a run, or what mtcli eval --json printed",
            ) from None
        return cls(file, _checked(values, file))

    def has(self, task: str, metric: str) -> bool:
        """Whether the metric was measured, be it undefined."""
        return task in self.document.tasks and metric in self.document.tasks[task].metrics

    def value(self, task: str, metric: str) -> float | None:
        """A metric that was measured; None where it was undefined."""
        return self.document.tasks[task].metrics[metric]

    def require(self, kinds: Mapping[str, str]) -> None:
        """See that results of tasks of these kinds can be held against it.

        Raises:
            DataError: it has none of these tasks, or one of another kind.
        """
        before = self.document.tasks
        common = [name for name in kinds if name in before]
        if not common:
            raise DataError(
                "the baseline is of other tasks",
                where=self.path,
                expected=and_more(list(kinds)),
                found=and_more(list(before)),
            )
        for name in common:
            if before[name].kind != kinds[name]:
                raise DataError(
                    f"the baseline's {name} is a task of another kind",
                    where=self.path,
                    expected=kinds[name],
                    found=before[name].kind,
                )

    def remarks(
        self, results: Mapping[str, TaskResult], split: str, images: int | None = None
    ) -> tuple[str, ...]:
        """What makes a comparison with results of this split and so many pictures unfair."""
        there = self.document
        labels = {
            name: (there.tasks[name].labelled, now.labelled)
            for name, now in results.items()
            if name in there.tasks and there.tasks[name].labelled is not None
        }
        said = []
        if there.split is not None and there.split != split:
            said.append(f"the baseline is of {there.split}, this is of {split}")
        elif not labels and None not in (there.images, images) and there.images != images:
            said.append(f"the baseline is of {there.images} pictures, this is of {images}")
        for name, (before, after) in labels.items():
            if before != after and there.split in (None, split):
                said.append(f"{name}: the baseline is of {before} labels, this is of {after}")
        for name in results:
            if name not in there.tasks:
                said.append(f"{name} is not in the baseline")
        for name in there.tasks:
            if name not in results:
                said.append(f"{name} is in the baseline, and was not measured now")
        return tuple(said)

    def differences(
        self, results: Mapping[str, TaskResult], level: float | None = None
    ) -> tuple[Difference, ...]:
        """Each metric that was measured both times; `level` is that of the results' intervals."""
        found = []
        same_level = self.document.ci is not None and self.document.ci.level == level
        for name, result in results.items():
            if name not in self.document.tasks:
                continue
            before = self.document.tasks[name]
            for metric, after in result.metrics.items():
                if metric in before.metrics:
                    earlier = before.intervals.get(metric) if same_level else None
                    interval = result.intervals.get(metric)
                    outside = _outside(before.metrics[metric], after, interval, earlier)
                    found.append(Difference(name, metric, before.metrics[metric], after, outside))
        return tuple(found)


def _outside(
    before: float | None,
    after: float | None,
    interval: tuple[float, float] | None,
    earlier: tuple[float, float] | None,
) -> bool | None:
    """Whether a difference is outside chance.

    With an interval of one number alone: whether the other number lies outside it. With those of
    both: whether an interval of the difference excludes 0, made of theirs by the method of
    variance estimates recovery (Zou and Donner, "Construction of confidence limits about effect
    measures", Statistics in Medicine 27, 2008): from after - before,

        down by √((after - its low)² + (before's high - before)²),
        up by √((its high - after)² + (before - before's low)²).

    It takes the two for independent. On the same pictures they are not, and differ less by chance
    than that: it errs on the side of chance.
    """
    if before is None or after is None or interval is None:
        return None
    low, high = interval
    if earlier is None:
        return not low <= before <= high
    difference = after - before
    down = math.hypot(after - low, earlier[1] - before)
    up = math.hypot(high - after, before - earlier[0])
    return not difference - down <= 0 <= difference + up


def _checked(values: Any, file: Path) -> Document:
    if isinstance(values, dict):
        schema = values.get("schema", SCHEMA)
        if isinstance(schema, int) and schema > SCHEMA:
            raise DataError(
                "the baseline is of another schema than this mtcli reads",
                where=file,
                expected=f"schema {SCHEMA}",
                found=f"schema {schema}",
                mend="pip install --upgrade multitask-cli",
            )
        if "folds" in values:
            raise DataError(
                "the baseline is of a cross-validation, not of one network",
                where=file,
                expected="a fold's run, or what mtcli eval --json printed of one",
            )
    try:
        return Document.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise DataError(
            "the baseline is not what mtcli eval --json prints",
            where=file,
            found=f"{place}: {first['msg']}",
        ) from None
