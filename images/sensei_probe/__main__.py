"""`python -m sensei_probe COMMAND`.

buckets [--wait SECONDS]         make the buckets of S3_BUCKET_* that are missing
backup                           make a backup (BACKUP_*, see the module)
restore [NAME|latest] [--prune]  bring one back (else BACKUP_NAME); --prune removes objects that it has not
check-backup [NAME|latest]       whether it could be restored here; its name and sizes as JSON in the last line
backups                          list them, as JSON
check WHAT...                    dashboard, api, database, redis, storage, vector, llm
load REF --to DIR [--plain-http] an OCI artifact's files into a directory
facts [--directory DIR]          what can be seen of this node, as JSON
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from sensei_probe import backup, checks, facts, kept, oci, restore, settings, shelf
from sensei_probe.s3 import S3
from sensei_probe.streams import say
from sensei_probe.web import BUSY, Refused, Unreachable

WAIT = 300
"""Seconds that `buckets` waits for a store that does not answer yet."""


def make_buckets(wait: float) -> None:
    """Raises Failure."""
    client, deadline = S3(settings.Storage.of()), time.monotonic() + wait
    for bucket in sorted(set(settings.buckets().values())):
        while True:
            try:
                there = client.exists(bucket)
                break
            except (Unreachable, Refused) as error:
                if time.monotonic() > deadline or (isinstance(error, Refused) and error.status not in BUSY):
                    raise
                say(f"{error}; again")
                time.sleep(2)
        if not there:
            client.make(bucket)
        say(f"bucket {bucket} {'is there' if there else 'made'}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sensei_probe", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("buckets").add_argument("--wait", type=float, default=WAIT)
    commands.add_parser("backup")
    restore_ = commands.add_parser("restore")
    restore_.add_argument("name", nargs="?", default="")
    restore_.add_argument("--prune", action="store_true")
    commands.add_parser("check-backup").add_argument("name", nargs="?", default="")
    commands.add_parser("backups")
    commands.add_parser("check").add_argument("what", nargs="+")
    load = commands.add_parser("load")
    load.add_argument("reference")
    load.add_argument("--to", type=Path, required=True)
    load.add_argument("--plain-http", action="store_true")
    commands.add_parser("facts").add_argument("--directory", type=Path)
    return parser


def _list() -> None:
    say(json.dumps(kept.listing(shelf.shelf_of(), settings.site()), indent=1))


def _obey(given: argparse.Namespace) -> None:
    orders: dict[str, Callable[[], None]] = {
        "buckets": lambda: make_buckets(given.wait),
        "backup": backup.backup,
        "restore": lambda: restore.restore(given.name, prune=given.prune),
        "check-backup": lambda: restore.check(given.name),
        "backups": _list,
        "check": lambda: checks.check(given.what),
        "load": lambda: oci.load(given.reference, given.to, plain=given.plain_http or _plain()),
        "facts": lambda: say(json.dumps(facts.facts(given.directory))),
    }
    orders[given.command]()


def _plain() -> bool:
    return settings.flag(os.environ, "REGISTRY_PLAIN_HTTP")


def _end(*_: object) -> NoReturn:
    raise SystemExit("sensei: told to end (SIGTERM)")


def main(arguments: list[str]) -> int:
    """0: done, 1: it did not work, 2: wrong use."""
    given = _parser().parse_args(arguments)
    # The first process of a container is not ended by a signal it does not handle; and uploads are to be given up.
    signal.signal(signal.SIGTERM, _end)
    try:
        _obey(given)
    except settings.Failure as error:
        sys.stderr.write(f"sensei: {given.command}: {error}\n")
        return 2 if isinstance(error, settings.WrongUse) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
