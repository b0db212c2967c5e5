"""The whole life of both releases with the Helm engine, on any cluster: a simulated one and a real one go the same way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sensei_tui.cluster.target import Target
from sensei_tui.helm.engine import Engine, open_engine
from sensei_tui.site.charts import CHARTS
from sensei_tui.site.resolve import CREDENTIALS, GENERATED
from tests.charts.helpers import values_of
from tests.charts.versions import NEXT, NOW, charts, merged
from tests.fixtures_cluster import Client

Node = dict[str, Any]
INSTALLING = ["sensei-buckets", "sensei-migrations"]
UPGRADING = ["sensei-backup-before-upgrade", *INSTALLING]
SECONDS = 120
OURS = quote("app.kubernetes.io/name=sensei")


class Life:
    """Both releases in a namespace that is there; `admin` looks, `engine` acts."""

    def __init__(self, admin: Client, namespace: str, engine: Engine, root: Path) -> None:
        self._admin, self._namespace, self._engine = admin, namespace, engine
        self._charts = {version: charts(root, version) for version in (NOW, NEXT)}
        self.values = values_of("guide")

    # what is done

    def prepare(self) -> None:
        """The Secrets that the installer makes."""
        for name, keys in ((CREDENTIALS, GENERATED), ("sensei-license", ["license-key"]), ("sensei-llm", ["api-key"])):
            body = {"metadata": {"name": name}, "stringData": {key: f"{name} {key}" for key in keys}}
            done = self._admin.request("POST", f"/api/v1/namespaces/{self._namespace}/secrets", body)
            assert done.status == 201, done.body

    def install(self) -> None:
        for release in CHARTS:
            chart = self._charts[NOW][release]
            self._engine.install(release, chart, self.values, timeout=SECONDS)
        self._until(self._settled)

    def upgrade(self, version: str, changes: Mapping[str, Any]) -> None:
        self.values = merged(self.values, changes)
        for release in CHARTS:
            chart = self._charts[version][release]
            self._engine.upgrade(release, chart, self.values, timeout=SECONDS)
        self._until(self._settled)

    def rollback(self, revision: int) -> None:
        for release in reversed(CHARTS):
            self._engine.rollback(release, revision, timeout=SECONDS)
        self._until(self._settled)

    def uninstall(self) -> None:
        for release in reversed(CHARTS):
            self._engine.uninstall(release, timeout=SECONDS)
        self._until(lambda: not self.all("api/v1/pods"))

    def _until(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not ready():
            assert time.monotonic() < deadline, "it did not settle"
            time.sleep(0.05)

    def _settled(self) -> bool:
        """Every workload is as it is wanted, and no pod is left of what it was."""
        found = [*self.all("apis/apps/v1/deployments").values(), *self.all("apis/apps/v1/statefulsets").values()]
        wanted = sum(item["spec"]["replicas"] for item in found)
        return all(map(_is_settled, found)) and len(self.all("api/v1/pods")) == wanted

    # what is seen

    def all(self, path: str, selector: str = OURS) -> dict[str, Node]:
        """Objects of a kind by name: `api/v1`, `pods`."""
        version, _, plural = path.rpartition("/")
        found = self._admin.request(
            "GET", f"/{version}/namespaces/{self._namespace}/{plural}?labelSelector={selector}"
        ).body
        return {item["metadata"]["name"]: item for item in found["items"]}

    def uids(self, path: str, component: str = "") -> dict[str, str]:
        selector = OURS + (quote(f",app.kubernetes.io/component={component}") if component else "")
        return {name: item["metadata"]["uid"] for name, item in self.all(path, selector).items()}

    def stores(self) -> dict[str, str]:
        """The pods of the stores, by name."""
        selector = OURS + quote(",app.kubernetes.io/instance=sensei-deps")
        return {name: item["metadata"]["uid"] for name, item in self.all("api/v1/pods", selector).items()}

    def secret(self) -> Node:
        found: Node = self._admin.request("GET", f"/api/v1/namespaces/{self._namespace}/secrets/{CREDENTIALS}").body[
            "data"
        ]
        return found

    def images(self, component: str) -> set[str]:
        """Of the component's pods that are not on their way out."""
        selector = OURS + quote(f",app.kubernetes.io/component={component}")
        pods = self.all("api/v1/pods", selector).values()
        return {
            box["image"]
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"]
            for box in pod["spec"]["containers"]
        }

    @contextmanager
    def jobs(self, expected: list[str]) -> Iterator[None]:
        """What runs meanwhile are these jobs, one after another, each to a good end, and nothing is left of them."""
        path = f"/apis/batch/v1/namespaces/{self._namespace}/jobs"
        since = self._admin.request("GET", path).body["metadata"]["resourceVersion"]
        yield
        # A watch from then on tells what has happened, and ends.
        with self._admin.watch(f"{path}?watch=true&resourceVersion={since}&timeoutSeconds=1") as told:
            events = list(told)
        steps = _steps(events)
        # Helm deletes them when the last has ended.
        wanted = [(name, step) for name in expected for step in ("made", "done")]
        assert steps[: len(wanted)] == wanted, steps
        assert sorted(steps[len(wanted) :]) == sorted((name, "gone") for name in expected), steps


