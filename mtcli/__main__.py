"""`python -m mtcli`: the same as the `mtcli` command."""

import sys

from mtcli.cli.main import main

sys.exit(main())
