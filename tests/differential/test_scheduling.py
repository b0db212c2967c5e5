"""Where pods go, and what is said of those that can't go anywhere."""

from __future__ import annotations

import json
from typing import Any

from tests.differential.behaviour import claim, conditions, container, deployment, is_ready, part, phase, pod, volume
from tests.differential.suite import (
    Case,
    Step,
    case,
    condition,
    differential,
    events,
    given,
    kubectl,
    objects,
    post,
    until,
)

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
GPU_NODE: dict[str, Any] = {"nodeSelector": {"nvidia.com/gpu.present": "true"}}
WAITS = until("pods/one", condition("PodScheduled", "False"))
SAID = (part("pods/one", lambda body: body["status"]), events("one"))


def asks(**requests: str) -> dict[str, Any]:
    return {"containers": [container(resources={"requests": requests})]}


def limits(**amounts: str) -> dict[str, Any]:
    return {"containers": [container(resources={"limits": {key.replace("_", "/"): n for key, n in amounts.items()}})]}


def refused(name: str, *before: Step, **spec: Any) -> Case:
    """A case: a pod that is not placed."""
    return case(name, *before, objects(pod(**spec)), WAITS, *SAID)


def placed(name: str, *before: Step, nodes: bool = True, **spec: Any) -> Case:
    """A case: a pod that runs, and where."""
    where = part("pods/one", lambda body: [body["spec"]["nodeName"], body["spec"].get("tolerations"),
                                           body["spec"].get("priority"), body["status"]["qosClass"]])  # fmt: skip
    return case(name, *before, objects(pod(**spec)), until("pods/one", is_ready), where, nodes=nodes)


def affinity(kind: str, key: str, **labels: str) -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": labels}, "topologyKey": key}
    return {"affinity": {kind: {_REQUIRED: [term]}}}


def node_affinity(*expressions: dict[str, Any]) -> dict[str, Any]:
    return {"affinity": {"nodeAffinity": {_REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": list(expressions)}]}}}}


HOST = "kubernetes.io/hostname"
NEIGHBOUR = (objects(pod("first", labels={"app": "first"}, **GPU_NODE)), until("pods/first", is_ready))
SPREAD: dict[str, Any] = {"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "no.such/label", "labelSelector": {},
                                         "whenUnsatisfiable": "DoNotSchedule"}]}  # fmt: skip
OVER_HOSTS = {
    "maxSkew": 1,
    "topologyKey": HOST,
    "labelSelector": {"matchLabels": {"app": "one"}},
    "whenUnsatisfiable": "DoNotSchedule",
}
BEFORE = (objects(pod("first", labels={"app": "one", "revision": "1"}, **GPU_NODE)), until("pods/first", is_ready))
"""On the one node with room for twenty cores."""
NEW = {"labels": {"app": "one", "revision": "2"}, **asks(cpu="20")}

CASES = [
    refused("too much cpu", **asks(cpu="100")),
    refused("too much memory", **asks(memory="1Ti")),
    refused("too much of everything", **asks(cpu="100", memory="1Ti", **{"ephemeral-storage": "9Ti"})),
    refused("cpu for one node, memory for none", **asks(cpu="20", memory="1Ti")),
    refused("a resource that no node has", **limits(example_com="1", memory="100Gi")),
    refused("nine GPUs", containers=[container(resources={"limits": {"nvidia.com/gpu": "9"}})]),
    refused("no node has the labels", nodeSelector={"disk": "fast"}),
    refused("no node fits the affinity", **node_affinity({"key": HOST, "operator": "In", "values": ["other"]})),
    refused("a selector, and too much cpu", nodeSelector=GPU_NODE["nodeSelector"], **asks(cpu="64")),
    refused("a claim that is not there", **volume("none")),
    refused("a claim of an unknown class", objects(claim(storageClassName="none")), **volume("data")),
    refused("nobody to be with", **affinity("podAffinity", HOST, app="nobody")),
    refused("not with the neighbour", *NEIGHBOUR, **GPU_NODE, **affinity("podAntiAffinity", HOST, app="first")),
    refused("a spread over a label that no node has", **SPREAD),
    refused("a spread that has its share there", *BEFORE, topologySpreadConstraints=[OVER_HOSTS], **NEW),
    refused("not with itself on another topology", *NEIGHBOUR, labels={"app": "one"}, **asks(cpu="20"),
            **affinity("podAffinity", "no.such/label", app="first")),
    refused("a gate", schedulingGates=[{"name": "sensei.io/wait"}]),
    case("a cordoned node", given(kubectl("cordon", "gpu-1")), objects(pod(**GPU_NODE)), WAITS, *SAID,
         kubectl("get", "node", "gpu-1"), kubectl("uncordon", "gpu-1"), kubectl("uncordon", "gpu-1"),
         until("pods/one", is_ready)),
    case("a tainted node", given(kubectl("taint", "node", "gpu-1", "only=gpu:NoSchedule")), objects(pod(**GPU_NODE)),
         WAITS, *SAID, objects(pod("two", **GPU_NODE, tolerations=[{"key": "only", "operator": "Exists"}])),
         until("pods/two", is_ready), kubectl("taint", "node", "gpu-1", "only-"), until("pods/one", is_ready)),
    case("a pod that another keeps away", objects(pod("first", **GPU_NODE, **affinity(
        "podAntiAffinity", HOST, app="one"))), until("pods/first", is_ready), objects(pod(**GPU_NODE)), WAITS, *SAID),
    case("a class of priority that is not there", post("pods", json.loads(pod(priorityClassName="none")))),
    placed("by label", **GPU_NODE),
    placed("by an expression", **node_affinity({"key": "nvidia.com/gpu.count", "operator": "Gt", "values": ["1"]})),
    placed("with the neighbour", *NEIGHBOUR, **affinity("podAffinity", HOST, app="first")),
    placed("by its GPU", **limits(**{"nvidia.com_gpu": "1"})),
    placed("by name", nodeName="node-2"),
    placed("only where it is allowed", tolerations=[{"operator": "Exists"}], nodes=False),
    placed("important", priorityClassName="system-cluster-critical", nodes=False),
    placed("guaranteed", nodes=False, containers=[container(resources={"limits": {"cpu": "1", "memory": "1Gi"}})]),
    case("another scheduler's", objects(pod(schedulerName="other")), until("pods/one", phase("Pending")), *SAID),
    case("a deployment one to a node", objects(deployment(6, inside={
        "affinity": {"podAntiAffinity": {_REQUIRED: [
            {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": HOST}]}}})),
         until("deployments/web", lambda body: body["status"].get("availableReplicas") == 5),
         conditions("deployments/web"), events("web-.*")),
    # Last: its twenty cores are not free at once for the next.
    placed("a spread over one revision", *BEFORE, topologySpreadConstraints=[{**OVER_HOSTS, "matchLabelKeys": ["revision"]}], **NEW),
]  # fmt: skip

test_scheduling = differential(CASES)
