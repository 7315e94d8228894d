"""Gates: what a metric must come to, or the command that measured it ends with exit code 3."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mtcli.core.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from mtcli.core.baseline import Baseline, Difference
    from mtcli.core.events import TaskResult
    from mtcli.core.task import AnyTask

Better = Literal["max", "min"]

NOISE = 1e-6
"""What a metric may differ by where the same pictures came in other batches."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A bound on one metric of one task.

    Attributes:
        option: which asked for it: `fail-under` bounds the metric, `max-drop` what it loses.
        task: whose metric it is.
        metric: its name.
        better: which way is.
        bound: what the metric must come to, or must not exceed where lower is better; or by how
            much it may be worse than before.
        before: what it was, for `max-drop`; None where that is not known.
    """

    option: Literal["fail-under", "max-drop"]
    task: str
    metric: str
    better: Better
    bound: float
    before: float | None = None

    @property
    def name(self) -> str:
        """The metric as a command line names it."""
        return f"{self.task}.{self.metric}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gate, and what its metric came to; None where that is undefined."""

    gate: Gate
    value: float | None

    @property
    def drop(self) -> float | None:
        """By how much the metric is worse than before; None where a number is unknown."""
        if self.value is None or self.gate.before is None:
            return None
        change = self.value - self.gate.before
        return -change if self.gate.better == "max" else change

    @property
    def met(self) -> bool:
        """Whether the gate is; what is undefined or unknown misses it."""
        bound = self.gate.bound
        if self.gate.option == "max-drop":
            return self.drop is not None and self.drop <= bound + NOISE
        if self.value is None:
            return False
        beyond = self.value >= bound if self.gate.better == "max" else self.value <= bound
        # 0.9 may have become 0.8999999999999999 on its way through a mean.
        return beyond or math.isclose(self.value, bound, rel_tol=1e-9)


