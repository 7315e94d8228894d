"""mtcli sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mtcli.cli import options


@options.interruptible
def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is not there yet.")],
    debug: options.Debug = False,
) -> None:
    """Write the sample pictures, their labels and a config to a folder."""
    from mtcli.console.output import make_output
    from mtcli.recipes.sample import write_sample

    config = write_sample(folder)
    output = make_output()
    output.result.print(f"wrote {folder}", soft_wrap=True, markup=False)
    output.result.print(f"next  mtcli train {config}", soft_wrap=True, markup=False)
