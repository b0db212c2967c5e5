"""`sensei access`: the permissions a person or an account needs, for an administrator to apply."""

from __future__ import annotations

import re

import click

from sensei_tui.base.errors import UsageError
from sensei_tui.cli.context import site_of
from sensei_tui.cli.output import emit

_ACCOUNT = re.compile(r"([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


@click.command()
@click.option("--user", help="A user, as the API server names it (in a certificate: its common name).")
@click.option("--group", help="A group of users.")
@click.option("--service-account", metavar="[NAMESPACE/]NAME", help="A service account, by default of the namespace.")
@click.option("-o", "--output", type=click.Choice(("yaml", "json")), default="yaml", show_default=True)
@click.pass_context
def access(
    ctx: click.Context, user: str | None, group: str | None, service_account: str | None, output: str
) -> None:  # fmt: skip
    """Print a Role with all that Sensei's operator needs and nothing more, bound to somebody.

    An administrator of the cluster applies it: sensei access --user NAME | kubectl apply -f -
    """
    from sensei_tui.preflight.access import Subject, manifests

    namespace = site_of(ctx).config.namespace
    if sum(map(bool, (user, group, service_account))) != 1:
        raise UsageError("Whose access?", remedy="Name one: --user, --group or --service-account.")
    if service_account and not _ACCOUNT.fullmatch(service_account):
        raise UsageError(f"{service_account!r} is no service account.", remedy="Say NAME, or NAMESPACE/NAME.")
    place, _, name = (service_account or "").rpartition("/")
    subject = (
        Subject("User", user) if user
        else Subject("Group", group) if group
        else Subject("ServiceAccount", name, place or namespace)
    )  # fmt: skip
    objects = manifests(namespace, subject)
    emit({"apiVersion": "v1", "kind": "List", "items": objects}, "", output)
