"""The runner process: `python -m sensei_tui.deploy.main SITE RUN`. Started by `deploy.start`, never by hand."""

from __future__ import annotations

import sys
from pathlib import Path

from sensei_tui.base.errors import ExitCode
from sensei_tui.deploy.start import LOCK
from sensei_tui.deploy.steps import steps_of
from sensei_tui.deploy.world import World
from sensei_tui.runs.registry import find_run
from sensei_tui.runs.runner import EXIT, Runner
from sensei_tui.site.site import Site


def main(root: Path, run_id: str) -> int:
    """Do the run; the exit status says how it ended."""
    site = Site.open(root)
    directory = find_run(site.runs, run_id)
    with World(site, directory.plan, directory.id) as world:
        runner = Runner(directory, steps_of(world), world.redact, site.state / LOCK)
        return int(EXIT.get(runner.run(), ExitCode.REMOTE))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
