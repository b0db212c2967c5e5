"""The same pods as a real kubelet 1.36 had (tests/fixtures/kubelet-1.36): the simulated one reports them in its words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers.world import condition_is
from sensei_tui.rehearsal.objects import Object, clone
from tests.rehearsal.controllers.world import NAMESPACE, Simulated, simulated

FIXTURES = Path(__file__).parents[2] / "fixtures" / "kubelet-1.36"
PODS: dict[str, Object] = {
    pod["metadata"]["name"]: pod for pod in json.loads((FIXTURES / "pods-real-kubelet.json").read_text())["items"]
}
EVENTS: list[Object] = json.loads((FIXTURES / "events-real-kubelet.json").read_text())["items"]
REFUSED = PODS["noimg"]["status"]["containerStatuses"][0]["state"]["waiting"]["message"].partition(": ")[2]
SCENARIO = yaml.safe_dump({
    "nodes": [{"name": "real-00", "labels": {"real": "true"}}],
    "faults": [
        {"kind": "crash-loop", "pod": "crash", "exitCode": 3},
        {"kind": "oom", "pod": "oom"},
        {"kind": "image-pull", "pod": "noimg", "message": REFUSED},
    ],
})  # fmt: skip
NOT_OURS = ("MissingClusterDNS", "FailedCreatePodSandBox")
"""What went wrong on that machine, and has nothing to do with the pods."""
NOT_SIMULATED = {"volumeMounts", "resources", "allocatedResources", "user"}


def words(state: Object) -> Object:
    """A container's state without its times and identifiers."""
    return {
        name: {key: value for key, value in inside.items() if key in ("reason", "message", "exitCode")}
        for name, inside in state.items()
    }


def said(pod: Object) -> Object:
    """What a pod's status says that does not depend on when and where it ran."""
    status, volatile = pod["status"], ("lastTransitionTime",)
    return {
        "phase": status["phase"],
        "qosClass": status["qosClass"],
        "observedGeneration": status["observedGeneration"],
        "conditions": [
            {key: value for key, value in item.items() if key not in volatile} for item in status["conditions"]
        ],
        "containers": [
            {
                "members": sorted(set(item) - NOT_SIMULATED),
                "flags": (item["ready"], item["started"]),
                "state": words(item["state"]),
                "last": words(item["lastState"]),
            }
            for item in status["containerStatuses"]
        ],
    }


def told(events: list[Object], pod: Object) -> set[tuple[Any, ...]]:
    """The events about a pod; its own identity in them is replaced."""
    found = pod["metadata"]
    names = {found["uid"]: "UID", f"{found['namespace']}/": "NAMESPACE/", f"_{found['namespace']}(": "_NAMESPACE("}
    seen = set()
    for event in events:
        if event["involvedObject"]["name"] != found["name"] or event["reason"] in NOT_OURS:
            continue
        message = event["message"]
        for text, shown in names.items():
            message = message.replace(text, shown)
        field, counted = event["involvedObject"].get("fieldPath"), "count" in event
        seen.add((event["type"], event["reason"], message, field, event["reportingComponent"], counted))
    return seen


def again(found: Simulated, name: str) -> None:
    """Create the pod as its author did."""
    spec = clone(PODS[name]["spec"])
    for key in ("nodeName", "volumes", "tolerations", "serviceAccount", "serviceAccountName", "priority"):
        spec.pop(key, None)
    for container in spec["containers"]:
        container.pop("volumeMounts", None)
        if name != "noimg":
            found.controllers.kubelet.keep_image("real-00", container["image"])
    metadata = {"name": name, "namespace": NAMESPACE}
    found.world.create(kinds.named("Pod"), {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


@pytest.mark.parametrize("name", ["crash", "noimg", "nosecret", "oom"])
async def test_a_pod_in_trouble_is_reported_as_by_a_real_kubelet(name: str) -> None:
    real = PODS[name]
    async with simulated(SCENARIO) as found:
        reports: list[Object] = []
        found.store.subscribe(lambda kind, event, obj: reports.append(obj) if kind.kind == "Pod" else None)
        again(found, name)

        await found.until(lambda: reports and told(EVENTS, real) <= told(found.list("Event"), reports[-1]))
        await found.until(lambda: said(real) in [said(pod) for pod in reports if "containerStatuses" in pod["status"]])
        assert told(found.list("Event"), reports[-1]) == told(EVENTS, real)


async def test_a_healthy_pod_is_reported_as_by_a_real_kubelet() -> None:
    name = next(name for name in PODS if name.startswith("httpd"))
    async with simulated(SCENARIO) as found:
        again(found, name)
        await found.until(lambda: condition_is(found.get("Pod", name), "Ready"))
        pod = found.get("Pod", name)
        assert said(pod) == said(PODS[name])
        assert told(found.list("Event"), pod) == told(EVENTS, PODS[name])
