"""Services, disruption budgets, claims, quotas, defaults and security of a namespace, and its end."""

from __future__ import annotations

import json
from typing import Any

from sensei_tui.rehearsal.scenario import Fault
from tests.differential.behaviour import (
    claim,
    conditions,
    container,
    deployment,
    gone,
    is_ready,
    owned_fields_out,
    part,
    plain,
    pod,
    service,
    stateful_set,
    status,
    told,
    volume,
)
from tests.differential.suite import (
    Side,
    Step,
    case,
    delete,
    differential,
    events,
    get,
    given,
    objects,
    only,
    patch,
    post,
    until,
)

WEB, DATA = "deployments/web", "persistentvolumeclaims/data"


def named(kind: str, name: str, group: str = "v1", **spec: Any) -> str:
    return json.dumps({"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec})


def create(text: str) -> Step:
    """A POST whose answer is compared."""
    body = json.loads(text)
    step = post(f"{body['kind'].lower()}s", body)
    return lambda side: owned_fields_out(step(side))


def slices(body: Any) -> Any:
    """The only slice, its endpoints in order of their conditions."""
    (one,) = body["items"]
    del one["metadata"]["generation"]  # It counts how often the pods were looked at.
    one["metadata"].pop("annotations", None)  # The trigger's time, which is only there for some triggers.
    one["endpoints"] = sorted(one["endpoints"] or (), key=lambda item: json.dumps(item["conditions"]))
    return one


def ready_endpoints(count: int) -> Step:
    def enough(body: Any) -> bool:
        found = [one for item in body["items"] for one in item["endpoints"] or () if one["conditions"]["ready"]]
        return len(found) == count

    return until("endpointslices", enough)


PORTS = [container(ports=[{"name": "http", "containerPort": 8080}])]
PROBED = {"containers": [container(readinessProbe={"tcpSocket": {"port": 80}})]}


def untimed(body: Any) -> Any:
    """Without the annotation of the pods' newest change: the real controller may have written it before that."""
    body["metadata"].pop("annotations", None)
    return body


SERVICES = [
    case("a service of a ready pod", objects(deployment(1), service()), ready_endpoints(1),
         part("endpointslices", slices), part("endpoints/web", untimed)),
    case("a service of pods that are not ready", objects(deployment(1, inside=PROBED), service()),
         until("endpointslices", lambda body: len(body["items"][0]["endpoints"]) == 1),
         part("endpointslices", slices), part("endpoints/web", lambda body: body["subsets"]),
         faults=[Fault("unready")]),
    case("a service without pods", objects(service()), until("endpointslices", lambda body: body["items"]),
         part("endpointslices", slices), part("endpoints/web", lambda body: body), plain("services/web")),
    case("a service with a port by name", objects(deployment(1, inside={"containers": PORTS}), service(
        ports=[{"name": "web", "port": 80, "targetPort": "http"}, {"name": "none", "port": 81, "targetPort": "x"}])),
         ready_endpoints(1), part("endpointslices", slices)),
    case("a headless service", objects(service("db", clusterIP="None", publishNotReadyAddresses=True),
                                       stateful_set(1)), ready_endpoints(1), part("endpointslices", slices)),
    case("a service goes with its endpoints", objects(deployment(1), service()), ready_endpoints(1),
         delete("services/web"), until("endpoints/web", gone),
         until("endpointslices", lambda body: not body["items"])),
    case("a service of another name for a host", objects(service("out", type="ExternalName", externalName="a.b.c")),
         plain("services/out")),
]  # fmt: skip


def evicted() -> Step:
    """The eviction of one of the pods there are."""

    def step(side: Side) -> Any:
        name = get("pods")(side)["body"]["items"][0]["metadata"]["name"]
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
        return post(f"pods/{name}/eviction", body)(side)

    return step


BUDGET: dict[str, Any] = {"group": "policy/v1", "selector": {"matchLabels": {"app": "web"}}}
SEEN = until("poddisruptionbudgets/web", lambda body: body["status"]["currentHealthy"] == 2)
BUDGETS = [
    case("a budget that allows one", objects(named("PodDisruptionBudget", "web", minAvailable=1, **BUDGET),
                                             deployment(2)), SEEN, plain("poddisruptionbudgets/web")),
    case("a budget that allows none", objects(named("PodDisruptionBudget", "web", maxUnavailable=0, **BUDGET),
                                              deployment(2)), SEEN, status("poddisruptionbudgets/web"),
         evicted()),
    case("a budget in percent", objects(named("PodDisruptionBudget", "web", minAvailable="50%", **BUDGET),
                                        deployment(2)), SEEN, status("poddisruptionbudgets/web")),
    case("a budget of nothing", objects(named("PodDisruptionBudget", "web", minAvailable=1, **BUDGET)),
         until("poddisruptionbudgets/web", lambda body: body["status"]["conditions"]),
         status("poddisruptionbudgets/web"), events("web")),
]  # fmt: skip

CLAIMS = [
    case("a claim that waits for a pod", objects(claim()),
         until("events", lambda body: any(one["reason"] == "WaitForFirstConsumer" for one in body["items"])),
         plain(DATA), events("data")),
    case("a claim that a pod uses", objects(claim(), pod(**volume("data"))), until("pods/one", is_ready),
         until(DATA, lambda body: body["status"]["conditions"]), plain(DATA), conditions("pods/one")),
    case("its volume", objects(claim(), pod(**volume("data"))), until("pods/one", is_ready),
         lambda side: plain("persistentvolumes/" + get(DATA)(side)["body"]["spec"]["volumeName"])(side)),
    case("a claim of no class", objects(claim(storageClassName="")),
         until("events", lambda body: body["items"]), plain(DATA), events("data")),
    case("a claim of a class that is not there", objects(claim(storageClassName="none")),
         until("events", lambda body: body["items"]), plain(DATA), events("data")),
    case("a claim in use is not deleted", objects(claim(), pod(**volume("data"))), until("pods/one", is_ready),
         given(delete(DATA)), part(DATA, lambda body: [body["metadata"]["finalizers"], body["status"]["phase"]]),
         given(delete("pods/one")), until(DATA, gone)),
]  # fmt: skip


def quota(**hard: str) -> Step:
    """A quota that is in force."""
    made = named("ResourceQuota", "q", hard={key.replace("_", "."): value for key, value in hard.items()})
    return lambda side: (objects(made)(side), until("resourcequotas/q", lambda body: body["status"]["used"])(side))[0]


def used(key: str, count: str) -> Step:
    return until("resourcequotas/q", lambda body: body["status"]["used"][key] == count)


SMALL = [container(resources={"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi"}})]
CONFIG = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}'
QUOTAS = [
    case("a quota of pods", quota(pods="1"), objects(pod("first")), used("pods", "1"), create(pod()),
         plain("resourcequotas/q")),
    case("a quota of cpu and memory", quota(requests_cpu="1", limits_memory="1Gi"), create(pod()),
         objects(pod("first", containers=SMALL)), used("requests.cpu", "100m"), plain("resourcequotas/q"),
         create(pod(containers=[container(resources={"requests": {"cpu": "950m"}, "limits": {"memory": "2Gi"}})]))),
    case("a quota of objects", quota(configmaps="1", **{"count/secrets": "0"}), create(CONFIG),
         create('{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}'), plain("resourcequotas/q")),
    case("a quota of storage", quota(requests_storage="1Gi", persistentvolumeclaims="5"), objects(claim()),
         used("requests.storage", "1Gi"), create(claim("more")), plain("resourcequotas/q")),
    case("a quota keeps a deployment back", quota(pods="1"), objects(deployment(2)),
         until(WEB, lambda body: body["status"]["availableReplicas"] == 1), used("pods", "1"),
         until(WEB, lambda body: any(one["type"] == "ReplicaFailure" for one in body["status"]["conditions"])),
         conditions(WEB), part("replicasets", lambda body: body["items"][0]["status"]), told("web-[^-]*")),
    case("a quota is freed", quota(pods="1"), objects(pod("first")), used("pods", "1"),
         given(delete("pods/first")), used("pods", "0"), plain("resourcequotas/q")),
]  # fmt: skip