def _is_settled(item: Node) -> bool:
    status, wanted = item["status"], item["spec"]["replicas"]
    counts = [status.get(name, 0) for name in ("replicas", "readyReplicas", "updatedReplicas")]
    return status.get("observedGeneration") == item["metadata"]["generation"] and counts == [wanted] * 3


def _steps(events: list[Node]) -> list[tuple[str, str]]:
    """(job, `made` | `done` | `gone`), each once, as they came."""
    found: list[tuple[str, str]] = []
    for event in events:
        job = event["object"]
        done = event["type"] == "MODIFIED" and job.get("status", {}).get("succeeded")
        step = {"ADDED": "made", "DELETED": "gone"}.get(event["type"]) or ("done" if done else "")
        if step and (job["metadata"]["name"], step) not in found:
            found.append((job["metadata"]["name"], step))
    return found


def live(admin: Client, operator: Client, namespace: str, root: Path) -> None:
    """Fresh install, values change, version upgrade, rollback, uninstall with data kept, reinstall on the kept data."""
    with open_engine(Target(str(operator.kubeconfig), "", namespace)) as engine:
        life = Life(admin, namespace, engine, root)
        life.prepare()
        _installed(life)
        _changed(life)
        _upgraded(life)
        _rolled_back(life)
        _gone_and_back(life)
        assert [item.status for item in engine.history("sensei")] == ["deployed"]


def _installed(life: Life) -> None:
    with life.jobs(INSTALLING):
        life.install()
    assert {name: item["spec"]["suspend"] for name, item in life.all("apis/batch/v1/cronjobs").items()} == {
        "sensei-backup": False, "sensei-restore": True}  # fmt: skip
    assert len(life.stores()) == 8
    assert len(life.uids("api/v1/persistentvolumeclaims")) == 11


def _changed(life: Life) -> None:
    """A value of a component: its pods alone come and go."""
    before, stores = life.uids("api/v1/pods"), life.stores()
    with life.jobs(UPGRADING):
        life.upgrade(NOW, {"dataPlane": {"kora": {"replicas": 3}}})
    after = life.uids("api/v1/pods")
    assert life.stores() == stores
    assert before.items() <= after.items()
    assert [name.rpartition("-")[0].rpartition("-")[0] for name in after.keys() - before.keys()] == ["sensei-kora"]


def _upgraded(life: Life) -> None:
    """A version of the platform: every component is new, no store starts anew."""
    stores, api = life.stores(), life.uids("api/v1/pods", "api")
    with life.jobs(UPGRADING):
        life.upgrade(NEXT, {})
    assert life.stores() == stores
    assert life.uids("api/v1/pods", "api").keys().isdisjoint(api)
    assert life.images("kora") == {f"registry.sensei.ai/sensei/kora:{NEXT}"}
    stateful = life.all("apis/apps/v1/statefulsets")
    assert {item["metadata"]["labels"]["app.kubernetes.io/version"] for item in stateful.values()} == {NEXT}


def _rolled_back(life: Life) -> None:
    stores = life.stores()
    with life.jobs([]):
        life.rollback(2)
    assert life.stores() == stores
    assert life.images("kora") == {f"registry.sensei.ai/sensei/kora:{NOW}"}
    assert life.all("apis/apps/v1/deployments")["sensei-kora"]["spec"]["replicas"] == 3


def _gone_and_back(life: Life) -> None:
    """What holds data, and the passwords that belong to it, outlive the releases, and are taken up again."""
    claims, volumes, secret = life.uids("api/v1/persistentvolumeclaims"), _volumes(life), life.secret()
    with life.jobs([]):
        life.uninstall()
    for path in ("apis/apps/v1/statefulsets", "apis/apps/v1/deployments", "apis/batch/v1/cronjobs", "api/v1/services",
                 "apis/networking.k8s.io/v1/networkpolicies", "api/v1/configmaps"):  # fmt: skip
        assert life.all(path) == {}, path
    assert life.uids("api/v1/persistentvolumeclaims") == claims
    with life.jobs(INSTALLING):
        life.install()
    assert (life.uids("api/v1/persistentvolumeclaims"), _volumes(life), life.secret()) == (claims, volumes, secret)
    assert len(life.stores()) == 8


def _volumes(life: Life) -> dict[str, str]:
    """The volume that each claim is bound to."""
    return {name: item["spec"]["volumeName"] for name, item in life.all("api/v1/persistentvolumeclaims").items()}
