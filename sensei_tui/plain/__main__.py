"""`python -m sensei_tui.plain SITE`: the plain console, whatever the terminal is."""

from __future__ import annotations

import sys
from pathlib import Path

from sensei_tui.base.errors import SenseiError
from sensei_tui.plain import run
from sensei_tui.site.site import Site


def main() -> int:
    """Open it on the site named as the only argument, else on the one here; returns the exit code."""
    try:
        site = Site.open(Path(sys.argv[1])) if len(sys.argv) > 1 else Site.find()
    except SenseiError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    return run(site)


if __name__ == "__main__":
    sys.exit(main())