RANGE = {"type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"memory": "32Mi"}, "max": {"cpu": "1"},
         "min": {"cpu": "50m"}}  # fmt: skip


def created_spec(text: str) -> Step:
    body = json.loads(text)
    return only(post("pods", body), lambda answer: [answer["body"].get("spec", {}).get("containers"),
                                                    answer["body"]["metadata"].get("annotations"),
                                                    answer["body"].get("message")])  # fmt: skip


RANGES = [
    case("a limit range fills in", objects(named("LimitRange", "r", limits=[RANGE])), plain("limitranges/r"),
         created_spec(pod())),
    case("a limit range refuses", objects(named("LimitRange", "r", limits=[RANGE])),
         create(pod(containers=[container(resources={"limits": {"cpu": "2"}, "requests": {"cpu": "10m"}})]))),
    case("a limit range of claims", objects(named("LimitRange", "r", limits=[
        {"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}])), create(claim(resources={
            "requests": {"storage": "2Gi"}}))),
]  # fmt: skip


def labelled(mode: str, level: str) -> Step:
    return given(patch("/api/v1/namespaces/{ns}", {"metadata": {"labels": {
        f"pod-security.kubernetes.io/{mode}": level}}}))  # fmt: skip


SAFE = [container(securityContext={"allowPrivilegeEscalation": False, "runAsNonRoot": True,
                                   "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}})]  # fmt: skip
SECURITY = [
    case("restricted pods only", labelled("enforce", "restricted"), create(pod())),
    case("restricted pods may come", labelled("enforce", "restricted"),
         only(create(pod(containers=SAFE)), lambda answer: answer["status"])),
    case("baseline pods only", labelled("enforce", "baseline"), create(pod(
        hostNetwork=True, volumes=[{"name": "h", "hostPath": {"path": "/"}}],
        containers=[container(securityContext={"privileged": True, "capabilities": {"add": ["SYS_ADMIN"]}},
                              ports=[{"containerPort": 80, "hostPort": 80}])]))),
    case("a deployment of pods that are refused", labelled("enforce", "restricted"), objects(deployment(1)),
         until(WEB, lambda body: any(one["type"] == "ReplicaFailure" for one in body["status"]["conditions"])),
         conditions(WEB), told("web-[^-]*")),
]  # fmt: skip

NAMESPACES = [
    case("a namespace ends with all it has", objects(deployment(1), service(), claim(), CONFIG),
         given(delete("/api/v1/namespaces/{ns}")),
         only(post("configmaps", json.loads(CONFIG)), lambda answer: [answer["status"], answer["body"].get("reason")]),
         until("/api/v1/namespaces/{ns}", gone), get("/api/v1/namespaces/{ns}"), plain("pods")),
]  # fmt: skip

test_services = differential(SERVICES)
test_budgets = differential(BUDGETS)
test_claims = differential(CLAIMS)
test_quotas = differential(QUOTAS)
test_limit_ranges = differential(RANGES)
test_security = differential(SECURITY)
test_namespaces = differential(NAMESPACES)
