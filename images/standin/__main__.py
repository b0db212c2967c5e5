"""`python -m standin ROLE`, `python -m standin migrate`, or the arguments of a model's server.

ROLE: dashboard, api, orchestration, pattern-library, maba, kora, amani, workers, agents.
SENSEI_VERSION, STANDIN_PORT (8080), STANDIN_READY_AFTER (seconds), and the stores' variables.
"""

from __future__ import annotations

import os
import sys

from sensei_probe.postgres import Postgres
from sensei_probe.settings import Database, Failure
from standin.model import model
from standin.serve import component

ROLES = ("dashboard", "api", "orchestration", "pattern-library", "maba", "kora", "amani", "workers", "agents")


def migrate() -> None:
    """Record this version once in a table of the database. Raises Failure."""
    version = os.environ.get("SENSEI_VERSION", "?").replace("'", "")
    with Postgres(Database.of()) as session:
        session.query(
            "CREATE TABLE IF NOT EXISTS sensei_migrations (version text PRIMARY KEY, at timestamptz DEFAULT now())"
        )
        session.query(f"INSERT INTO sensei_migrations (version) VALUES ('{version}') ON CONFLICT DO NOTHING")
        rows = session.query("SELECT version FROM sensei_migrations ORDER BY at")
    print("migrations:", ", ".join(str(row[0]) for row in rows))


def main(arguments: list[str]) -> int:
    """0: ended as it was told, 1: it did not work, 2: wrong use."""
    first = arguments[0] if arguments else ""
    if first.startswith("--model="):
        return model(arguments)
    if first in ROLES:
        component(first)
        return 0
    if first != "migrate":
        sys.stderr.write(f"{__doc__}")
        return 2
    try:
        migrate()
    except Failure as error:
        sys.stderr.write(f"stand-in: migrate: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
