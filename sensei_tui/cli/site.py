"""`sensei site ...`: what a site is about: its cluster, namespace and version (site.yaml)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensei_tui.base.errors import UsageError
from sensei_tui.cli.context import site_of
from sensei_tui.cli.output import emit, note, output_option

if TYPE_CHECKING:
    from sensei_tui.site.site import Site

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def site() -> None:
    """Show the site, or name its cluster, namespace and version."""


@site.command()
@output_option
@click.pass_context
def show(ctx: click.Context, output: str) -> None:
    """What site.yaml says."""
    _tell(site_of(ctx), output)


@site.command("set")
@click.option("--kubeconfig", type=FILE, help="Kubeconfig of the cluster; ends a rehearsal.")
@click.option("--context", help="One of its contexts; empty: its current one.")
@click.option("--namespace", help="Where Sensei is installed.")
@click.option("--version", help="The version of Sensei to install.")
@click.option("--registry", metavar="HOST[/PREFIX]", help="Where its images are.")
@click.option(
    "--registry-ca", metavar="FILE", help="Certificate of the authority that signed the registry's; empty: none."
)
@click.option("--registry-plain-http/--registry-tls", default=None, help="Whether the registry has no TLS.")
@click.option("--bundle", help="What a run loads first (see also: sensei bundle use); empty: nothing.")
@click.option("--rehearsal", is_flag=True, default=None, help="Use the simulated cluster on this machine.")
@output_option
@click.pass_context
def set_(
    ctx: click.Context, kubeconfig: Path | None, context: str | None, namespace: str | None, version: str | None,
    registry: str | None, registry_ca: str | None, registry_plain_http: bool | None, bundle: str | None,
    rehearsal: bool | None, output: str,
) -> None:  # fmt: skip
    """Change site.yaml; its comments stay."""
    from sensei_tui.deploy.place import authority

    found = site_of(ctx)
    changes: dict[str, object] = {
        "context": context,
        "namespace": namespace,
        "version": version,
        "registry": _place(registry),
        "registry_ca": None if registry_ca is None else authority(registry_ca),
        "registry_plain_http": registry_plain_http,
        "bundle": bundle,
        "rehearsal": rehearsal,
    }
    if kubeconfig is not None:
        changes |= {"kubeconfig": _checked(kubeconfig, context or ""), "rehearsal": False}
    given = {key: value for key, value in changes.items() if value is not None}
    if not given:
        raise UsageError("Nothing to set.", remedy="Name an option: sensei site set --help lists them.")
    if registry and registry != found.config.registry:
        _tell_stays(found, given)
    _tell(found.configure(**given), output)


def _tell_stays(found: Site, given: dict[str, object]) -> None:
    """What was said of the registry before goes for the new one too."""
    config = found.config
    if config.registry_ca and "registry_ca" not in given:
        note(f"registry_ca stays {config.registry_ca}; --registry-ca FILE changes it, --registry-ca '' ends it")
    if config.registry_plain_http and "registry_plain_http" not in given:
        note("registry_plain_http stays; --registry-tls ends it")


def _place(registry: str | None) -> str | None:
    """As it is written down. Raises BadReference."""
    from sensei_tui.registry.reference import Place

    return str(Place.parse(registry)) if registry else registry


def _checked(kubeconfig: Path, context: str) -> str:
    """The file's whole path, once it can be read. Raises KubeconfigError, ContextNotFound."""
    from sensei_tui.cluster.client import Cluster
    from sensei_tui.cluster.target import Target

    path = str(kubeconfig.expanduser().resolve())
    Cluster(Target(path, context)).close()
    return path


def _tell(found: Site, output: str) -> None:
    import msgspec

    facts = {"directory": str(found.root), **msgspec.to_builtins(found.config)}
    lines = [
        f"  {key:<19} {', '.join(value) if isinstance(value, list | tuple) else value}" for key, value in facts.items()
    ]
    emit(facts, lines, output)
