"""The cluster a site names, and how people call it."""

from __future__ import annotations

from pathlib import Path

from sensei_tui.base.errors import UsageError
from sensei_tui.cluster.target import Target
from sensei_tui.site.site import Site


class NoCluster(UsageError):
    """The site names no cluster."""

    code = "no-cluster"


def target_of(site: Site) -> Target:
    """The cluster and namespace. Raises NoCluster."""
    kubeconfig = site.kubeconfig
    if kubeconfig is None:
        remedy = (
            "Name a kubeconfig (sensei site set --kubeconfig FILE, or K on Home), or rehearse: sensei rehearse start"
        )
        raise NoCluster("No cluster is configured.", where=str(site.root / "site.yaml"), remedy=remedy)
    return Target(str(kubeconfig), site.config.context, site.config.namespace)


def target_name(site: Site) -> str:
    """For people: `prod-k8s (sensei)`, `rehearsal (sensei)`, `no cluster (sensei)`."""
    config = site.config
    named = config.context or "current context of " + Path(config.kubeconfig).name
    where = "rehearsal" if config.rehearsal else named if config.kubeconfig else "no cluster"
    return f"{where} ({config.namespace})"