@dataclass(frozen=True, slots=True)
class Held:
    """Results held against what was asked.

    Attributes:
        verdicts: of each gate.
        baseline: the file that the results are compared with, if they are.
        differences: each metric that is in it too.
        remarks: what makes the comparison less than fair.
    """

    verdicts: tuple[Verdict, ...] = ()
    baseline: Path | None = None
    differences: tuple[Difference, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Demands:
    """The gates of a command line, before they are held against the tasks that there are.

    Attributes:
        floors: by metric, what it must come to.
        drops: by metric, by how much it may be worse than in the baseline.
        drop: the same of every task's primary metric.
        baseline: what came out before.
    """

    floors: Mapping[str, float] = field(default_factory=dict)
    drops: Mapping[str, float] = field(default_factory=dict)
    drop: float | None = None
    baseline: Baseline | None = None

    @classmethod
    def read(
        cls,
        fail_under: Sequence[str] | None,
        max_drop: Sequence[str] | None,
        baseline: Path | None,
    ) -> Demands:
        """Understand the options `--fail-under`, `--max-drop` and `--baseline`.

        Raises:
            UsageError: one is written wrongly, or stands without what it needs.
            DataError: the baseline cannot be read.
        """
        from mtcli.core.baseline import Baseline  # imports what --help can do without

        floors = _bounds(fail_under, "--fail-under")
        drops = _bounds(max_drop, "--max-drop", alone=True)
        if drops and baseline is None:
            raise UsageError(
                "--max-drop: against what?",
                expected="--baseline too: a run, or what mtcli eval --json printed",
            )
        return cls(
            floors={name: bound for name, bound in floors.items() if name},
            drops={name: bound for name, bound in drops.items() if name},
            drop=drops.get(""),
            baseline=None if baseline is None else Baseline.read(baseline),
        )

    @property
    def words(self) -> str:
        """As a shell takes them."""
        words = [("--fail-under", f"{name}={bound!r}") for name, bound in self.floors.items()]
        if self.baseline is not None:
            words.append(("--baseline", shlex.quote(str(self.baseline.path))))
        words += [] if self.drop is None else [("--max-drop", f"{self.drop!r}")]
        words += [("--max-drop", f"{name}={bound!r}") for name, bound in self.drops.items()]
        return " ".join(f"{option} {text}" for option, text in words)

    def of(self, tasks: Mapping[str, AnyTask | type[AnyTask]]) -> tuple[Gate, ...]:
        """The gates on tasks that are going to be measured.

        Raises:
            UsageError: one is on a task or a metric that there is not, now or in the baseline.
            DataError: the baseline has no task in common with these, or one of another kind.
        """
        if self.baseline is not None:
            self.baseline.require({name: task.kind for name, task in tasks.items()})
        gates = []
        for name, bound in self.floors.items():
            task, metric = _find(name, tasks, f"--fail-under {name}={bound!r}")
            gates.append(Gate("fail-under", task, metric, tasks[task].metrics[metric], bound))
        for (task, metric), bound in self._drops(tasks).items():
            assert self.baseline is not None
            if not self.baseline.has(task, metric):
                raise UsageError(
                    f"--max-drop: {task}.{metric} is not in the baseline",
                    where=self.baseline.path,
                )
            before = self.baseline.value(task, metric)
            better = tasks[task].metrics[metric]
            gates.append(Gate("max-drop", task, metric, better, bound, before))
        return tuple(gates)

    def hold(
        self,
        gates: Iterable[Gate],
        results: Mapping[str, TaskResult],
        split: str,
        images: int | None = None,
        level: float | None = None,
    ) -> Held:
        """Hold results against the gates and the baseline.

        Args:
            gates: of these tasks, from `of`.
            results: by task.
            split: that was measured.
            images: how many it has, where that is known.
            level: of the results' intervals, in percent.
        """
        verdicts = tuple(
            Verdict(gate, results[gate.task].metrics.get(gate.metric)) for gate in gates
        )
        if self.baseline is None:
            return Held(verdicts)
        return Held(
            verdicts,
            self.baseline.path,
            self.baseline.differences(results, level),
            self.baseline.remarks(results, split, images),
        )

    def _drops(self, tasks: Mapping[str, AnyTask | type[AnyTask]]) -> dict[tuple[str, str], float]:
        """By task and metric; what names one holds above what is for all."""
        found = {}
        if self.drop is not None and self.baseline is not None:
            for task, kind in tasks.items():
                if task in self.baseline.document.tasks:
                    found[task, next(iter(kind.metrics))] = self.drop
        for name, bound in self.drops.items():
            found[_find(name, tasks, f"--max-drop {name}={bound!r}")] = bound
        return found


def _bounds(texts: Sequence[str] | None, option: str, alone: bool = False) -> dict[str, float]:
    """`TASK.METRIC=NUMBER`, with commas between several; a number `alone` goes by no name."""
    expected = "TASK.METRIC=NUMBER, such as cls.accuracy=0.9"
    if alone:
        expected = f"a number, or {expected.replace('0.9', '0.02')}"
    found: dict[str, float] = {}
    parts = [part.strip() for text in texts or () for part in text.split(",")]
    if texts and not any(parts):
        raise UsageError(f"{option} names no gate", expected=expected)
    for part in filter(None, parts):
        name, equals, text = (piece.strip() for piece in part.rpartition("="))
        if bool(name) != bool(equals) or not (name or alone):
            raise UsageError(f"{option} {part}: wrong value", expected=expected)
        try:
            bound = float(text)
        except ValueError:
            raise UsageError(
                f"{option} {part}: {text or 'nothing'} is no number", expected=expected
            ) from None
        if not math.isfinite(bound):
            raise UsageError(f"{option} {part}: {text} bounds nothing", expected=expected)
        if found.setdefault(name, bound) != bound:
            what = name or "every task"
            raise UsageError(
                f"{option}: two bounds for {what}", found=f"{found[name]:g}, {bound!r}"
            )
    return found


def _find(name: str, tasks: Mapping[str, AnyTask | type[AnyTask]], option: str) -> tuple[str, str]:
    """The task and the metric that a gate names.

    Raises:
        UsageError: there is no such task or metric.
    """
    task, dot, metric = name.partition(".")
    if not dot:
        owners = [f"{own}.{name}" for own, kind in tasks.items() if name in kind.metrics]
        raise UsageError(
            f"{option}: a gate names a task and a metric of it",
            expected="TASK.METRIC=NUMBER",
            mend=f"did you mean {' or '.join(owners)}?" if owners else None,
        )
    if task not in tasks:
        raise UsageError(f"{option}: no task {task} is measured", mend=did_you_mean(task, tasks))
    metrics = tasks[task].metrics
    if metric not in metrics:
        near = did_you_mean(metric, metrics, f"{task}.")
        there = f"{task} has {', '.join(metrics)}"
        raise UsageError(
            f"{option}: {task} has no metric {metric}",
            expected=there if near is not None and near.startswith("did") else None,
            mend=near or there,
        )
    return task, metric
