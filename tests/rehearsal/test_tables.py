"""Tables: how objects are summed up in one line, as kube-apiserver prints them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sensei_tui.base import clock
from sensei_tui.rehearsal import bootstrap, cells, kinds, podrow
from sensei_tui.rehearsal.store import Store
from sensei_tui.rehearsal.tables import table

FIXTURES = Path(__file__).parents[1] / "fixtures" / "kubelet-1.36"
NOW = datetime(2026, 11, 23, 23, 58, 24, tzinfo=UTC)


def real(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text())


def shown(kind: str, obj: Any) -> dict[str, Any]:
    """The cells of an object by the names of their columns."""
    found = table(kinds.named(kind), [obj])
    return dict(zip([column["name"] for column in found["columnDefinitions"]], found["rows"][0]["cells"], strict=True))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-2, "<invalid>"), (-1, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (599, "9m59s"),
        (600, "10m"), (179 * 60 + 59, "179m"), (3 * 3600, "3h"), (3 * 3600 + 300, "3h5m"), (8 * 3600 + 300, "8h"),
        (47 * 3600, "47h"), (48 * 3600, "2d"), (7 * 86400 + 7200, "7d2h"), (8 * 86400 + 7200, "8d"),
        (729 * 86400, "729d"), (800 * 86400, "2y70d"), (9 * 365 * 86400, "9y"),
    ],
)  # fmt: skip
def test_durations_have_two_units_at_most(seconds: int, words: str) -> None:
    assert cells.human(seconds) == words


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("crash", ["0/1", "Error", "3 (83s ago)"]),
        ("noimg", ["0/1", "ErrImagePull", "0"]),
        ("nosecret", ["0/1", "CreateContainerConfigError", "0"]),
        ("oom", ["0/1", "OOMKilled", "0"]),
        ("httpd-84897fc6fc-9sjqg", ["1/1", "Running", "0"]),
    ],
)
def test_pods_of_a_real_kubelet(name: str, row: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    (pod,) = [pod for pod in real("pods-real-kubelet.json")["items"] if pod["metadata"]["name"] == name]
    found = shown("Pod", pod)
    assert [found["Ready"], found["Status"], found["Restarts"]] == row
    assert (found["Node"], found["Nominated Node"], found["Readiness Gates"]) == ("real-00", "<none>", "<none>")
    assert found["Age"] == "4m9s"


def pod(init: list[Any], main: list[Any], sidecars: tuple[str, ...] = (), **status: Any) -> Any:
    """A pod whose containers, `i0`... and `c0`..., are in these states; True stands for running and ready."""

    def statuses(prefix: str, states: list[Any]) -> list[Any]:
        running: Any = {"running": {}}
        return [
            {"name": f"{prefix}{n}", "state": running if state is True else state, "ready": state is True,
             "started": state is True, "restartCount": 0}
            for n, state in enumerate(states)
        ]  # fmt: skip

    specs = [
        {"name": f"i{n}", **({"restartPolicy": "Always"} if f"i{n}" in sidecars else {})} for n in range(len(init))
    ]
    metadata = {"name": "p", **status.pop("metadata", {})}
    found = {"initContainerStatuses": statuses("i", init), "containerStatuses": statuses("c", main), **status}
    spec = {"initContainers": specs, "containers": [{"name": f"c{n}"} for n in range(len(main))]}
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Pending", **found}}


WAITS: Any = {"waiting": {"reason": "PodInitializing"}}
DONE: Any = {"terminated": {"exitCode": 0, "reason": "Completed"}}
READY = {"type": "Ready", "status": "True"}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (pod([{"running": {}}, WAITS], [WAITS]), ("0/1", "Init:0/2")),
        (pod([DONE, WAITS], [WAITS]), ("0/1", "Init:1/2")),
        (pod([{"waiting": {"reason": "CrashLoopBackOff"}}], [WAITS]), ("0/1", "Init:CrashLoopBackOff")),
        (pod([{"terminated": {"exitCode": 2}}], [WAITS]), ("0/1", "Init:ExitCode:2")),
        (pod([{"terminated": {"exitCode": 1, "signal": 9}}], [WAITS]), ("0/1", "Init:Signal:9")),
        (pod([True], [True], ("i0",), phase="Running"), ("2/2", "Running")),
        (pod([], [{"terminated": {"exitCode": 3}}]), ("0/1", "ExitCode:3")),
        (pod([], [{"terminated": {"exitCode": 3, "signal": 6}}]), ("0/1", "Signal:6")),
        (pod([], [DONE], phase="Succeeded"), ("0/1", "Completed")),
        (pod([], [DONE, True], phase="Running", conditions=[READY]), ("1/2", "Running")),
        (pod([], [DONE, True], phase="Running"), ("1/2", "NotReady")),
        (pod([], [True], phase="Running", metadata={"deletionTimestamp": "x"}), ("1/1", "Terminating")),
        (pod([], [True], reason="NodeLost", metadata={"deletionTimestamp": "x"}), ("1/1", "Unknown")),
        (pod([], [DONE], phase="Failed", reason="Evicted", containerStatuses=[]), ("0/1", "Evicted")),
        (pod([], [], conditions=[{"type": "PodScheduled", "reason": "SchedulingGated"}]), ("0/0", "SchedulingGated")),
    ],
)
def test_the_state_of_a_pod_in_one_word(found: Any, words: tuple[str, str]) -> None:
    assert (podrow.ready(found), podrow.status(found)) == words


def test_restarts_of_finished_init_containers_do_not_count() -> None:
    found = pod([DONE], [True], phase="Running")
    found["status"]["initContainerStatuses"][0]["restartCount"] = 4
    assert podrow.restarts(found) == "0"
    found["status"]["initContainerStatuses"][0]["state"] = {"running": {}}
    assert podrow.restarts(found) == "4"


def test_pods_that_have_ended_are_marked() -> None:
    (row,) = table(kinds.named("Pod"), [pod([], [DONE], phase="Succeeded")])["rows"]
    assert row["conditions"][0]["reason"] == "Succeeded"


def test_a_real_node() -> None:
    found = shown("Node", real("node-real.json"))
    assert (found["Status"], found["Version"], found["Internal-IP"]) == ("Ready", "v1.36.2", "10.20.9.1")
    assert (found["External-IP"], found["Container-Runtime"]) == ("<none>", "containerd://1.6.20")


@pytest.mark.parametrize(
    ("kind", "obj", "words"),
    [
        ("Deployment", {"spec": {"replicas": 2}, "status": {"readyReplicas": 1, "updatedReplicas": 2}},
         {"Ready": "1/2", "Up-to-date": 2, "Available": 0}),
        ("Service", {"spec": {"type": "NodePort", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
                              "ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}]}},
         {"Cluster-IP": "10.0.0.1", "External-IP": "<none>", "Port(s)": "80:30080/TCP,53/UDP", "Selector": "<none>"}),
        ("Service", {"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}}, {"External-IP": "<pending>"}),
        ("Service", {"spec": {"type": "ExternalName", "externalName": "a.b"}},
         {"Cluster-IP": "<none>", "External-IP": "a.b", "Port(s)": "<none>"}),
        ("Endpoints", {"subsets": [{"addresses": [{"ip": f"10.0.0.{n}"} for n in range(5)], "ports": [{"port": 80}]}]},
         {"Endpoints": "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 2 more..."}),
        ("EndpointSlice", {"addressType": "IPv4", "ports": [{"name": "", "port": 80}], "endpoints": []},
         {"AddressType": "IPv4", "Ports": "80", "Endpoints": "<unset>"}),
        ("Job", {"spec": {"completions": 1}, "status": {"succeeded": 1, "startTime": "2026-11-23T10:00:00Z",
                 "completionTime": "2026-11-23T10:02:03Z", "conditions": [{"type": "Complete", "status": "True"}]}},
         {"Status": "Complete", "Completions": "1/1", "Duration": "2m3s"}),
        ("Job", {"spec": {"parallelism": 3}, "status": {}}, {"Status": "Running", "Completions": "0/1 of 3"}),
        ("CronJob", {"spec": {"schedule": "@daily", "suspend": False}, "status": {"active": [{}]}},
         {"Schedule": "@daily", "Timezone": "<none>", "Suspend": "False", "Active": 1, "Last Schedule": "<none>"}),
        ("PersistentVolumeClaim", {"spec": {"volumeName": "v", "storageClassName": "fast"},
         "status": {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "10Gi"}}},
         {"Status": "Bound", "Capacity": "10Gi", "Access Modes": "RWO", "VolumeAttributesClass": "<unset>"}),
        ("PersistentVolumeClaim", {"spec": {}, "status": {"phase": "Pending"}}, {"Status": "Pending", "Capacity": ""}),
        ("StorageClass", {"provisioner": "p",
                          "metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}},
         {"Name": "x (default)", "ReclaimPolicy": "Delete", "AllowVolumeExpansion": False}),
        ("Ingress", {"spec": {"rules": [{"host": "a.b"}, {}], "tls": [{}]}},
         {"Class": "<none>", "Hosts": "a.b", "Address": "", "Ports": "80, 443"}),
        ("NetworkPolicy", {"spec": {"podSelector": {"matchLabels": {"b": "2", "a": "1"},
                           "matchExpressions": [{"key": "c", "operator": "In", "values": ["y", "x"]}]}}},
         {"Pod-Selector": "a=1,b=2,c in (x,y)"}),
        ("PodDisruptionBudget", {"spec": {"minAvailable": "50%"}, "status": {"disruptionsAllowed": 1}},
         {"Min Available": "50%", "Max Unavailable": "N/A", "Allowed Disruptions": 1}),
        ("ConfigMap", {"data": {"a": "1"}, "binaryData": {"b": ""}}, {"Data": 2}),
        ("Secret", {"type": "Opaque", "data": {"a": ""}}, {"Type": "Opaque", "Data": 1}),
        ("RoleBinding", {"roleRef": {"kind": "Role", "name": "r"}, "subjects": [
            {"kind": "ServiceAccount", "namespace": "n", "name": "s"}, {"kind": "User", "name": "u"}]},
         {"Role": "Role/r", "Users": "u", "Groups": "", "ServiceAccounts": "n/s"}),
        ("ResourceQuota", {"status": {"hard": {"pods": "3", "limits.cpu": "2"}, "used": {"pods": "1"}}},
         {"Request": "pods: 1/3", "Limit": "limits.cpu: 0/2"}),
        ("LimitRange", {"metadata": {"creationTimestamp": "2026-11-23T10:00:00Z"}},
         {"Created At": "2026-11-23T10:00:00Z"}),
    ],
)  # fmt: skip
def test_the_cells_of_a_kind(kind: str, obj: Any, words: dict[str, Any]) -> None:
    whole = {**obj, "metadata": {"name": "x", **obj.get("metadata", {})}}
    found = shown(kind, whole)
    assert {name: found[name] for name in words} == words


def test_what_a_row_carries() -> None:
    obj = {"metadata": {"name": "c"}, "data": {"a": "1"}}
    kind = kinds.named("ConfigMap")
    assert table(kind, [obj], "None")["rows"][0]["object"] is None
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "c"}}
    assert table(kind, [obj], "Metadata")["rows"][0]["object"] == partial
    assert table(kind, [obj], "Object")["rows"][0]["object"] == obj


def test_every_kind_has_a_table() -> None:
    store = Store()
    bootstrap.bootstrap(store, "certificate")
    for kind in kinds.KINDS:
        bare = {"metadata": {"name": "x"}}
        for row in table(kind, [bare, *store.select(kind)])["rows"]:
            assert all(isinstance(cell, str | int | bool) for cell in row["cells"]), kind
