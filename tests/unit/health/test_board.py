"""The board: one verdict for each component, and never ok for what is not known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sensei_tui.cluster.snapshot import Node, Snapshot, Workload
from sensei_tui.health.board import assess
from sensei_tui.health.components import COMPONENTS, component_of
from sensei_tui.health.model import ComponentHealth, Health, Word
from tests.unit.health.real import (
    T0,
    pod,
    real_snapshot,
    service,
    slice_of,
    snapshot,
    workload,
)

GROUPS = {
    "Control plane": ["Dashboard", "API", "Orchestration", "Pattern Library"],
    "Data plane": ["MABA", "KORA", "AMANI", "Workers", "Agents"],
    "Data stores": ["PostgreSQL", "Redis", "Vector DB", "Object Storage"],
    "LLM": ["LLM (local)"],
}


def healthy(name: str, **changes: Any) -> list[Any]:
    """One component with two ready pods, its service and endpoints."""
    component = next(item for item in COMPONENTS if item.name == name)
    kind, _, workload_name = component.workload.partition("/")
    pods = [pod(f"{name}-{number}", name, component.workload, ready=True) for number in (1, 2)]
    ends = slice_of(workload_name, **{f"{name}-{number}".replace("-", "_"): True for number in (1, 2)})
    made = workload(workload_name, name, kind=kind, ready=2, replicas=2, **changes)
    return [made, *pods, service(workload_name, name), ends]


def platform(*without: str) -> list[Any]:
    names = [item.name for item in COMPONENTS if item.name not in ("llm", *without)]
    return [item for name in names for item in healthy(name)]


def words(health: Health) -> set[Word]:
    """Every word on the board, those inside the components too."""
    parts = health.components
    found = {item.word for item in parts} | {item.word for item in health.nodes}
    for pods in (health.pods, *(part.pods for part in parts)):
        found |= {item.word for item in pods}
    for services in (health.services, *(part.services for part in parts)):
        found |= {item.word for item in services}
    return found


def part(health: Health, name: str) -> ComponentHealth:
    return next(item for item in health.components if item.name == name)


def test_the_tree_is_the_guides_drawing() -> None:
    found: dict[str, list[str]] = {}
    for item in COMPONENTS:
        found.setdefault(item.group, []).append(item.title)
    assert found == GROUPS


def test_all_is_well() -> None:
    health = assess(snapshot(*platform(), node_ready()), {})
    assert (health.word, health.headline) == (Word.OK, "all 13 components ready")
    assert words(health) == {Word.OK}
    kora = part(health, "kora")
    assert (kora.ready, kora.desired, kora.workload, len(kora.pods)) == (2, 2, "Deployment/sensei-kora", 2)
    assert [(item.name, item.ready, item.total, item.ports) for item in kora.services] == [
        ("sensei-kora", 2, 2, "80/TCP")
    ]


def test_a_component_with_one_pod_left_is_a_warning_and_with_none_a_failure() -> None:
    crash: dict[str, Any] = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 3}
    amani = workload("sensei-amani", "amani", ready=1, replicas=2)
    pods = [
        pod("a-1", "amani", "Deployment/sensei-amani", ready=True),
        pod("a-2", "amani", "Deployment/sensei-amani", **crash),
    ]
    ends = slice_of("sensei-amani", a_1=True, a_2=False)
    health = assess(snapshot(*platform("amani"), amani, *pods, service("sensei-amani", "amani"), ends), {})
    assert (health.word, health.headline) == (Word.WARN, "DEGRADED: AMANI 1/2")
    assert (part(health, "amani").word, part(health, "amani").services[0].word) == (Word.WARN, Word.WARN)
    assert part(health, "amani").why[0].object == "Pod/a-2"
    none = workload("sensei-amani", "amani", ready=0, replicas=2)
    health = assess(snapshot(*platform("amani"), none, pods[1]), {})
    assert (health.word, health.headline, part(health, "amani").word) == (Word.FAIL, "DEGRADED: AMANI 0/2", Word.FAIL)


def test_what_starts_waits_and_does_not_fail() -> None:
    health = assess(snapshot(*platform("kora"), workload("sensei-kora", "kora", ready=0, replicas=2)), {})
    assert (health.word, health.headline) == (Word.WAIT, "starting: KORA 0/2")


def test_an_empty_namespace_has_nothing_deployed() -> None:
    health = assess(snapshot(), {})
    assert (health.word, health.headline) == (Word.SKIP, "nothing deployed")
    assert {item.word for item in health.components} == {Word.SKIP}
    assert len(health.components) == 13


def test_one_missing_component_is_a_failure_and_a_missing_release_is_incomplete() -> None:
    health = assess(snapshot(*platform("kora")), {})
    assert (health.word, health.headline) == (Word.FAIL, "DEGRADED: KORA not deployed")
    stores = [item for name in ("postgresql", "redis", "vector-db", "object-storage") for item in healthy(name)]
    health = assess(snapshot(*stores), {})
    assert health.word is Word.WARN
    assert health.headline.startswith("INCOMPLETE: 9 components not deployed: Dashboard, API, Orchestration and 6 more")
    assert part(health, "kora").word is Word.SKIP


EXTERNAL = {"postgresql": {"external": {"enabled": True}}}


def test_an_external_store_is_not_missed_and_not_called_ok() -> None:
    health = assess(snapshot(*platform("postgresql")), EXTERNAL)
    found = part(health, "postgresql")
    assert (found.external, found.word, found.workload) == (True, Word.SKIP, "")
    assert (health.word, health.headline) == (Word.OK, "all 12 components ready, 1 external (not checked here)")


def test_without_values_a_missing_store_is_unknown() -> None:
    health = assess(snapshot(*platform("postgresql")))
    assert part(health, "postgresql").word is Word.UNKNOWN
    assert (health.word, health.headline) == (Word.UNKNOWN, "not known: PostgreSQL")


def test_the_llm_is_shown_where_it_is_wanted() -> None:
    local = {"llm": {"provider": "local"}}
    assert "llm" not in [item.name for item in assess(snapshot(*platform()), {}).components]
    assert assess(snapshot(*platform()), local).headline == "DEGRADED: LLM (local) not deployed"
    assert assess(snapshot(*platform(), *healthy("llm")), local).headline == "all 14 components ready"


STALE = [
    {"complete": False},
    {"complete": False, "trouble": "pods: connection refused"},
    {"trouble": "pods: connection refused"},
    {"trouble": "deployments: may not list deployments.apps"},
    {"trouble": "nodes: may not list nodes (and 2 more)"},
]


@pytest.mark.parametrize("how", STALE)
def test_nothing_of_an_old_or_incomplete_picture_is_called_ok(how: dict[str, Any]) -> None:
    health = assess(snapshot(*platform(), node_ready(), **how), {})
    assert health.word is Word.UNKNOWN
    assert health.headline.startswith("not known")
    assert words(health) == {Word.UNKNOWN}
    assert str(how.get("trouble", "not shown everything")).split(":")[0] in health.headline


def test_who_may_not_list_nodes_still_sees_the_components() -> None:
    health = assess(snapshot(*platform(), trouble="nodes: may not list nodes"), {})
    assert (health.word, health.headline) == (Word.OK, "all 13 components ready (nodes: may not list nodes)")


def test_what_is_not_ours_in_the_namespace_does_not_spoil_the_verdict() -> None:
    stranger = [
        workload("theirs", ready=0),
        pod("theirs-1", state={"waiting": {"reason": "ImagePullBackOff"}}, phase="Pending"),
    ]
    health = assess(snapshot(*platform(), *stranger, service("theirs", selector={"app": "theirs"})), {})
    assert (health.word, health.not_ready) == (Word.OK, ())
    assert {item.name: item.word for item in health.services}["theirs"] is Word.SKIP
    assert {item.name: item.word for item in health.pods}["theirs-1"] is Word.FAIL


def test_a_failed_job_of_ours_does() -> None:
    failed = workload(
        "sensei-migrations",
        "migrations",
        kind="Job",
        succeeded=0,
        conditions=[{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}],
    )
    health = assess(snapshot(*platform(), failed), {})
    assert (health.word, health.headline) == (Word.WARN, "DEGRADED: Job/sensei-migrations 0/1")


def test_a_service_that_selects_nobody_is_told_though_all_components_are_ready() -> None:
    health = assess(snapshot(*platform(), service("sensei-extra", "kora", selects="nobody")), {})
    assert (health.word, health.headline) == (Word.WARN, "DEGRADED: Service/sensei-extra 0/1")


def test_a_pod_that_is_going_is_no_missing_endpoint() -> None:
    going = pod("k-old", "kora", ready=True)
    going = msgspec.structs.replace(going, metadata=msgspec.structs.replace(going.metadata, deletion_timestamp=T0))
    ends = slice_of("sensei-kora", k_old=False)
    health = assess(snapshot(*platform(), going, ends), {})
    assert part(health, "kora").services[0].word is Word.OK
    assert next(item for item in health.pods if item.name == "k-old").status == "Terminating"


def node_ready(name: str = "node-1", **status: Any) -> Node:
    conditions = [{"type": "Ready", "status": "True"}]
    given = {
        "metadata": {"name": name},
        "status": {
            "conditions": conditions,
            "allocatable": {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "2"},
            **status,
        },
    }
    return msgspec.convert(given, Node)


def test_nodes_are_judged_by_their_conditions() -> None:
    silent = node_ready("node-2", conditions=[{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}])
    full = node_ready(
        "node-3", conditions=[{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "True"}]
    )
    health = assess(snapshot(*platform(), node_ready(), silent, full), {})
    found = {item.name: (item.word, item.conditions) for item in health.nodes}
    assert found == {
        "node-1": (Word.OK, ""), "node-2": (Word.FAIL, "not ready: NodeStatusUnknown"),
        "node-3": (Word.WARN, "DiskPressure"),
    }  # fmt: skip
    assert health.word is Word.WARN
    assert health.headline == "all 13 components ready; node-2 not ready: NodeStatusUnknown, node-3 DiskPressure"


def test_a_real_node_and_what_its_real_pods_request() -> None:
    (found,) = assess(real_snapshot()).nodes
    assert (found.name, found.word, found.conditions) == ("real-00", Word.OK, "taint real=true:NoSchedule")
    assert (found.cpu_allocatable, found.memory_allocatable) == (2000, 24581684 * 1024)
    # Two of httpd at 200m and 32Mi; the pod that was killed for memory is over and holds nothing any more.
    assert (found.cpu_requested, found.memory_requested) == (400, 64 << 20)
    assert found.pods == 5


def test_requests_of_init_containers_sidecars_and_gpus() -> None:
    spec = {
        "containers": [
            {
                "name": "c",
                "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"nvidia.com/gpu": "2"}},
            }
        ],
        "initContainers": [
            {"name": "proxy", "restartPolicy": "Always", "resources": {"requests": {"cpu": "100m"}}},
            {"name": "load", "resources": {"requests": {"cpu": "2", "memory": "512Mi"}}},
        ],
        "overhead": {"cpu": "10m"},
    }
    (found,) = assess(snapshot(pod("llm-1", spec=spec), node_ready())).nodes
    assert (found.cpu_requested, found.memory_requested, found.gpus_requested) == (2110, 1 << 30, 2)


KUBECTL = [("crash", "0/1", "Error", 3), ("noimg", "0/1", "ErrImagePull", 0), ("oom", "0/1", "OOMKilled", 0),
           ("nosecret", "0/1", "CreateContainerConfigError", 0), ("httpd-84897fc6fc-44tx9", "1/1", "Running", 0)]  # fmt: skip


@pytest.mark.parametrize(("name", "ready", "status", "restarts"), KUBECTL)
def test_real_pods_are_told_in_kubectls_words(name: str, ready: str, status: str, restarts: int) -> None:
    found = next(item for item in assess(real_snapshot()).pods if item.name == name)
    assert (found.ready, found.status, found.restarts, found.node) == (ready, status, restarts, "real-00")
    assert (found.word is Word.OK) == (name.startswith("httpd"))


def test_init_containers_in_kubectls_words() -> None:
    def seen(state: dict[str, Any], **more: Any) -> str:
        status = {"initContainerStatuses": [{"name": "i", "state": state, **more}], "conditions": []}
        made = pod(
            "p",
            state={"waiting": {"reason": "PodInitializing"}},
            phase="Pending",
            status=status,
            spec={"initContainers": [{"name": "i"}]},
        )
        return assess(snapshot(made)).pods[0].status

    assert seen({"running": {}}) == "Init:0/1"
    assert seen({"waiting": {"reason": "CrashLoopBackOff"}}) == "Init:CrashLoopBackOff"
    assert seen({"terminated": {"exitCode": 2}}) == "Init:ExitCode:2"
    assert seen({"terminated": {"exitCode": 0}}) == "PodInitializing"


def test_the_verdict_is_a_pure_function() -> None:
    seen = snapshot(*platform())
    assert assess(seen, {}) == assess(Snapshot(**{name: getattr(seen, name) for name in seen.__struct_fields__}), {})


def test_only_our_own_labels_make_a_component() -> None:
    theirs = {"app.kubernetes.io/name": "redis", "app.kubernetes.io/component": "redis"}
    assert component_of(theirs) == ""
    metadata = msgspec.structs.replace(workload("redis").metadata, labels=theirs)
    health = assess(snapshot(Workload(kind="StatefulSet", metadata=metadata)), {})
    assert health.headline == "nothing deployed"
