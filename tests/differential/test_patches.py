"""Patches: JSON patch, merge patch, strategic merge patch, and the media types that are none."""

from __future__ import annotations

from typing import Any

from tests.differential.samples import CONFIG, SECRET, SERVICE, TEMPLATE, changed, job, workload
from tests.differential.suite import JSON, MERGE, STRATEGIC, Step, case, differential, given, only, patch, post, request

CONFIGURED = given(post("configmaps", CONFIG))
TEMPLATED = given(post("podtemplates", TEMPLATE))


def ops(*operations: dict[str, Any]) -> Step:
    """A JSON patch of the config map."""
    return patch("configmaps/a", list(operations), JSON)


def spec(part: dict[str, Any]) -> Step:
    """A strategic merge patch of the pod template's spec; the answer is what it became."""
    return only(patch("podtemplates/a", {"template": {"spec": part}}, STRATEGIC), _template)


def decoded(place: str, body: Any, media: str = MERGE) -> Step:
    """A patch whose result can't be decoded: the message without the object, which Go prints in an order of its own."""
    return only(patch(place, body, media), lambda a: [a["status"], a["body"]["message"].rpartition('": ')[2]])


def container(part: dict[str, Any]) -> Step:
    return spec({"containers": [{"name": "web", **part}]})


def _template(answer: Any) -> Any:
    return answer["body"].get("template", answer["body"])


