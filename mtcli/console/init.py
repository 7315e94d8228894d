"""What was found in a folder, shown and asked about."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.prompt import Prompt
from rich.text import Text

from mtcli.console.output import Output
from mtcli.core.discovery.proposal import Doubt, Proposal
from mtcli.core.discovery.written import Written
from mtcli.core.errors import UsageError

NOT_WANTED = "no"
INDENT = "   "


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
            output.note(str(doubt))


def show_unasked(output: Output, proposals: Sequence[Proposal]) -> None:
    """What is not taken where nobody can be asked."""
    for proposal in proposals:
        output.note(f"not taken, for it takes a person to tell: {proposal.why}")


def ask(output: Output, proposals: Sequence[Proposal]) -> list[Proposal]:
    """Those of the proposals that a person wants, each as the kind that it is wanted as.

    Raises:
        UsageError: the answers ended.
    """
    wanted = []
    for proposal in proposals:
        kinds = [proposal, *([proposal.other] if proposal.other is not None else [])]
        talk = output.talk
        talk.print(Text.assemble((proposal.task, "accent"), "  ", (proposal.kind, "name")))
        _reason(talk, proposal.why)
        choices = [kind.kind for kind in kinds] if len(kinds) > 1 else ["yes"]
        try:
            answer = _Answer.ask(
                f"{INDENT}learn it?" if len(kinds) == 1 else f"{INDENT}learn it as?",
                console=talk,
                choices=[*choices, NOT_WANTED],
                default=choices[0] if proposal.wanted else NOT_WANTED,
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


class _Answer(Prompt):
    """One of the choices, or the start of one: `y` is yes."""

    def process_response(self, value: str) -> str:
        word = value.strip().lower()
        begun = [choice for choice in self.choices or () if word and choice.startswith(word)]
        return super().process_response(begun[0] if len(begun) == 1 else value)


def show_plan(output: Output, written: Written) -> None:
    """The tasks and splits on stdout, each with its reason, and what comes next."""
    out = output.result
    beside = "" if written.listed is None else f", and {written.listed} with its splits"
    out.print(f"wrote {written.config}{beside}", soft_wrap=True, markup=False)
    for line, proposal in zip(_columns(written.proposals), written.proposals, strict=True):
        out.print(line, soft_wrap=True)
        _reason(out, proposal.why)
    counts = ", ".join(f"{count} {split}" for split, count in written.counts.items())
    out.print(f" splits  {counts}", soft_wrap=True, markup=False)
    _reason(out, written.plan.splitting.why)
    check = f"mtcli data check {written.config}"
    number = len(written.faults)
    faults = "" if not number else f"   (lists the fault{'s' if number > 1 else ''} noted above)"
    out.print(f"next  {check}{faults}", soft_wrap=True, markup=False)
    out.print(f"      mtcli train {written.config}", soft_wrap=True, markup=False)


def _columns(proposals: Sequence[Proposal]) -> list[Text]:
    """Name, kind and number of labels, those of all tasks below each other."""
    names = max(len(proposal.task) for proposal in proposals)
    kinds = max(len(proposal.kind) for proposal in proposals)
    counts = max(len(str(len(proposal.pictures))) for proposal in proposals)
    return [
        Text.assemble(
            " ",
            (proposal.task.ljust(names), "accent"),
            f"  {proposal.kind.ljust(kinds)}  {len(proposal.pictures):>{counts}} labelled",
        )
        for proposal in proposals
    ]


def _reason(console: Console, text: str) -> None:
    """A reason below what it is of, indented on every line, and nothing behind its end."""
    width = max(40, console.width - 1)
    lines = textwrap.wrap(
        " ".join(text.split()),
        width,
        initial_indent=INDENT,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        console.print(Text(line, "quiet"), soft_wrap=True)
