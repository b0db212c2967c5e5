"""The console scripts `sensei` and `sensei-tui`, and `python -m sensei_tui`."""

from __future__ import annotations

import sys


def sensei() -> None:
    """`sensei ...`; alone on a terminal, the console on the site here."""
    try:
        if not sys.argv[1:] and _on_terminal():
            sys.exit(_console())
        from sensei_tui.cli import output
        from sensei_tui.cli.main import sensei as command

        output.run(command, sys.argv[1:])
    except Exception:  # noqa: BLE001 - the last place: a defect is reported without its variables
        from sensei_tui.cli import output

        output.report_defect()


def _on_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _console() -> int:
    """Straight to the first picture: no command line is parsed where there is none."""
    from sensei_tui.base.errors import SenseiError
    from sensei_tui.console import main

    try:
        return main()
    except SenseiError as error:
        from sensei_tui.cli import output

        output.fail(error, as_json=False)


def sensei_tui() -> None:
    """`sensei-tui`: the console on the site here; takes the options of `sensei tui`."""
    if sys.argv[1:] or not _on_terminal():
        sys.argv.insert(1, "tui")
    sensei()


if __name__ == "__main__":
    sensei()
