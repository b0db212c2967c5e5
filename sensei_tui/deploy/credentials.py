"""PostgreSQL keeps the password that it was made with: whoever comes with another one is locked out of all its data.

The other stores take theirs from the Secret at each start.
"""

from __future__ import annotations

import base64
from typing import Any

from sensei_tui.base.errors import ExitCode, UsageError
from sensei_tui.base.redaction import Secret
from sensei_tui.cluster.client import Cluster
from sensei_tui.deploy.prepare import Prepared
from sensei_tui.site.resolve import CREDENTIALS, is_made
from sensei_tui.site.tree import get_path

CLAIM, STORE = "data-sensei-postgresql-0", "sensei-postgresql"
KEY = "postgres-password"


class OtherPassword(UsageError):
    """The database would get another password than it was made with."""

    code = "other-password"
    exit_code = ExitCode.FINDING


def refuse_other_password(cluster: Cluster, prepared: Prepared) -> None:
    """Before anything is written. Raises OtherPassword, which shows no password, and ClusterError."""
    values = prepared.resolved.helm_values
    if get_path(values, "postgresql.external.enabled") or not cluster.exists("PersistentVolumeClaim", CLAIM):
        return
    wanted = get_path(values, "credentials.existingSecret") or CREDENTIALS
    was = _named(cluster)
    before, there = (_password(cluster, name) if name else None for name in (was, wanted))
    after = there or _ours(prepared)
    if before and after and before.reveal() != after.reveal():
        raise _differs(wanted, was)
    if not before and not there and after and not is_made(prepared.site):
        raise _unknown(wanted)


def _differs(wanted: str, was: str) -> OtherPassword:
    return _refused(
        wanted, f"its {KEY} is not the one in Secret {was}, which the database has",
        f"Name that Secret: credentials.existingSecret: {was}; or put its {KEY} into Secret {wanted}.",
    )  # fmt: skip


def _unknown(wanted: str) -> OtherPassword:
    return _refused(
        wanted, f"it is not there, the volume {CLAIM} has a database, and this site never made its password",
        f"Make the Secret with the database's {KEY} (the site that installed it has it in .sensei/secrets.json); "
        "or delete the volume, if its data is not wanted.",
    )  # fmt: skip


def _refused(wanted: str, why: str, remedy: str) -> OtherPassword:
    what = "The database would not be reached any more: it keeps the password that it was made with."
    return OtherPassword(what, where=f"Secret {wanted}", why=why, remedy=remedy)


def _named(cluster: Cluster) -> str:
    """The Secret that the database's pods take their password from; empty where there are none."""
    if not cluster.exists("StatefulSet", STORE):
        return ""
    containers: list[dict[str, Any]] = cluster.object("StatefulSet", STORE)["spec"]["template"]["spec"]["containers"]
    found = (item["valueFrom"]["secretKeyRef"] for each in containers for item in each.get("env", ())
             if "secretKeyRef" in item.get("valueFrom", {}))  # fmt: skip
    return next((str(item["name"]) for item in found if item["key"] == KEY), "")


def _password(cluster: Cluster, name: str) -> Secret | None:
    if not cluster.exists("Secret", name):
        return None
    value = cluster.object("Secret", name).get("data", {}).get(KEY, "")
    return Secret(base64.b64decode(value).decode(errors="replace")) if value else None


def _ours(prepared: Prepared) -> Secret | None:
    """What this site would put into a Secret of its own."""
    return next((item.data[KEY] for item in prepared.resolved.secrets if KEY in item.data), None)
