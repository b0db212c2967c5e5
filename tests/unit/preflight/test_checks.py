"""Every check, at and around its thresholds. Facts in, findings out: nothing is mocked because nothing is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from sensei_tui.cluster.snapshot import (
    Condition,
    Container,
    Node,
    NodeInfo,
    NodeSpec,
    NodeStatus,
    ObjectMeta,
    Pod,
    PodSpec,
    PodStatus,
    Resources,
    Taint,
)
from sensei_tui.preflight.catalogue import CHECKS
from sensei_tui.preflight.facts import (
    ClaimNeed,
    ClusterFacts,
    Disk,
    Facts,
    Fsync,
    Gpu,
    HostFacts,
    Named,
    Needs,
    NvmeDevice,
    Nvml,
    Permission,
    PodNeed,
    SecretNeed,
    Server,
    StorageClass,
    Unknown,
)
from sensei_tui.preflight.model import Finding, Status

PASS, WARN, FAIL, UNKNOWN, SKIPPED = Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN, Status.SKIPPED
GI = 1 << 30
GFD = {
    "nvidia.com/cuda.driver-version.full": "580.95.05", "nvidia.com/cuda.runtime-version.full": "13.0",
    "nvidia.com/gpu.memory": "40960", "nvidia.com/gpu.compute.major": "8", "nvidia.com/gpu.compute.minor": "0",
}  # fmt: skip


def node(
    name: str, cpu: str = "16", memory: str = "64Gi", *, gpus: int = 0, labels: Mapping[str, str] = {}, taint: str = "",
    ready: str = "True", cordoned: bool = False, kubelet: str = "v1.36.2", machine: str = "", pressure: str = "",
) -> Node:  # fmt: skip
    sizes = {"cpu": cpu, "memory": memory, "pods": "110", "ephemeral-storage": "200G", "nvidia.com/gpu": str(gpus)}
    conditions = (
        Condition(type="Ready", status=ready),
        Condition(type=pressure or "DiskPressure", status="True" if pressure else "False"),
    )
    return Node(
        metadata=ObjectMeta(name=name, labels=dict(labels)),
        spec=NodeSpec(unschedulable=cordoned, taints=(Taint(key=taint, effect="NoSchedule"),) if taint else ()),
        status=NodeStatus(
            capacity=sizes, allocatable=sizes, conditions=conditions,
            node_info=NodeInfo(kubelet_version=kubelet, machine_id=machine),
        ),
    )  # fmt: skip


def pod(on: str, cpu: str, *, namespace: str = "other", release: str = "", phase: str = "Running") -> Pod:
    return Pod(
        metadata=ObjectMeta(name="busy", namespace=namespace, labels={"app.kubernetes.io/instance": release}),
        spec=PodSpec(node_name=on, containers=(Container(name="c", resources=Resources(requests={"cpu": cpu})),)),
        status=PodStatus(phase=phase),
    )


def need(
    owner: str = "Deployment/sensei-api", cpu: int = 1000, memory: int = GI, gpus: int = 0, **extra: Any
) -> PodNeed:
    return PodNeed(owner, {"cpu": cpu, "memory": memory, "nvidia.com/gpu": gpus}, **extra)


FIVE = tuple(node(f"node-{number}") for number in range(1, 6))
GPU_NODE = node("gpu-1", "32", "256Gi", gpus=2, labels=GFD, machine="m-gpu")
FAST = StorageClass(
    name="fast", provisioner="csi", default=True, binding="WaitForFirstConsumer", expandable=True, capacity=2 * 10**12
)
GRANT = Permission("", "pods", "get", "sensei")
CLUSTER = ClusterFacts(
    server=Server("v1.36.2", 0.004, 0.0), nodes=FIVE, pods=(), storage_classes=(FAST,), denied=()
)  # fmt: skip
HOST = HostFacts(
    name="jump", machine_id="m-jump", cores=4, flags=frozenset({"avx2"}), memory=8 * GI, available=4 * GI,
    disk=Disk("/srv/site", "ext4", 10**11, 5 * 10**10, "/dev/vda1"), nvme=(), fsync=Fsync(0.2, 1.0, 3.0, 1500, 3),
    nvml=Nvml(present=False),
)  # fmt: skip
NEEDS = Needs(pods=(need(),) * 20, claims=(ClaimNeed("data-sensei-postgresql-0", 10**11),), permissions=(GRANT,))
GOOD = Facts(cluster=CLUSTER, host=HOST, needs=NEEDS, releases=("sensei", "sensei-deps"), namespace="sensei")
SECRET = msgspec.structs.replace(
    NEEDS, secrets=(SecretNeed("db", ("password",), "postgresql.external.existingSecret (v.yaml:3)"),)
)
CLAIM = msgspec.structs.replace(NEEDS, claims_named=(Named("nope", "backup.volume.existingClaim (v.yaml:4)"),))
RUNTIME = msgspec.structs.replace(NEEDS, runtimes=(Named("nvidia", "llm.gpu.runtimeClassName (v.yaml:5)"),))
BIG = msgspec.structs.replace(NEEDS, claims=(*NEEDS.claims, ClaimNeed("data-sensei-minio-0", 3 * 10**12)))
UNTOLD = msgspec.structs.replace(FAST, capacity=None)
LLM = msgspec.structs.replace(NEEDS, pods=(*NEEDS.pods, need("Deployment/sensei-llm", 8000, 64 * GI, 2)), gpus=2)


def facts(*, needs: Needs | Unknown = NEEDS, host: Mapping[str, Any] = {}, **cluster: Any) -> Facts:
    """The good facts with some of them changed."""
    return msgspec.structs.replace(
        GOOD,
        needs=needs,
        cluster=msgspec.structs.replace(CLUSTER, **cluster),
        host=msgspec.structs.replace(HOST, **host),
    )


def judge(name: str, given: Facts) -> Finding:
    return next(check for check in CHECKS if check.id == name).judge(given)


def test_a_good_cluster_has_nothing_against_it() -> None:
    findings = [check.judge(GOOD) for check in CHECKS]
    assert {finding.status for finding in findings} <= {PASS, SKIPPED}
    assert [finding.id for finding in findings if finding.status is SKIPPED] == [
        "sc.claims", "secrets.named", "secrets.contents", "disk.nvme", "host.gpu", "gpu.nodes", "gpu.runtime", "gpu.driver", "gpu.cuda", "gpu.memory", "gpu.ecc",
    ]  # fmt: skip


def test_nothing_known_never_passes() -> None:
    findings = [check.judge(Facts()) for check in CHECKS]
    assert {finding.status for finding in findings} <= {UNKNOWN, FAIL}
    assert all(finding.summary and finding.remedy for finding in findings)


def test_ids_are_unique_and_every_check_names_its_source() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    assert all(check.source for check in CHECKS)


def nodes_of(count: int, **each: Any) -> dict[str, Any]:
    return {"nodes": tuple(node(f"n{number}", **each) for number in range(count))}


CASES: list[tuple[str, Facts, Status, str]] = [
    ("api.reachable", facts(server=Unknown("connection refused", "Start it.")), FAIL, "connection refused"),
    ("api.reachable", facts(server=Server("v1.36.2", 1.2, 0)), WARN, "1200 ms"),
    ("api.version", facts(server=Server("v1.29.9", 0.1, 0)), FAIL, "v1.29.9 (minimum 1.30)"),
    ("api.version", facts(server=Server("v1.30.0-eks-1", 0.1, 0)), PASS, "v1.30.0"),
    ("api.skew", facts(nodes=(*FIVE, node("new", kubelet="v1.37.0"))), FAIL, "new"),
    ("api.skew", facts(nodes=(*FIVE, node("old", kubelet="v1.32.1"))), FAIL, "old"),
    ("api.skew", facts(nodes=(*FIVE, node("old", kubelet="v1.33.1"))), WARN, "v1.33.1, v1.36.2"),
    ("time.jump", facts(server=Server("v1.36.2", 0.1, -2)), PASS, "agrees"),
    ("time.jump", facts(server=Server("v1.36.2", 0.1, 12)), WARN, "12 s behind the cluster"),
    ("time.jump", facts(server=Server("v1.36.2", 0.1, -31)), FAIL, "31 s ahead of the cluster"),
    ("node.conditions", facts(nodes=(*FIVE, node("sick", pressure="MemoryPressure"))), WARN, "sick: MemoryPressure"),
    ("node.conditions", facts(nodes=(*FIVE, node("gone", ready="Unknown"))), WARN, "gone: not ready"),
    ("cap.nodes", facts(**nodes_of(5)), PASS, "5 nodes ready (minimum 3, recommended 5)"),
    ("cap.nodes", facts(**nodes_of(3)), WARN, "3 nodes"),
    ("cap.nodes", facts(**nodes_of(2)), FAIL, "2 nodes"),
    ("cap.nodes", facts(nodes=(*FIVE[:3], node("m", taint="node-role.kubernetes.io/control-plane"))), WARN, "3 nodes"),
    ("cap.nodes", facts(nodes=(*FIVE[:4], node("c", cordoned=True), node("r", ready="False"))), WARN, "4 nodes"),
    ("cap.cpu", facts(**nodes_of(4, cpu="16")), PASS, "64 cores"),
    ("cap.cpu", facts(**nodes_of(4, cpu="15900m")), WARN, "63.6 cores"),
    ("cap.cpu", facts(**nodes_of(4, cpu="7")), FAIL, "28 cores (minimum 32, recommended 64)"),
    ("cap.memory", facts(**nodes_of(4, memory="62500000Ki")), PASS, "256 GB"),
    ("cap.memory", facts(**nodes_of(4, memory="30500000Ki")), WARN, "125 GB"),
    ("cap.memory", facts(**nodes_of(3, memory="32Gi")), FAIL, "103 GB (minimum 128 GB"),
    ("cap.storage", facts(storage_classes=(msgspec.structs.replace(FAST, capacity=499 * 10**9),)), FAIL, "499 GB"),
    ("cap.storage", facts(storage_classes=(msgspec.structs.replace(FAST, capacity=640 * 10**9),)), WARN, "640 GB"),
    ("cap.storage", facts(storage_classes=(msgspec.structs.replace(FAST, capacity=None),)), PASS, "1 TB"),
    ("cap.storage", facts(needs=BIG), FAIL, "2 TB (minimum 500 GB, recommended 1 TB); new volumes of fast ask for 3.1 TB, it has 2 TB left"),
    ("cap.storage", facts(needs=BIG, claims={"data-sensei-minio-0": "Bound"}), PASS, "2 TB (minimum 500 GB, recommended 1 TB)"),
    ("cap.storage", facts(needs=BIG, claims={"data-sensei-minio-0": "Pending"}), FAIL, "ask for 3.1 TB"),
    ("cap.storage", facts(needs=BIG, storage_classes=(UNTOLD,)), WARN, "new volumes ask for 3.1 TB, the nodes' disks have 1 TB (largest: data-sensei-minio-0 3 TB, data-sensei-postgresql-0 100 GB)"),
    ("cap.storage", facts(needs=BIG, storage_classes=(UNTOLD,), **nodes_of(2)), FAIL, "new volumes ask for 3.1 TB, the nodes' disks have 400 GB"),
    ("cap.storage", facts(needs=BIG, storage_classes=(UNTOLD,), claims={"data-sensei-minio-0": "Bound"}), PASS, "1 TB"),
    ("cap.free", facts(pods=(pod("node-1", "16"), pod("node-2", "16"), pod("node-3", "16"), pod("node-4", "15"))), FAIL, "free 17 cores"),
    ("cap.free", facts(pods=(pod("node-1", "16"), pod("node-2", "16"), pod("node-3", "16"), pod("node-4", "11"))), WARN, "free 21 cores"),
    ("cap.free", facts(pods=(pod("node-1", "16", phase="Succeeded"),)), PASS, "free 80 cores"),
    ("cap.free", facts(pods=(pod("node-1", "16", namespace="sensei", release="sensei"),)), PASS, "free 80 cores"),
    ("cap.free", facts(pods=Unknown("forbidden")), UNKNOWN, "forbidden"),
    ("cap.fit", facts(needs=msgspec.structs.replace(NEEDS, pods=(need("StatefulSet/big", 17000),))), FAIL, "StatefulSet/big"),
    ("cap.fit", facts(needs=msgspec.structs.replace(NEEDS, pods=(need(node_selector={"disk": "nvme"}),))), FAIL, "1 pod of 1"),
    ("cap.fit", facts(needs=LLM), FAIL, "Deployment/sensei-llm"),
    ("cap.fit", facts(needs=LLM, nodes=(*FIVE, GPU_NODE)), PASS, "all 21 pods placed"),
    ("cap.pods", facts(needs=msgspec.structs.replace(NEEDS, pods=(need(cpu=1),) * 551)), FAIL, "551 needed"),
    ("cap.pods", facts(needs=msgspec.structs.replace(NEEDS, pods=(need(cpu=1),) * 520)), WARN, "room for 550 pods"),
    ("sc.default", facts(storage_classes=()), FAIL, "(default); there: none"),
    ("sc.default", facts(storage_classes=(FAST, msgspec.structs.replace(FAST, name="other"))), WARN, "several defaults"),
    ("sc.default", facts(needs=msgspec.structs.replace(NEEDS, claims=(ClaimNeed("a", 1, "slow"),))), FAIL, "no StorageClass slow"),
    ("sc.default", facts(needs=msgspec.structs.replace(NEEDS, claims=())), SKIPPED, "external"),
    ("sc.binding", facts(storage_classes=(msgspec.structs.replace(FAST, binding="Immediate"),)), WARN, "Immediate: fast"),
    ("sc.expand", facts(storage_classes=(msgspec.structs.replace(FAST, expandable=False),)), WARN, "cannot grow"),
    ("rbac.deploy", facts(denied=(GRANT,)), FAIL, "not allowed: get pods"),
    ("rbac.deploy", facts(denied=(Permission("", "nodes", "list", "", True),)), WARN, "list nodes (cluster-wide)"),
    ("rbac.deploy", facts(denied=Unknown("timeout")), UNKNOWN, "timeout"),
    ("host.memory", facts(host={"available": 300 << 20}), WARN, "300 Mi"),
    ("host.memory", facts(host={"available": 200 << 20}), FAIL, "200 Mi"),
    ("host.disk", facts(host={"disk": Disk("/s", "ext4", 10**10, 10**8)}), FAIL, "100 MB free"),
    ("host.cpu", facts(host={"flags": frozenset({"sse2"})}), SKIPPED, "not judged"),
    ("disk.fsync", facts(host={"fsync": Fsync(5.0, 25.0, 30.0, 100, 3)}), SKIPPED, "p99 25.0 ms, p50 5.0 ms; not judged"),
    ("disk.fsync", facts(host={"fsync": Unknown("on tmpfs")}), UNKNOWN, "on tmpfs"),
    ("site.values", facts(needs=Unknown("values.yaml: no")), FAIL, "values.yaml: no"),
    ("secrets.named", facts(needs=SECRET, secrets={}), FAIL, "there is no Secret db: postgresql.external.existingSecret (v.yaml:3)"),
    ("secrets.named", facts(needs=SECRET, secrets={"db": {"user": ()}}), FAIL, "Secret db has no key password"),
    ("secrets.named", facts(needs=SECRET, secrets={"db": {"password": (), "user": ()}}), PASS, "1 Secret there"),
    ("secrets.named", facts(needs=SECRET, secrets=Unknown("may not read")), UNKNOWN, "may not read"),
    ("sc.claims", facts(needs=CLAIM, claims={"other": "Bound"}), FAIL, "there is no PersistentVolumeClaim nope: backup.volume.existingClaim (v.yaml:4)"),
    ("sc.claims", facts(needs=CLAIM, claims={"nope": "Lost"}), FAIL, "the volume of claim nope is lost"),
    ("sc.claims", facts(needs=CLAIM, claims={"nope": "Pending"}), PASS, "1 claim there: nope Pending"),
    ("sc.claims", facts(needs=CLAIM, claims=Unknown("may not list")), UNKNOWN, "may not list"),
    ("gpu.runtime", facts(needs=RUNTIME, runtimes=frozenset({"gvisor"})), FAIL, "there is no RuntimeClass nvidia: llm.gpu.runtimeClassName"),
    ("gpu.runtime", facts(needs=RUNTIME, runtimes=frozenset({"nvidia"})), PASS, "nvidia"),
    ("gpu.runtime", facts(needs=RUNTIME, runtimes=Unknown("may not list")), UNKNOWN, "may not list"),
    ("gpu.nodes", facts(needs=LLM), FAIL, "no free GPU, 2 needed"),
    ("gpu.nodes", facts(needs=LLM, nodes=(*FIVE, GPU_NODE)), PASS, "2 free GPUs on gpu-1"),
    ("gpu.nodes", facts(needs=LLM, nodes=(node("a", gpus=1), node("b", gpus=1))), FAIL, "1 free GPU on a"),
    ("gpu.driver", facts(needs=LLM, nodes=(GPU_NODE,)), PASS, "580.95.05 on gpu-1"),
    ("gpu.driver", facts(needs=LLM, nodes=(node("g", gpus=1),)), UNKNOWN, "g has no label"),
    ("gpu.driver", facts(needs=LLM, nodes=(node("g", gpus=1, labels={"nvidia.com/cuda.driver.major": "525"}),)), FAIL, "525 on g"),
    ("gpu.driver", facts(needs=LLM, nodes=(node("g", gpus=1, labels={"nvidia.com/cuda.driver-version.full": "525.60.13"}),)), PASS, "525.60.13"),
    ("gpu.driver", facts(needs=LLM, nodes=FIVE), UNKNOWN, "no node offers a GPU"),
    ("gpu.cuda", facts(needs=LLM, nodes=(node("g", gpus=1, labels={**GFD, "nvidia.com/cuda.runtime-version.full": "11.8"}),)), FAIL, "11.8 on g"),
    ("gpu.memory", facts(needs=LLM, nodes=(GPU_NODE,)), PASS, "43 GB, compute 8.0 on gpu-1"),
    ("gpu.memory", facts(needs=LLM, nodes=(node("g", gpus=1, labels={**GFD, "nvidia.com/gpu.memory": "24576"}),)), FAIL, "26 GB"),
    ("gpu.memory", facts(needs=LLM, nodes=(node("g", gpus=1, labels={**GFD, "nvidia.com/gpu.compute.major": "7"}),)), FAIL, "compute 7.0"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "given", "status", "words"), CASES, ids=lambda value: value if isinstance(value, str) else None
)
def test_check(name: str, given: Facts, status: Status, words: str) -> None:
    finding = judge(name, given)
    assert (finding.status, finding.summary) == (status, finding.summary)
    assert words in finding.summary
    assert finding.remedy or status in (PASS, SKIPPED)


ON_NODE = {"machine_id": "m-gpu"}
HERE = Nvml("550.163.01", 12040, (Gpu("A100", 42949672960, (8, 0)),) * 2)
NODE_CASES: list[tuple[str, dict[str, Any], Status, str]] = [
    ("host.cpu", {"flags": frozenset({"sse2"})}, WARN, "no AVX2"),
    ("disk.nvme", {}, WARN, "no NVMe device"),
    ("disk.nvme", {"nvme": (NvmeDevice("nvme0", "X", "1", "live", "pcie", 10**12),)}, PASS, "1 NVMe device, 1 TB"),
    ("disk.nvme", {"nvme": (NvmeDevice("nvme0", "X", "1", "dead", "pcie", 10**12),)}, FAIL, "not live: nvme0"),
    ("disk.fsync", {"fsync": Fsync(1, 9.9, 12, 100, 3)}, PASS, "p99 9.9 ms"),
    ("disk.fsync", {"fsync": Fsync(1, 10.0, 12, 100, 3)}, WARN, "p99 10.0 ms"),
    ("disk.fsync", {"fsync": Fsync(1, 20.0, 22, 100, 3)}, FAIL, "p99 20.0 ms"),
    ("gpu.driver", {"nvml": HERE}, PASS, "550.163.01 on gpu-1"),
    ("gpu.driver", {"nvml": msgspec.structs.replace(HERE, driver="470.1")}, FAIL, "470.1 on gpu-1"),
    ("gpu.cuda", {"nvml": msgspec.structs.replace(HERE, cuda=11080)}, FAIL, "11.8 on gpu-1"),
    ("gpu.memory", {"nvml": HERE}, PASS, "43 GB, compute 8.0"),
    ("gpu.ecc", {"nvml": HERE}, PASS, "0 uncorrected errors on 2 GPUs"),
    ("gpu.ecc", {"nvml": msgspec.structs.replace(HERE, gpus=(Gpu("A100", 1, (8, 0), None, 3),))}, FAIL, "3 uncorrected"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "host", "status", "words"), NODE_CASES)
def test_on_a_node_the_host_is_judged(name: str, host: dict[str, Any], status: Status, words: str) -> None:
    given = facts(needs=LLM, nodes=(*FIVE, GPU_NODE), host={**ON_NODE, **host})
    assert given.on_node
    finding = judge(name, given)
    assert finding.status is status
    assert words in finding.summary


def test_what_the_volumes_ask_for_is_told_in_any_case() -> None:
    detail = judge("cap.storage", facts(needs=BIG, claims={"data-sensei-postgresql-0": "Bound"})).detail
    assert "New volumes of the charts: 1, 3 TB together; there already: 1, 100 GB" in detail
    unknown = judge("cap.storage", facts(claims=Unknown("may not list claims"))).detail
    assert "New volumes of the charts: 1, 100 GB together" in unknown
    assert "data-sensei-postgresql-0: 100 GB" in unknown
    assert "Which of them are there already is not known: may not list claims" in unknown


def test_missing_permissions_come_as_rules_to_apply() -> None:
    denied = (Permission("apps", "deployments", "create", "sensei"), Permission("apps", "deployments", "patch", "sensei"),
              Permission("", "nodes", "list", "", True))  # fmt: skip
    assert judge("rbac.deploy", facts(denied=denied)).detail == (
        "# Role", '- {apiGroups: ["apps"], resources: ["deployments"], verbs: [create, patch]}',
        "# ClusterRole", '- {apiGroups: [""], resources: ["nodes"], verbs: [list]}',
    )  # fmt: skip


def test_a_tolerated_taint_keeps_nobody_away() -> None:
    llm = need(
        "Deployment/sensei-llm",
        8000,
        GI,
        1,
        tolerations=({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},),
    )
    tainted = node("g", gpus=1, taint="nvidia.com/gpu")
    assert judge("cap.fit", facts(needs=msgspec.structs.replace(NEEDS, pods=(llm,)), nodes=(tainted,))).status is PASS
    assert judge("cap.fit", facts(nodes=(tainted,))).status is FAIL
