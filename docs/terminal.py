"""A terminal as SVG: `tmux capture-pane -e -p | python docs/terminal.py FILE TITLE`."""

import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text


def main() -> None:
    """Read text with ANSI colours from stdin and write the picture."""
    target, title = Path(sys.argv[1]), sys.argv[2]
    lines = [line.rstrip() for line in sys.stdin.read().rstrip().splitlines()]
    text = Text.from_ansi("\n".join(lines))
    width = max(len(line.plain) for line in text.split()) + 1
    with open("/dev/null", "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=width, file=nowhere, force_terminal=True)
        console.print(text, soft_wrap=True)
        target.write_text(console.export_svg(title=title), encoding="utf-8")


if __name__ == "__main__":
    main()