JSON_CASES = [
    case("json patch adds, replaces and removes", CONFIGURED,
         ops({"op": "add", "path": "/data/z", "value": "3"}), ops({"op": "replace", "path": "/data/x", "value": "9"}),
         ops({"op": "remove", "path": "/data/y"})),
    case("json patch moves and copies", CONFIGURED,
         ops({"op": "move", "from": "/data/x", "path": "/data/w"}, {"op": "copy", "from": "/data/y", "path": "/data/v"})),
    case("json patch tests", CONFIGURED,
         ops({"op": "test", "path": "/data/x", "value": "1"}, {"op": "add", "path": "/data/z", "value": "3"}),
         ops({"op": "test", "path": "/data/x", "value": "2"}, {"op": "remove", "path": "/data/x"}),
         ops({"op": "test", "path": "/data/none", "value": None}), ops({"op": "test", "path": "/data/none", "value": "1"})),
    case("json patch with bad paths", CONFIGURED,
         ops({"op": "remove", "path": "/data/none"}), ops({"op": "replace", "path": "/data/none", "value": "1"}),
         ops({"op": "add", "path": "/none/deeper", "value": "1"}), ops({"op": "add", "path": "no-slash", "value": "1"}),
         ops({"op": "move", "from": "/data/none", "path": "/data/x"})),
    case("json patch with operations that are none", CONFIGURED,
         ops({"op": "invent", "path": "/data/x"}), ops({"op": "add", "path": "/data/x"}), ops({"path": "/data/x"}),
         patch("configmaps/a", {"op": "add"}, JSON), patch("configmaps/a", "nonsense", JSON), patch("configmaps/a", "[1]", JSON)),
    case("json patch escapes", given(post("configmaps", changed(CONFIG, data={"a.b": "1"}, metadata={"annotations": {"a/b": "1", "a/c": "2"}}))),
         ops({"op": "replace", "path": "/metadata/annotations/a~1b", "value": "3"},
             {"op": "remove", "path": "/metadata/annotations/a~1c"})),
    case("json patch in lists", TEMPLATED,
         *(only(patch("podtemplates/a", [op], JSON), _template) for op in (
             {"op": "add", "path": "/template/spec/containers/1", "value": {"name": "new", "image": "new"}},
             {"op": "add", "path": "/template/spec/tolerations/-", "value": {"operator": "Exists"}},
             {"op": "replace", "path": "/template/spec/containers/0/image", "value": "web:2"},
             {"op": "remove", "path": "/template/spec/containers/7"},
             {"op": "remove", "path": "/template/spec/containers/1"}))),
    case("json patch of name and version", CONFIGURED,
         ops({"op": "replace", "path": "/metadata/name", "value": "b"}),
         ops({"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}), ops({"op": "remove", "path": "/metadata"})),
    case("an empty json patch", CONFIGURED, ops()),
]  # fmt: skip

MERGE_CASES = [
    case("merge patch of nested maps", CONFIGURED,
         patch("configmaps/a", {"metadata": {"labels": {"a": "1"}}, "data": {"x": None, "z": "3"}}),
         patch("configmaps/a", {"metadata": {"labels": {"a": None, "b": None}}}), patch("configmaps/a", {"data": None})),
    case("merge patch replaces lists", TEMPLATED,
         only(patch("podtemplates/a", {"template": {"spec": {"containers": [{"name": "one", "image": "one"}]}}}), _template)),
    case("merge patch with values that are wrong", CONFIGURED,
         decoded("configmaps/a", {"data": {"x": 1}}), decoded("configmaps/a", {"data": "text"}), patch("configmaps/a", []),
         patch("configmaps/a", "nonsense"), patch("configmaps/a", '"text"'), patch("configmaps/a", {"metadata": {"name": "b"}})),
    case("merge patch with versions and identities", CONFIGURED,
         patch("configmaps/a", {"metadata": {"resourceVersion": "1"}}), patch("configmaps/a", {"metadata": {"uid": "other"}}),
         decoded("configmaps/a", {"apiVersion": "apps/v1"})),
    case("an empty merge patch", CONFIGURED, patch("configmaps/a", {})),
    case("merge patch of what is not there", patch("configmaps/none", {}), patch("services/none", {"spec": {}})),
    case("merge patch of a secret's text", given(post("secrets", SECRET)),
         patch("secrets/a", {"stringData": {"new": "text"}}), patch("secrets/a", {"data": {"key": None}})),
    case("merge patch of a service's ports", given(post("services", SERVICE)),
         patch("services/a", {"spec": {"ports": [{"port": 80, "name": "http"}, {"port": 90, "name": "more"}]}}),
         patch("services/a", {"spec": {"type": "ExternalName", "externalName": "example.com"}})),
    case("unknown fields in patches", CONFIGURED,
         patch("configmaps/a", {"wrong": 1}), decoded("configmaps/a?fieldValidation=Strict", {"wrong": 1}),
         patch("configmaps/a?fieldValidation=Ignore", {"wrong": 1}), decoded("configmaps/a?fieldValidation=Strict", {"wrong": 1}, STRATEGIC),
         decoded("configmaps/a?fieldValidation=Strict", [{"op": "add", "path": "/wrong", "value": 1}], JSON)),
]  # fmt: skip

STRATEGIC_CASES = [
    case("strategic: a container is found by its name", TEMPLATED, container({"image": "web:2"}),
         spec({"containers": [{"name": "new", "image": "new:1"}]})),
    case("strategic: ports by container port", TEMPLATED,
         container({"ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 90}]}),
         container({"ports": [{"containerPort": 80, "$patch": "delete"}]})),
    case("strategic: variables by name, null removes", TEMPLATED,
         container({"env": [{"name": "A", "value": "2"}, {"name": "B", "value": "b"}]}),
         container({"env": [{"name": "A", "value": None, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}),
         container({"env": None})),
    case("strategic: delete and replace", TEMPLATED,
         spec({"containers": [{"name": "side", "$patch": "delete"}]}),
         spec({"containers": [{"$patch": "replace"}, {"name": "only", "image": "only"}]}),
         spec({"securityContext": {"$patch": "replace", "runAsUser": 1}}), spec({"securityContext": {"$patch": "delete"}})),
    case("strategic: an unknown directive", TEMPLATED, patch("podtemplates/a", {"template": {"$patch": "invent"}}, STRATEGIC),
         patch("podtemplates/a", {"template": {"spec": {"containers": [{"name": "web", "$patch": "invent"}]}}}, STRATEGIC)),
    case("strategic: an order is set", TEMPLATED,
         spec({"$setElementOrder/containers": [{"name": "side"}, {"name": "web"}]}),
         spec({"$setElementOrder/containers": [{"name": "new"}, {"name": "web"}, {"name": "side"}],
               "containers": [{"name": "new", "image": "new"}]}),
         container({"$setElementOrder/env": [{"name": "Z"}, {"name": "A"}], "env": [{"name": "Z", "value": "z"}]})),
    case("strategic: an order that leaves something out", TEMPLATED,
         patch("podtemplates/a", {"template": {"spec": {
             "$setElementOrder/containers": [{"name": "web"}], "containers": [{"name": "new", "image": "n"}]}}}, STRATEGIC)),
    case("strategic: volumes keep one source", TEMPLATED,
         spec({"volumes": [{"name": "data", "$retainKeys": ["name", "configMap"], "configMap": {"name": "c"}}]}),
         spec({"volumes": [{"name": "data", "secret": {"secretName": "s"}}]})),
    case("strategic: tolerations are replaced, pull secrets merged", TEMPLATED,
         spec({"tolerations": [{"key": "b", "operator": "Exists"}], "imagePullSecrets": [{"name": "more"}]}),
         spec({"imagePullSecrets": [{"name": "pull", "$patch": "delete"}]})),
    case("strategic: volume mounts by path", TEMPLATED,
         container({"volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True}, {"name": "data", "mountPath": "/x"}]})),
    case("strategic: commands and node selectors", TEMPLATED,
         container({"command": ["a", "b"]}), container({"command": ["c"]}), spec({"nodeSelector": {"a": "1", "b": "2"}}),
         spec({"nodeSelector": {"a": None, "c": "3"}}), spec({"affinity": {"nodeAffinity": {}}})),
    case("strategic: finalizers are a set", CONFIGURED,
         patch("configmaps/a", {"metadata": {"finalizers": ["example.com/a"]}}, STRATEGIC),
         patch("configmaps/a", {"metadata": {"finalizers": ["example.com/b"]}}, STRATEGIC),
         patch("configmaps/a", {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}}, STRATEGIC),
         patch("configmaps/a", {"metadata": {"finalizers": None}}, STRATEGIC)),
    case("strategic: an item without its key", TEMPLATED,
         patch("podtemplates/a", {"template": {"spec": {"containers": [{"image": "x"}]}}}, STRATEGIC),
         patch("podtemplates/a", [], STRATEGIC), patch("podtemplates/a", "nonsense", STRATEGIC)),
    case("strategic: service ports by port", given(post("services", SERVICE)),
         patch("services/a", {"spec": {"ports": [{"port": 80, "targetPort": "web"}, {"port": 81, "name": "more"}]}}, STRATEGIC),
         patch("services/a", {"spec": {"ports": [{"port": 80, "name": "http"}, {"port": 81, "name": "more"}]}}, STRATEGIC)),
    case("strategic: a strategy keeps its keys",
         given(request("POST", "deployments", workload("Deployment", paused=True, replicas=0))),
         only(patch("deployments/a", {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}, STRATEGIC),
              lambda a: a["body"]["spec"]["strategy"]),
         only(patch("deployments/a", {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}}, STRATEGIC),
              lambda a: a["body"])),
    case("strategic: the pods of a job can't change", given(post("jobs", job(suspend=True))),
         only(patch("jobs/a", {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "other"}]}}}}, STRATEGIC),
              lambda a: [a["status"], a["body"]["details"]["causes"][0]["field"], a["body"]["reason"]])),
]  # fmt: skip

MEDIA_CASES = [
    case("media types that are no patch", CONFIGURED,
         patch("configmaps/a", {}, "application/json"), patch("configmaps/a", {}, "text/plain"), patch("configmaps/a", {}, "")),
    case("a patch of a collection", request("PATCH", "configmaps", {}, MERGE)),
    case("force without apply", CONFIGURED, patch("configmaps/a?force=true", {})),
]  # fmt: skip

test_json = differential(JSON_CASES)
test_merge = differential(MERGE_CASES)
test_strategic = differential(STRATEGIC_CASES)
test_media = differential(MEDIA_CASES)
