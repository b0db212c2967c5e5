"""Lists, tables, metadata alone, selectors, discovery, subresources."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.differential.samples import CONFIG, SECRET, SERVICE, changed, job, pod, workload
from tests.differential.suite import (
    Side,
    Step,
    case,
    delete,
    differential,
    get,
    given,
    only,
    patch,
    post,
    put,
    request,
)

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
NOT_SERVED = ("attach", "ephemeralcontainers", "proxy")
"""Subresources that are not simulated."""
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def three(**labels: str) -> Step:
    """Secrets a, b and c."""
    return given(
        *(post("secrets", changed(SECRET, metadata={"name": name, "labels": {"n": name, **labels}})) for name in "abc")
    )


def names(step: Step) -> Step:
    """The names of a list, or the refusal."""
    return only(step, lambda a: [one["metadata"]["name"] for one in a["body"]["items"]] if "items" in a["body"] else a)


def pages(place: str) -> Step:
    """All pages of a list."""

    def step(side: Side) -> Any:
        found, token = [], "start"
        while token:
            query = "" if token == "start" else f"&continue={token}"
            body = get(f"{place}{query}")(side)["body"]
            token = body["metadata"].get("continue", "")
            found.append(
                [[one["metadata"]["name"] for one in body["items"]], body["metadata"].get("remainingItemCount")]
            )
        return found

    return step


def without_descriptions(place: str) -> Step:
    """A table; what its columns mean is not compared, kubectl does not show it."""

    def pick(answer: Any) -> Any:
        for column in answer["body"].get("columnDefinitions", ()):
            del column["description"]
        return answer["body"]

    return only(get(place, accept=TABLE), pick)


def table(place: str) -> Step:
    """A table: its columns and cells, without times and descriptions."""

    def pick(answer: Any) -> Any:
        body = answer["body"]
        columns = [[one["name"], one["type"], one["format"], one["priority"]] for one in body["columnDefinitions"]]
        timed = {
            i for i, one in enumerate(columns) if one[0] in ("Age", "Last Seen", "First Seen", "Created At", "Duration")
        }
        cells = [["-" if i in timed else cell for i, cell in enumerate(row["cells"])] for row in body["rows"]]
        return [body["kind"], body["apiVersion"], columns, cells]

    return only(get(place, accept=TABLE), pick)


LISTS = [
    case("a list", three(), get("secrets")),
    case("an empty list", get("secrets"), get("/apis/apps/v1/namespaces/nowhere/deployments")),
    case("label selectors", three(), *(names(get(f"secrets?labelSelector={quote(text)}")) for text in (
        "n=a", "n!=a", "n in (a,b)", "n notin (a)", "n", "!n", "n=a,n=b", "n==c", "x!=y", "n in (a), n"))),
    case("label selectors that are none", *(get(f"secrets?labelSelector={quote(text)}") for text in (
        "n=a=b", "n in a", "n in ()", "=a", "n=a,,n=b", "a b", "n>x", "n=not ok!", "-n=a", "a/b/c=d", "!", "n in (a"))),
    case("field selectors", three(), *(names(get(f"secrets?fieldSelector={text}")) for text in (
        "metadata.name=a", "metadata.name!=a", "metadata.namespace={ns}", "type=Opaque", "type!=Opaque", "metadata.name=a,type=Opaque"))),
    case("field selectors that are none", *(get(f"{place}?fieldSelector={text}") for place, text in (
        ("secrets", "data.x=y"), ("secrets", "metadata.name"), ("secrets", "metadata.name>a"), ("configmaps", "type=x"),
        ("pods", "spec.image=x"), ("deployments", "status.replicas=1"), ("nodes", "status.phase=x"), ("namespaces", "spec.x=y")))),
    case("field selectors of pods", given(post("pods", pod("a")), post("pods", pod("b"))), *(names(get(f"pods?fieldSelector={text}")) for text in (
        "status.phase=Pending", "status.phase!=Pending", "spec.nodeName=", "spec.nodeName!=", "spec.restartPolicy=Always", "metadata.name=b"))),
    case("pages", three(), pages("secrets?limit=1"), pages("secrets?limit=2"), pages("secrets?limit=3"), pages("secrets?limit=9"),
         pages("secrets?limit=2&labelSelector=n")),
    case("limits and tokens that are none", three(), get("secrets?limit=-1"), get("secrets?limit=x"),
         *(only(get(f"secrets?continue={token}"), lambda a: [a["status"], a["body"]["reason"], a["body"]["message"][:51]])
           for token in ("nonsense", "bm9uc2Vuc2U", "bm9uc2Vuc2U&resourceVersion=5"))),
    case("resource versions of lists", three(), *(names(get(f"secrets?{text}")) for text in (
        "resourceVersion=0", "resourceVersion=x", "resourceVersionMatch=Exact", "resourceVersion=0&resourceVersionMatch=Exact",
        "resourceVersion=1&resourceVersionMatch=Wrong", "resourceVersionMatch=NotOlderThan", "resourceVersion=0&resourceVersionMatch=NotOlderThan",
        "resourceVersion=1&resourceVersionMatch=NotOlderThan"))),
    case("a version that is still to come", only(get("secrets?resourceVersion=999999999&timeoutSeconds=1"),
         lambda a: [a["status"], a["body"]["reason"], a["body"]["details"]["causes"]])),
    case("tables", given(
        post("pods", pod()), post("configmaps", CONFIG), post("secrets", SECRET), post("services", SERVICE),
        post("deployments", workload("Deployment", replicas=0, paused=True)), post("jobs", job(suspend=True)),
        post("poddisruptionbudgets", {"metadata": {"name": "a"}, "spec": {"minAvailable": 1}}),
        post("networkpolicies", {"metadata": {"name": "a"}, "spec": {"podSelector": {"matchLabels": {"a": "b"}}}}),
        post("leases", {"metadata": {"name": "a"}, "spec": {"holderIdentity": "me"}})),
         *(table(f"{plural}/a") for plural in (
             "pods", "configmaps", "secrets", "services", "poddisruptionbudgets", "networkpolicies", "leases")),
         only(table("deployments/a"), lambda a: [a["only"][2], a["only"][3][0][0]]), only(table("jobs/a"), lambda a: a["only"][2])),
    case("tables of events", given(post("events", {
        "metadata": {"name": "a"}, "involvedObject": {"kind": "Pod", "name": "p", "namespace": "{ns}", "fieldPath": "spec.x"}, "reason": "R",
        "message": "m", "type": "Warning", "source": {"component": "c", "host": "h"}, "count": 3})), table("events"),
         table("/apis/events.k8s.io/v1/namespaces/{ns}/events")),
    case("what tables hold", given(post("secrets", SECRET)), without_descriptions("secrets?includeObject=None"),
         without_descriptions("secrets/a?includeObject=Metadata"), without_descriptions("secrets/a?includeObject=Object"),
         get("secrets/a?includeObject=Wrong", accept=TABLE)),
    case("metadata alone", given(post("secrets", SECRET)), get("secrets/a", accept=PARTIAL), get("secrets", accept=PARTIAL_LIST),
         get("secrets", accept="application/json;as=Table;v=v2;g=meta.k8s.io"), get("secrets", accept="application/json;as=Other;v=v1;g=meta.k8s.io")),
    case("a table of what is not there", get("secrets/none", accept=TABLE), without_descriptions("secrets")),
    case("answers in YAML", given(post("secrets", SECRET)), only(get("secrets/a", accept="application/yaml"), lambda a: [
        a["status"], sorted(line for line in a["body"].splitlines() if line[:1].isalpha())])),
]  # fmt: skip

SUBRESOURCES = [
    case("scale of a deployment", given(post("deployments", workload("Deployment", replicas=0, paused=True))),
         only(get("deployments/a/scale"), scale := lambda a: {**a["body"], "status": None}), only(patch("deployments/a/scale", {"spec": {"replicas": 2}}), scale),
         only(put("deployments/a/scale", {"metadata": {"name": "a"}, "spec": {"replicas": 0}}), scale)),
    case("scale that is none", given(post("deployments", workload("Deployment", replicas=0, paused=True))),
         patch("deployments/a/scale", {"spec": {"replicas": -1}}), only(patch("deployments/a/scale", {"spec": {"replicas": "x"}}), lambda a: [a["status"], a["body"]["message"].rpartition('": ')[2]]),
         get("deployments/none/scale"), put("deployments/a/scale", {"metadata": {"name": "b"}, "spec": {"replicas": 0}}),
         put("deployments/a/scale", {"metadata": {"name": "a", "resourceVersion": "1"}, "spec": {"replicas": 0}}),
         get("daemonsets/a/scale")),
    case("a status is kept apart", given(post("poddisruptionbudgets", {"metadata": {"name": "a"}, "spec": {"minAvailable": 1}})),
         only(patch("poddisruptionbudgets/a", {"status": {"disruptionsAllowed": 7}}), lambda a: a["body"]["status"]["disruptionsAllowed"]),
         only(patch("poddisruptionbudgets/a/status", {"spec": {"minAvailable": 5}}), lambda a: a["body"]["spec"])),
    case("a status of a pod", given(post("pods", pod())), patch("pods/a/status", {"status": {"message": "m"}}), get("pods/a/status")),
    case("an eviction", given(post("pods", pod())), post("pods/a/eviction", {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}}),
         get("pods/a"), post("pods/none/eviction", {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "none"}})),
    case("a token", given(post("serviceaccounts", {"metadata": {"name": "a"}})), only(
        post("serviceaccounts/a/token", {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}),
        lambda a: [a["status"], sorted(a["body"]["spec"]), a["body"]["spec"]["expirationSeconds"], sorted(a["body"]["status"])]),
         post("serviceaccounts/none/token", {"spec": {}})),
]  # fmt: skip


def resources(place: str, *, own: str = "") -> Step:
    """A resource list by name, of what the simulated cluster serves."""

    def pick(answer: Any) -> Any:
        body = answer["body"]
        rows = {
            one["name"]: {key: value for key, value in one.items() if key != "storageVersionHash"}
            for one in body["resources"]
        }
        return [
            body["kind"],
            body.get("apiVersion"),
            body["groupVersion"],
            {name: rows.get(name) for name in own.split()},
        ]

    return only(get(place), pick)


def review(kind: str, spec: dict[str, Any], group: str = "authorization.k8s.io") -> Step:
    return post(f"/apis/{group}/v1/{kind.lower()}s", {"apiVersion": f"{group}/v1", "kind": kind, "spec": spec})


DISCOVERY = [
    case("versions and groups", only(get("/api"), lambda a: [a["body"]["kind"], a["body"]["versions"]]), only(get("/apis"), lambda a: [
        a["body"]["kind"], a["body"]["apiVersion"], [one for one in a["body"]["groups"] if one["name"] in ("apps", "batch", "policy")]]),
         get("/apis/apps"), get("/apis/batch")),
    case("core resources", resources("/api/v1", own=(
        "pods pods/log pods/exec pods/status pods/eviction pods/portforward services configmaps secrets events namespaces namespaces/finalize "
        "nodes serviceaccounts serviceaccounts/token persistentvolumeclaims persistentvolumeclaims/status resourcequotas limitranges bindings"))),
    case("resources of groups", resources("/apis/apps/v1", own="deployments deployments/scale deployments/status statefulsets daemonsets replicasets"),
         resources("/apis/batch/v1", own="jobs jobs/status cronjobs"), resources("/apis/networking.k8s.io/v1", own="ingresses networkpolicies"),
         resources("/apis/policy/v1", own="poddisruptionbudgets poddisruptionbudgets/status"), resources("/apis/storage.k8s.io/v1", own="storageclasses csinodes"),
         resources("/apis/rbac.authorization.k8s.io/v1", own="roles rolebindings clusterroles"), resources("/apis/coordination.k8s.io/v1", own="leases"),
         resources("/apis/authorization.k8s.io/v1", own="selfsubjectaccessreviews"), resources("/apis/scheduling.k8s.io/v1", own="priorityclasses")),
    case("aggregated discovery", only(get("/api", accept=AGGREGATED), lambda a: [a["body"]["kind"], a["body"]["apiVersion"], [
        {**one, "subresources": [two for two in one["subresources"] if two["subresource"] not in NOT_SERVED]}
        for one in a["body"]["items"][0]["versions"][0]["resources"] if one["resource"] in ("pods", "services", "namespaces")]]),
         only(get("/apis", accept=AGGREGATED), lambda a: [{**one["versions"][0], "resources": [
             two for two in one["versions"][0]["resources"] if two["resource"] in ("deployments", "statefulsets")]}
             for one in a["body"]["items"] if one["metadata"]["name"] == "apps"])),
    case("the version", only(get("/version"), lambda a: sorted(a["body"]))),
    case("health", get("/healthz"), get("/livez"), get("/readyz")),
    case("may I", review("SelfSubjectAccessReview", {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "{ns}"}}),
         review("SelfSubjectAccessReview", {"nonResourceAttributes": {"verb": "get", "path": "/version"}}),
         review("SelfSubjectAccessReview", {})),
    case("may another", review("SubjectAccessReview", {"user": "nobody", "resourceAttributes": {"verb": "get", "resource": "pods"}}),
         review("SubjectAccessReview", {"resourceAttributes": {"verb": "get", "resource": "pods"}})),
    case("a token that is none", review("TokenReview", {"token": "x"}, "authentication.k8s.io")),
    case("without a token", get("/api/v1/pods", token="nonsense"), get("/api", token="nonsense")),
    case("as somebody else", get("pods", Impersonate_User="nobody"), delete("pods/a", None), request("GET", "/metrics", Impersonate_User="nobody")),
]  # fmt: skip

test_lists = differential(LISTS)
test_subresources = differential(SUBRESOURCES)
test_discovery = differential(DISCOVERY)
