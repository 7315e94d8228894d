"""A training on the screen: the heading, two bars, a table an epoch, the summary."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from mtcli.console.output import Output
from mtcli.console.text import change, clock, metric, millions, number, rate
from mtcli.console.transfer import compared_json, plan_line, show_compared, source_name
from mtcli.core import events
from mtcli.core.transfer.events import TransferPlanned


class TrainingView:
    """Draws the events of a training; a context, since a terminal must be left as it was found.

    Without `answers` the end's JSON is not printed, but kept as `answer` for whoever says more;
    without `plans` somebody else shows a transfer's plan. `ended` is how the training ended, once
    it has.
    """

    def __init__(self, output: Output, answers: bool = True, plans: bool = True) -> None:
        self._output = output
        self._answers = answers
        self._plans = plans
        self.answer: Mapping[str, Any] = {}
        self.ended: events.TrainingEnded | None = None
        self._talk = output.talk
        self._started: events.TrainingStarted | None = None
        self._bars = Progress(
            TextColumn("{task.description}", style="quiet"),
            TextColumn("{task.fields[place]:>9}"),
            BarColumn(bar_width=30),
            _Share(),
            TextColumn("{task.fields[text]}"),
            console=self._talk,
        )
        self._losses = Text()
        self._live = Live(
            Group(self._bars, self._losses),
            console=self._talk,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,
        )
        self._rows: dict[str, Any] = {}

    def __enter__(self) -> TrainingView:
        if self._output.live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    def show(self, event: events.Event) -> None:
        """Draw one event."""
        if isinstance(event, events.Noted):
            self._output.note(event.text)
        elif isinstance(event, TransferPlanned):
            if self._plans:
                self._output.note(plan_line(event))
        elif isinstance(event, events.TrainingStarted):
            self._started = event
            if not self._output.quiet:
                self._heading(event)
        elif isinstance(event, events.EpochEnded):
            self._epoch_ended(event)
        elif isinstance(event, events.TrainingEnded):
            self._ended(event)
        elif self._output.live:
            self._move(event)

    def _heading(self, start: events.TrainingStarted) -> None:
        pictures = ", ".join(f"{count} {split}" for split, count in start.pictures.items())
        self._talk.print(
            f"[name]mtcli train[/name] · {escape(str(start.run))} · {pictures} pictures · "
            f"{start.device}, {start.precision}, seed {start.seed}",
            soft_wrap=True,
        )
        table = Table.grid(padding=(0, 2))
        weights = " + ".join(map(source_name, start.weights)) or "from scratch"
        shared = f"{millions(start.shared_parameters)} shared"
        table.add_row("  trunk", start.trunk, Text(weights), "", shared)
        for name, task in start.tasks.items():
            classes = f"{task.classes} classes" if task.classes else ""
            own = f"+ {millions(task.parameters)}"
            table.add_row(f"  {name}", task.kind, classes, f"{task.labelled} labelled", own)
        self._talk.print(table)
        if start.first_epoch > start.epochs:
            self._output.note("every epoch is trained; only the end is summed up again")
        elif start.first_epoch > 1 or start.first_update:
            self._output.note(f"goes on at epoch {start.first_epoch}, step {start.first_update}")

    def _move(self, event: events.Event) -> None:
        if isinstance(event, events.Verifying):
            self._bar("look", event.done, event.total, f"{event.done}/{event.total}", "pictures")
        elif isinstance(event, events.Caching):
            place = f"{event.done}/{event.total}"
            self._bar("cache", event.done, event.total, place, f"features of {event.split}")
        elif isinstance(event, events.Evaluating):
            place = f"{event.done}/{event.total}"
            self._bar("val", event.done, event.total, place, "pictures")
        elif isinstance(event, events.Stepped):
            assert self._started is not None
            start = self._started
            left = (event.steps - event.step) / max(event.updates_per_second, 1e-9)
            place = f"{event.epoch}/{start.epochs}"
            self._drop("val", "look", "cache")
            self._bar("epoch", event.step, event.steps, place, f"eta {clock(left)}")
            speed = f"{event.pictures_per_second:.1f} img/s   lr {rate(event.learning_rate)}"
            place = f"{event.update}/{event.updates}"
            self._bar("step", event.update, event.updates, place, speed)
            losses = (f"{name} {loss:.2f}" for name, loss in event.losses.items())
            self._losses.plain = f"loss  {'   '.join(losses)}"

    def _epoch_ended(self, event: events.EpochEnded) -> None:
        if self._output.quiet:
            return
        if not self._output.live:
            said = [
                f"{name}.{self._primary(name)}={number(values[self._primary(name)])}"
                for name, values in event.metrics.items()
            ]
            loss = sum(event.losses.values())
            self._talk.print(
                f"epoch {event.epoch}/{event.epochs}  {'  '.join(said)}  loss={loss:.3f}  "
                f"{_speed(event.pictures_per_second)}  {event.seconds:.1f} s",
                soft_wrap=True,
            )
            return
        self._drop("val", "look")
        table = Table(box=None, pad_edge=False, header_style="quiet", padding=(0, 2, 0, 0))
        best = " [accent]★[/accent]" if event.is_best else ""
        # Fixed widths, so that the columns of all epochs stand below each other.
        widest = max(len(f" epoch {event.epochs} ★"), *(len(f" {n}") for n in event.metrics))
        table.add_column(f" epoch {event.epoch}{best}", min_width=widest, no_wrap=True)
        table.add_column("primary", no_wrap=True)
        table.add_column("", min_width=len("0.000 ★"), no_wrap=True)
        table.add_column("change", min_width=len("+0.000"), no_wrap=True)
        table.add_column("other")
        for name, values in event.metrics.items():
            primary, *others = values
            moved = event.changes[name]
            style = "good" if moved is not None and moved >= 0.0005 else "quiet"
            mark = "[accent]★[/accent]" if name in event.best_of else ""
            table.add_row(
                f" {name}",
                primary,
                f"[name]{number(values[primary])}[/name] {mark}",
                Text(change(moved), style=style),
                Text("  ".join(f"{metric(o)} {number(values[o])}" for o in others), style="quiet"),
            )
        self._talk.print(table)

    def _ended(self, event: events.TrainingEnded) -> None:
        self._leave()
        out, self.ended = self._output, event
        if event.interrupted is not None:
            return
        if out.as_json:
            self.answer = training_json(event)
            if self._answers:
                out.json(self.answer)
            return
        if out.quiet:
            out.result.print(str(event.run), soft_wrap=True, markup=False)
        else:
            self._summary(event)
        if event.compared is not None:
            show_compared(out, event.compared)

    def _summary(self, event: events.TrainingEnded) -> None:
        result = self._output.result
        result.print(
            f"[name]done[/name] in {clock(event.seconds)} · best epoch {event.best_epoch} of "
            f"{event.epochs_done} · {event.best_by} {number(event.score)}",
            soft_wrap=True,
        )
        result.print(
            "".join(
                f" [accent]{name}[/accent]  {r.primary} "
                f"[name]{number(r.metrics[r.primary])}[/name] "
                for name, r in event.results.items()
            ),
            soft_wrap=True,
        )
        shared, own = millions(event.shared_parameters), millions(event.own_parameters)
        run = escape(str(event.run))
        result.print(f" run  {run}    {shared} shared, {own} private", soft_wrap=True)
        split = " --split test" if "test" in event.splits else ""
        result.print(f"[quiet]next[/quiet]  mtcli eval {run}{split}", soft_wrap=True)

    def _primary(self, name: str) -> str:
        assert self._started is not None
        return self._started.tasks[name].primary

    def _bar(self, name: str, done: int, total: int, place: str, text: str) -> None:
        if name not in self._rows:
            self._rows[name] = self._bars.add_task(name, total=total, place="", text="")
        self._bars.update(self._rows[name], completed=done, total=total, place=place, text=text)

    def _drop(self, *names: str) -> None:
        for name in names:
            if name in self._rows:
                self._bars.remove_task(self._rows.pop(name))

    def _leave(self) -> None:
        """Take the bars away, so that what follows stands below the tables."""
        if self._output.live:
            self._drop(*list(self._rows))
            self._losses.plain = ""
            self._live.stop()


def _speed(pictures_per_second: float) -> str:
    """A dash where nothing was trained: all of the epoch was done before a training went on."""
    return f"{pictures_per_second:.1f} img/s" if pictures_per_second else "– img/s"


class _Share(ProgressColumn):
    """Percent done, as the sketches have it: 46 %."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.percentage:>3.0f} %")


def training_json(event: events.TrainingEnded) -> Mapping[str, Any]:
    """The end of a training as plain values."""
    kept = {"kept": compared_json(event.compared)} if event.compared is not None else {}
    return {
        "run": str(event.run),
        "best_epoch": event.best_epoch,
        "epochs": event.epochs_done,
        "best_by": event.best_by,
        "score": event.score,
        "seconds": round(event.seconds, 3),
        "parameters": {"shared": event.shared_parameters, "own": event.own_parameters},
        "tasks": {
            name: {
                "kind": result.kind,
                "primary": result.primary,
                "labelled": result.labelled,
                "metrics": dict(result.metrics),
            }
            for name, result in event.results.items()
        },
        **kept,
    }
