"""Findings about data as a person reads them: what breaks first, with examples and the mend."""

from __future__ import annotations

from rich.text import Text

from mtcli.console.output import Output
from mtcli.console.text import clock
from mtcli.core.inspection.finding import Finding
from mtcli.core.inspection.report import Report

SHOWN = 3
"""Examples of a finding; --json has a few more."""


def print_report(output: Output, report: Report) -> None:
    """Print a line a finding, with its mend below, and the sum of all on stdout."""
    width = max((len(one.task or "") for one in report.findings), default=0)
    for one in report.findings:
        for line in _lines(one, width):
            # Paths are not folded.
            output.result.print(line, soft_wrap=True)
    output.result.print(_sum(report), soft_wrap=True)


def _lines(one: Finding, width: int) -> list[Text]:
    sort = ("error", "bad") if one.breaks else ("warn ", "accent")
    times = f"{one.count} × " if one.count > 1 else ""
    head = Text.assemble(sort, "  ", (f"{one.task or '':<{width}}", "name"), "  " if width else "")
    lines = [Text.assemble(head, times, one.what)]
    indent = " " * len(head)
    if one.pictures:
        examples = ", ".join(one.pictures[:SHOWN])
        tail = " …" if len(one.pictures) > SHOWN else ""
        lines.append(Text.assemble(indent, ("in    ", "quiet"), examples, tail))
    if one.mend is not None:
        lines.append(Text.assemble(indent, ("mend  ", "quiet"), one.mend))
    return lines


def _sum(report: Report) -> Text:
    broken = sum(one.breaks for one in report.findings)
    warned = len(report.findings) - broken
    told = [
        f"{count} {word}{'s' if count != 1 else ''}"
        for count, word in ((broken, "error"), (warned, "warning"))
        if count
    ]
    seconds = report.seconds
    return Text.assemble(
        f"{sum(report.pictures.values())} pictures, ",
        f"{report.tasks} task{'s' if report.tasks != 1 else ''}, ",
        clock(seconds) if seconds >= 60 else f"{seconds:.1f} s",
        " · ",
        (" and ".join(told) or "nothing found", "bad" if broken else "" if told else "good"),
    )
