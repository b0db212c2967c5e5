"""The console itself on a fixed site: `python -m tests.terminal.stage`, steered through a descriptor (see feed.py).

It opens the way `sensei` does, so that the driver the program chooses is the one that is measured.
SENSEI_STAGE_DRIVER=stock takes Textual's own driver; SENSEI_STAGE_SCREEN=health starts on that screen.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from sensei_tui.console import open_on
from sensei_tui.site.site import Site
from sensei_tui.terminal import profile


def main() -> int:
    """Open the console; returns its exit code."""
    prepare = profile.prepare_environment

    def prepare_and_set() -> profile.Profile:
        found = prepare()
        if os.environ.get("SENSEI_STAGE_DRIVER") == "stock" and found is profile.SERIAL:
            os.environ["NO_COLOR"] = "1"  # fewest bytes there; the console's own driver knows no colour by itself
        # Only now: Textual reads the environment at its import.
        from tests.terminal.scenery import put_up

        put_up()
        return found

    profile.prepare_environment = prepare_and_set  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as name:
        return open_on(Site.create(Path(name) / "berlin-1", name="berlin-1"))


if __name__ == "__main__":
    sys.exit(main())
