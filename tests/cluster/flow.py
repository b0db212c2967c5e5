"""Everything an operator does, in order, until the API server refuses something: which right is needed where."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from sensei_tui.base.errors import SenseiError
from sensei_tui.cluster.client import Cluster, connect
from sensei_tui.cluster.store import ClusterStore
from sensei_tui.preflight import access
from sensei_tui.rehearsal.scenario import Fault
from sensei_tui.site.target import target_of
from tests.cluster.real import RealCluster
from tests.cluster.sites import change, sited
from tests.e2e.sites import SiteUnderTest


class Right(NamedTuple):
    """One verb on one resource; `wide` outside the namespace."""

    group: str
    resource: str
    verb: str
    wide: bool


def granted() -> set[Right]:
    """What `sensei access` grants."""
    inside = {
        Right(row.group, row.resource, verb, False) for row in (*access.OURS, *access.CHARTS) for verb in row.verbs
    }
    return inside | {Right(row.group, row.resource, verb, True) for row in access.CLUSTER for verb in row.verbs}


EVERYTHING = """
global: {imageRegistry: registry.internal.example.com}
llm: {provider: local, model: llama-3-70b, gpu: {enabled: true, count: 2}}
ingress: {enabled: true}
gateway: {enabled: true, name: web}
"""
"""Values that render every kind of object the charts have."""
_SLOW = Fault("slow-start", pod="sensei-kora", seconds=450)
"""45 s at the kubelets' speed: a run that can't renew its lease gives up after 30."""


def refused_at(real: RealCluster, right: Right, root: Path) -> str:
    """The first part of the work that fails for want of a right; "" when nothing does."""
    with real.place(grant=False) as place, sited(place, root / "site") as site:
        place.grant(lambda objects: _without(objects, right))
        if right.resource == "leases" and right.verb == "update":
            place.fail(_SLOW)
        (site.site.root / "values-airgapped.yaml").write_text(EVERYTHING)
        for name, said in _work(site):
            # What is refused outside the namespace may go on without a word: there the server's own record counts.
            if _refusal(right).search(said + (_record(real, place.user) if right.wide else "")):
                return name
    return ""


def _without(objects: list[dict[str, Any]], right: Right) -> None:
    """Take one verb out of the roles; what is taken in the namespace is not given everywhere either."""
    for obj in objects:
        if obj["kind"] == "ClusterRole" or (obj["kind"] == "Role" and not right.wide):
            for rule in obj["rules"]:
                if (rule["apiGroups"], rule["resources"]) == ([right.group], [right.resource]):
                    rule["verbs"] = [verb for verb in rule["verbs"] if verb != right.verb]
            obj["rules"] = [rule for rule in obj["rules"] if rule["verbs"]]


def _record(real: RealCluster, user: str) -> str:
    """What the API server refused a user, in its words."""
    events = map(json.loads, real.plane.audit_log.read_text().splitlines())
    mine = (event["responseStatus"] for event in events if event["user"]["username"] == user)
    return "\n".join(status.get("message", "") for status in mine if status["code"] == 403)


def _refusal(right: Right) -> re.Pattern[str]:
    """The API server's own words, or ours for a kind that can't be followed."""
    if (right.verb, right.resource) == ("create", "pods/portforward"):
        # Asked for within a GET since Kubernetes 1.35, and refused without naming the verb.
        return re.compile(r'pods \\?"[^"]+" is forbidden:(?! User)')
    return re.compile(rf'cannot {right.verb} resource \\?"{right.resource}\\?"|may not {right.verb} {right.resource}\b')


def _work(site: SiteUnderTest) -> Iterator[tuple[str, str]]:
    """(what is done, everything it said)."""
    yield "preflight", site.say("preflight", "--waive", "rbac.deploy=this test", "-o", "json")
    yield from _run(site, "install", "install")
    yield "health board", _board(site.site)
    yield "logs", _told(site, lambda cluster: cluster.logs("sensei-redis-0"))
    change(site, "replicas: 2", "replicas: 3")
    yield from _run(site, "upgrade", "upgrade")
    (site.site.root / "values-airgapped.yaml").write_text("")
    yield from _run(site, "upgrade that removes", "upgrade")
    yield from _run(site, "rollback", "rollback", "1")
    yield from _run(site, "uninstall", "uninstall")


def _run(site: SiteUnderTest, name: str, *command: str) -> Iterator[tuple[str, str]]:
    """A run, its steps in its journal's words."""
    said = site.say(*command, "--yes", "--timeout", "60")
    directory = site.run()
    yield name, said + directory.journal.read_text()


def _board(site: Any) -> str:
    """What the health board can't see."""
    with connect(target_of(site)) as cluster:
        store = ClusterStore(cluster, site.config.namespace, lambda _: None)
        store.start()
        try:
            store.wait_complete(20)
            return " ".join(item.trouble for item in store._watchers)
        finally:
            store.stop()


def _told(site: SiteUnderTest, ask: Callable[[Cluster], Any]) -> str:
    with suppress(OSError), connect(target_of(site.site)) as cluster:
        try:
            return str(ask(cluster))
        except SenseiError as error:
            return str(error)
    return ""
