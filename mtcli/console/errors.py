"""An error as a person reads it: what happened, where, what was expected or found, the mend."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from mtcli.console.output import THEME
from mtcli.core.errors import MtcliError

LABELS = {"where": "in", "expected": "wanted", "found": "found", "mend": "mend"}


def print_error(error: MtcliError, console: Console | None = None) -> None:
    """Print an error on stderr; paths are never folded."""
    console = console or Console(theme=THEME, highlight=False, stderr=True)
    console.print(Text.assemble(("error", "bad"), "  ", error.what), soft_wrap=True)
    for part, value in error.parts().items():
        if value:
            label = f"  {LABELS[part]:<6} "
            console.print(Text.assemble((label, "quiet"), value), soft_wrap=True)


def print_failure(failure: BaseException) -> None:
    """Print an error of our own making: it should not have happened."""
    print_error(
        MtcliError(
            f"mtcli itself failed: {type(failure).__name__}: {failure}",
            mend="run it again with --debug, and report what it prints",
        )
    )
