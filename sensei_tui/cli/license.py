"""`sensei license ...`: the key never stands on a command line and is never shown whole."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sensei_tui.base.errors import ExitCode, UsageError
from sensei_tui.cli.context import site_of
from sensei_tui.cli.output import emit, output_option
from sensei_tui.site.license import LICENSE_FILE, License, license_of, set_license
from sensei_tui.site.values import load_values
from sensei_tui.site.yamlfile import read

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def license() -> None:
    """Set the licence key, or show it masked."""


@license.command("set")
@click.option("--file", "source", type=EXISTING, help="Read the key from a file.")
@click.option("--organization", default="", help="The organization the licence was issued to.")
@output_option
@click.pass_context
def set_(ctx: click.Context, source: Path | None, organization: str, output: str) -> None:
    """Ask for the key (or read it from standard input, or a file) and write it to license.yaml."""
    site = site_of(ctx)
    set_license(site, _key(source), organization)
    _tell(license_of(load_values(site)), output)


@license.command()
@output_option
@click.pass_context
def show(ctx: click.Context, output: str) -> int:
    """The organization, and the key masked. Exit 1 if there is no key yet."""
    found = license_of(load_values(site_of(ctx)))
    _tell(found, output)
    return ExitCode.OK if found.state in ("set", "secret") else ExitCode.FINDING


def _key(source: Path | None) -> str:
    if source:
        return read(source)
    if sys.stdin.isatty():
        return str(click.prompt("Licence key", hide_input=True, err=True))
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("This is not a licence key.", where="standard input", why="it is not UTF-8 text") from None


def _tell(found: License, output: str) -> None:
    words = {
        "set": f"key {found.key}",
        "secret": "key in an existing Secret",
        "missing": f"no key yet: sensei license set writes it to {LICENSE_FILE}",
        "placeholder": f"the key is a placeholder: sensei license set writes the real one to {LICENSE_FILE}",
    }
    emit({"organization": found.organization, "key": found.key, "state": found.state},
         f"{found.organization or '(no organization)'}: {words[found.state]}", output)  # fmt: skip
