"""The console scripts `sensei` and `sensei-tui`, and `python -m sensei_tui`."""

from __future__ import annotations

import sys


def sensei() -> None:
    """`sensei ...`."""
    from sensei_tui.cli import output
    from sensei_tui.cli.main import sensei as command

    try:
        output.run(command, sys.argv[1:])
    except Exception:  # noqa: BLE001 - the last place: a defect is reported without its variables
        output.report_defect()


def sensei_tui() -> None:
    """`sensei-tui [--site DIR]`: the console on the site here."""
    sys.argv[1:] = [*sys.argv[1:], "tui"]
    sensei()


if __name__ == "__main__":
    sensei()
