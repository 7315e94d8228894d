"""What was found in a folder, shown and asked about."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.prompt import Prompt
from rich.table import Table
from rich.text import Text

from mtcli.console.output import Output
from mtcli.core.discovery.compose import Plan
from mtcli.core.discovery.proposal import Doubt, Proposal
from mtcli.core.errors import UsageError

NOT_WANTED = "no"


@contextlib.contextmanager
def looking(output: Output, folder: Path) -> Iterator[None]:
    """Something that moves while a large folder is looked at."""
    if not output.live:
        yield
        return
    with output.talk.status(Text(f"looking at {folder}")):
        yield


def show_doubts(output: Output, doubts: Sequence[Doubt]) -> None:
    """What was found and is not used; what nobody would have expected to be is left out."""
    for doubt in doubts:
        if doubt.grave:
            near = f" ({doubt.near})" if doubt.near else ""
            output.note(f"{doubt.path} {doubt.text}{near}")


def ask(output: Output, proposals: Sequence[Proposal]) -> list[Proposal]:
    """Those of the proposals that a person wants, each as the kind that it is wanted as.

    Raises:
        UsageError: the answers ended.
    """
    wanted = []
    for proposal in proposals:
        kinds = [proposal, *([proposal.other] if proposal.other is not None else [])]
        output.talk.print(
            Text.assemble(
                (proposal.task, "accent"), "  ", (proposal.kind, "name"), "  ", proposal.why
            )
        )
        choices = [kind.kind for kind in kinds] if len(kinds) > 1 else ["yes"]
        try:
            answer = Prompt.ask(
                "  learn it?" if len(kinds) == 1 else "  learn it as?",
                console=output.talk,
                choices=[*choices, NOT_WANTED],
                default=choices[0],
            )
        except EOFError:
            raise UsageError(
                "the answers ended before the questions", mend="--yes takes all that is proposed"
            ) from None
        if answer != NOT_WANTED:
            wanted.append(kinds[choices.index(answer)])
    if not wanted:
        raise UsageError("no task is wanted, so nothing is written")
    return wanted


def show_plan(
    output: Output,
    config: Path,
    listed: Path | None,
    plan: Plan,
    counts: dict[str, int],
    proposals: Sequence[Proposal],
) -> None:
    """The table on stdout, and what comes next."""
    out = output.result
    split_up = ", ".join(f"{count} {split}" for split, count in counts.items())
    beside = "" if listed is None else f", and {listed} with its splits"
    out.print(f"wrote {config}{beside}", soft_wrap=True, markup=False)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for proposal in proposals:
        table.add_row(
            Text(f" {proposal.task}", "accent"),
            proposal.kind,
            f"{len(proposal.pictures)} labelled",
            Text(proposal.why, "quiet"),
        )
    table.add_row(Text(" splits"), "", "", Text(f"{split_up}: {plan.splitting.why}", "quiet"))
    out.print(table)
    out.print(f"next  mtcli data check {config}", soft_wrap=True, markup=False)
    out.print(f"      mtcli train {config}", soft_wrap=True, markup=False)
