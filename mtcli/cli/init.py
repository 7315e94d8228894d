"""mtcli init."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mtcli.cli import options
from mtcli.core.errors import UsageError


@options.interruptible
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where pictures and labels lie.")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="The config to write."),
    ] = Path("mtcli.yaml"),
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Take all that is proposed, without questions.")
    ] = False,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore",
            metavar="GLOB",
            help="Paths below FOLDER to pass over, such as 'voc/*'; may stand several times.",
        ),
    ] = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Find what lies in a folder, and write a config that trains it.

    Told by content, whatever the folders are called: class folders, COCO, VOC, YOLO, masks, depth
    maps, columns of CSV files and JSON lines, classes in file names; and which splits are there.
    """
    asked = _is_asked(yes)
    _check_places(folder, output)

    from mtcli.console.init import ask, looking, show_doubts, show_plan, show_unasked
    from mtcli.console.output import make_output
    from mtcli.recipes.init import discover, notes, refuse_existing, unmatched, write

    refuse_existing(output)
    out = make_output(as_json)
    with looking(out, folder):
        found = discover(folder, ignore or [])
    idle = unmatched(found.listing)
    for text in idle:
        out.note(text)
    show_doubts(out, found.sifted.doubts)
    proposals = found.sifted.proposals
    if not asked:
        show_unasked(out, [proposal for proposal in proposals if not proposal.wanted])
    wanted = ask(out, proposals) if asked else [p for p in proposals if p.wanted]
    written = write(found, wanted, output)
    told = notes(written)
    for text in told:
        out.note(text)
    if not as_json:
        show_plan(out, written)
        return
    out.json(
        {
            "config": str(written.config),
            "list": None if written.listed is None else str(written.listed),
            "tasks": {
                proposal.task: {
                    "kind": proposal.kind,
                    "from": proposal.origin,
                    "labelled": len(proposal.pictures),
                    "why": proposal.why,
                }
                for proposal in written.proposals
            },
            "splits": {"pictures": written.counts, "why": written.plan.splitting.why},
            "passed_over": [
                *({"path": doubt.path, "why": doubt.text} for doubt in found.sifted.doubts),
                *({"path": p.origin, "why": p.why} for p in proposals if p not in wanted),
            ],
            "notes": [*idle, *told],
            "faults": len(written.faults),
        }
    )


def _is_asked(yes: bool) -> bool:
    if yes:
        return False
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("there is no terminal to ask in", mend="--yes takes all that is proposed")
    return True


def _check_places(folder: Path, output: Path) -> None:
    """What is wrong with the arguments, before anything is looked at."""
    if not folder.is_dir():
        raise UsageError("no such folder", where=folder)
    if output.exists():
        raise UsageError(
            "there is such a file, which is not written over",
            where=output,
            mend="name another with -o, or remove it",
        )
    if not output.parent.is_dir():
        raise UsageError("no folder to write to", where=output.parent)
    root, target = folder.resolve(), output.resolve()
    if target.is_relative_to(root) and root != Path.cwd():
        raise UsageError(
            "the config would lie in the data's folder, which is not written to",
            where=output,
            mend="name another place with -o, or go there first: mtcli init .",
        )
