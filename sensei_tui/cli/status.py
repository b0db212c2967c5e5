"""`sensei status`: what is deployed, and is it well."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensei_tui.base.errors import ExitCode
from sensei_tui.cli.install import OUTPUT, SITE, open_site
from sensei_tui.cli.output import note, say

if TYPE_CHECKING:
    from sensei_tui.deploy.overview import Overview
    from sensei_tui.health.model import Health
    from sensei_tui.site.site import Site

PICTURE = 20.0
"""Seconds for a complete picture of the namespace."""


@click.command()
@SITE
@OUTPUT
def status(site: Path | None, output: str) -> None:
    """What is deployed, and the health of every component. Exit code 0: well, 1: degraded, 3: not reachable."""
    import msgspec

    from sensei_tui.base.errors import SenseiError
    from sensei_tui.deploy.overview import overview

    found = open_site(site)
    home, health, trouble = overview(found), None, {}
    try:
        health = look(found)
    except SenseiError as error:
        trouble = error.as_dict()
    if output == "json":
        say(msgspec.json.format(msgspec.json.encode({"site": home, "health": health, "error": trouble})).decode())
    else:
        _print(home, health, trouble)
    sys.exit(int(_code(home, health)))


def look(site: Site) -> Health:
    """The health of the namespace now. Raises ClusterError, NoCluster."""
    from sensei_tui.base.errors import SenseiError
    from sensei_tui.cluster.client import connect
    from sensei_tui.cluster.store import ClusterStore
    from sensei_tui.health.board import assess
    from sensei_tui.site.target import target_of
    from sensei_tui.site.values import load_values

    target = target_of(site)
    cluster = connect(target)
    try:
        cluster.version()
        store = ClusterStore(cluster, target.namespace, lambda _: None)
        store.start()
        try:
            complete = store.wait_complete(PICTURE)
            snapshot = store.snapshot
        finally:
            store.stop()
    finally:
        cluster.close()
    if complete is False:
        raise SenseiError("The cluster did not show its objects.", where=target.namespace, why=snapshot.trouble)
    return assess(snapshot, load_values(site).tree)


def _code(home: Overview, health: Health | None) -> ExitCode:
    from sensei_tui.health.model import Word

    if health is None:
        return ExitCode.REMOTE
    return ExitCode.OK if health.word is Word.OK and home.deployed else ExitCode.FINDING


def _print(home: Overview, health: Health | None, trouble: dict[str, Any]) -> None:
    deploy = next(step for step in home.steps if step.key == "deploy")
    say(f"{home.site}  Sensei {home.version}  {home.cluster}  {home.run}")
    say(f"  deployed  {deploy.text}")
    if health is None:
        from sensei_tui.runs.lines import error_lines

        for line in error_lines(trouble):
            note(f"  {line}")
        return
    say(f"  health    {health.headline}")
    for item in health.components:
        place = "external" if item.external else f"{item.ready}/{item.desired}"
        say(f"    {item.word:<5} {item.title:<16} {place:<9} {item.workload}".rstrip())
        for why in item.why:
            say(f"          {why.object}: {why.sentence}")
