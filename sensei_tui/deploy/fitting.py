"""Whether a bundle fits this site: its version, what is deployed, the nodes."""

from __future__ import annotations

from collections.abc import Iterable

from sensei_tui.base.errors import ExitCode, UsageError
from sensei_tui.base.quantity import whole
from sensei_tui.base.semver import is_older, is_within
from sensei_tui.base.text import bytes_si, plural
from sensei_tui.bundle.contents import Contents
from sensei_tui.cluster.client import Cluster
from sensei_tui.cluster.errors import ClusterError
from sensei_tui.cluster.snapshot import Node
from sensei_tui.deploy.record import load_deployed
from sensei_tui.preflight import cluster_facts
from sensei_tui.site.site import Site


class WrongBundle(UsageError):
    """The bundle is for another version, other nodes, or the site's values take the images from elsewhere."""

    code = "wrong-bundle"
    exit_code = ExitCode.FINDING


def check_version(contents: Contents, wanted: str, where: str) -> None:
    """It is of the site's version. Raises WrongBundle."""
    if contents.version != wanted:
        raise WrongBundle(
            f"The bundle is of version {contents.version}, the site is for {wanted}.", where=where,
            remedy="Take it with its charts: sensei bundle use FILE",
        )  # fmt: skip


def doubts_of_use(site: Site, contents: Contents, where: str) -> list[str]:
    """As `doubts_of_upgrade`, and where the site was for a later version until now."""
    found, before = doubts_of_upgrade(site, contents, where), site.config.version
    if not found and is_older(contents.version, before):
        return [f"version {contents.version} is older than {before}, which the site was for"]
    return found


def doubts_of_upgrade(site: Site, contents: Contents, where: str) -> list[str]:
    """A sentence where what is deployed is newer. Raises WrongBundle where it can't be upgraded to the bundle's."""
    record = load_deployed(site)
    deployed = record.version if record else ""
    if is_older(contents.version, deployed):
        return [f"version {contents.version} is older than {deployed}, which is deployed"]
    if deployed not in ("", contents.version) and not _allows(contents, deployed):
        raise WrongBundle(
            f"Version {deployed}, which is deployed, can't be upgraded to {contents.version} at once.", where=where,
            why=f"the bundle is for upgrades from {contents.upgrade_from}",
            remedy="Upgrade to a version between them first.",
        )  # fmt: skip
    return []


def _allows(contents: Contents, deployed: str) -> bool:
    try:
        return is_within(deployed, contents.upgrade_from)
    except ValueError:
        # No version, or a range that only a later program understands.
        return True


def nodes_of(cluster: Cluster) -> tuple[Node, ...]:
    """None where we may not look, or nobody answers: preflight says so."""
    try:
        return cluster_facts.nodes(cluster)
    except ClusterError:
        return ()


def doubts_of_nodes(contents: Contents, nodes: Iterable[Node], where: str) -> list[str]:
    """A sentence where some nodes have a processor for which there are no images. Raises WrongBundle where all have."""
    names = {node.metadata.name: f"linux/{node.status.node_info.architecture}" for node in nodes
             if node.status.node_info.architecture}  # fmt: skip
    strange = {name: platform for name, platform in names.items() if not contents.is_for(platform)}
    if not strange:
        return []
    kinds, carried = ", ".join(sorted({*strange.values()})), ", ".join(contents.platforms)
    if len(strange) == len(names):
        raise WrongBundle(
            "The bundle's images do not run on this cluster.", where=where,
            why=f"they are for {carried}, its nodes are {kinds}",
            remedy=f"Have it made for them: sensei bundle create --platform {min(strange.values())}",
        )  # fmt: skip
    return [f"{plural(len(strange), 'node')} ({', '.join(sorted(strange))}) of {kinds} can't run images for {carried}"]


def doubts_of_room(contents: Contents, nodes: Iterable[Node]) -> list[str]:
    """A sentence where no node has room for all of the images; each has some, who runs which is the scheduler's."""
    told = [node.status.allocatable.get("ephemeral-storage", "") for node in nodes]
    most = max([whole(text) for text in told if text], default=0)
    images = contents.unpacked - sum(item.unpacked for item in contents.items if item.weights)
    if not most or images < most:
        return []
    return [f"unpacked, the images have {bytes_si(images)}; the largest node keeps {bytes_si(most)} for such"]
