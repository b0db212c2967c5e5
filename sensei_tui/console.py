"""`python -m sensei_tui.console SITE`: the console. Sets the terminal's environment before Textual is loaded."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """Open the console on the site named as the only argument; returns the exit code."""
    from sensei_tui.terminal.profile import prepare_environment

    prepare_environment()
    from sensei_tui.app import run
    from sensei_tui.site.site import Site

    return run(Site.open(Path(sys.argv[1])))


if __name__ == "__main__":
    sys.exit(main())
