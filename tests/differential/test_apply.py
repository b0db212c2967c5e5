"""Server-side apply: who owns what, conflicts and how they are worded, taking back, and what apply refuses."""

from __future__ import annotations

from typing import Any

from tests.differential.samples import CONFIG, SERVICE, TEMPLATE, changed, job, workload
from tests.differential.suite import (
    APPLY,
    Step,
    apply,
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

DEPLOYMENT = workload("Deployment", replicas=0, paused=True)


def config(manager: str, *, force: bool = False, **data: str) -> Step:
    """Apply a config map with this data."""
    return apply("configmaps/a", {**CONFIG, "data": data}, manager, force=force)


def template(manager: str, *, force: bool = False, **spec: Any) -> Step:
    """Apply a pod template with this spec."""
    obj = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "a"}, "template": {"spec": spec}}
    return apply("podtemplates/a", obj, manager, force=force)


def containers(manager: str, *items: dict[str, Any], force: bool = False) -> Step:
    return template(manager, force=force, containers=list(items))


def deployment(manager: str, *, force: bool = False, **spec: Any) -> Step:
    """Apply a deployment; of the answer, its spec and owners (its status changes meanwhile), or the refusal."""
    return only(
        apply("deployments/a", {**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], **spec}}, manager, force=force), owned
    )


def owned(answer: Any) -> Any:
    """What an object is and who owns it, the controllers left out."""
    body = answer["body"]
    if body["kind"] == "Status":
        return body
    fields = [entry for entry in body["metadata"]["managedFields"] if entry["manager"] != "kube-controller-manager"]
    return [body["spec"], fields]


WEB = {"name": "web", "image": "web:1"}

CASES = [
    case("apply creates", config("one", x="1"), get("configmaps/a")),
    case("apply without a change", config("one", x="1"), config("one", x="1")),
    case("apply adds and takes back", config("one", x="1", y="2"), config("one", y="3", z="4")),
    case("two managers, each with its own", config("one", x="1"), config("two", y="2"), config("one", z="3")),
    case("two managers agree, and one leaves", config("one", x="1", y="1"), config("two", x="1"), config("one", y="1"),
         config("two", z="1")),
    case("a conflict with one manager", config("one", x="1"), config("two", x="2")),
    case("conflicts with one manager", config("one", x="1", y="1"), config("two", x="2", y="2")),
    case("conflicts with several managers", config("one", x="1"), config("two", y="1"), config("three", x="2", y="2")),
    case("conflicts with updates", given(post("configmaps?fieldManager=writer", CONFIG)), config("one", x="5", y="6")),
    case("a conflict with an update", given(post("configmaps?fieldManager=writer", CONFIG)), config("one", x="5", y="2")),
    case("force takes over", config("one", x="1", y="1"), config("two", force=True, x="2"), config("one", y="1")),
    case("an update takes ownership", config("one", x="1", y="1"), patch("configmaps/a?fieldManager=writer", {"data": {"x": "9"}}),
         config("one", x="1"), config("one", force=True, x="1")),
    case("an update by the same manager is another entry", config("one", x="1"),
         patch("configmaps/a?fieldManager=one", {"data": {"x": "2"}}), config("one", x="3")),
    case("a replacement takes fields away", config("one", x="1", y="1"),
         put("configmaps/a?fieldManager=writer", {**CONFIG, "data": {"y": "1", "z": "1"}})),
    case("labels, annotations and finalizers",
         apply("configmaps/a", changed(CONFIG, metadata={"labels": {"a": "1", "b": "2"}, "finalizers": ["example.com/a"]}), "one"),
         apply("configmaps/a", changed(CONFIG, metadata={"labels": {"b": "2"}, "annotations": {"c": "3"}}), "one")),
    case("containers are found by name", containers("one", WEB), containers("two", {"name": "side", "image": "s"}),
         containers("one", {**WEB, "image": "web:2"})),
    case("a container is taken back", containers("one", WEB, {"name": "side", "image": "s"}), containers("one", WEB)),
    case("conflicts in containers", containers("one", {**WEB, "env": [{"name": "A", "value": "1"}]}),
         containers("two", {"name": "web", "image": "web:2", "env": [{"name": "A", "value": "2"}]})),
    case("ports with and without a protocol", containers("one", {**WEB, "ports": [{"containerPort": 80}]}),
         containers("one", {**WEB, "ports": [{"containerPort": 80, "protocol": "UDP"}, {"containerPort": 80, "name": "http"}]})),
    case("a name and an image can be shared", containers("one", WEB), containers("two", WEB),
         containers("two", {"name": "web", "image": "web:1", "command": ["a"]}), containers("one", WEB)),
    case("atomic lists and maps", template("one", containers=[WEB], tolerations=[{"key": "a"}], nodeSelector={"a": "1"}),
         template("two", containers=[WEB], tolerations=[{"key": "b"}], nodeSelector={"b": "1"})),
    case("duplicate keys are refused", containers("one", WEB, WEB),
         containers("one", {**WEB, "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]})),
    case("what the type has not is refused", apply("configmaps/a", {**CONFIG, "wrong": 1}, "one"),
         apply("configmaps/a?fieldValidation=Ignore", {**CONFIG, "data": {"x": 1}}, "one"),
         containers("one", {**WEB, "ports": {"containerPort": 80}})),
    case("apply needs a manager", patch("configmaps/a", CONFIG, APPLY), patch("configmaps/a?fieldManager=", CONFIG, APPLY)),
    case("apply with managed fields", apply("configmaps/a", changed(CONFIG, metadata={
        "managedFields": [{"manager": "x", "operation": "Apply", "apiVersion": "v1"}]}), "one"),
         apply("configmaps/a", changed(CONFIG, metadata={"managedFields": []}), "one")),
    case("apply names its object", apply("configmaps/a", {"data": {}}, "one"), apply("configmaps/a", {**CONFIG, "kind": "Secret"}, "one"),
         apply("configmaps/b", CONFIG, "one"), apply("configmaps/a", {"apiVersion": "v1", "kind": "ConfigMap"}, "one"),
         apply("configmaps/a", changed(CONFIG, metadata={"namespace": "other"}), "one")),
    case("apply with a resource version", given(post("configmaps", CONFIG)),
         apply("configmaps/a", changed(CONFIG, metadata={"resourceVersion": "1"}), "one"),
         apply("configmaps/b", {**CONFIG, "metadata": {"name": "b", "resourceVersion": "1"}}, "one")),
    case("apply of text that is no object", patch("configmaps/a?fieldManager=one", "[]", APPLY),
         patch("configmaps/a?fieldManager=one", "a: b: c", APPLY)),
    case("apply takes YAML", patch(
        "configmaps/a?fieldManager=one", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: 'yes'}\n", APPLY)),
    case("YAML with a key twice", patch(
        "configmaps/a?fieldManager=one", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1'}\ndata: {w: '2'}\n", APPLY)),
    case("a dry run of apply", request("PATCH", "configmaps/a?fieldManager=one&dryRun=All", CONFIG, APPLY), get("configmaps/a")),
    case("apply of null", apply("configmaps/a", {**CONFIG, "data": {"x": None, "y": "1"}}, "one"),
         apply("configmaps/a", {**CONFIG, "data": None}, "one")),
    case("apply of a service", apply("services/a", SERVICE, "one"),
         apply("services/a", changed(SERVICE, spec={"ports": [{"port": 80, "protocol": "TCP", "name": "http"}]}), "one"),
         apply("services/a", changed(SERVICE, spec={"ports": [{"port": 81, "name": "http"}]}), "two")),
    case("apply of a template", apply("podtemplates/a", TEMPLATE, "one"),
         apply("podtemplates/a", {**TEMPLATE, "template": {"spec": {"containers": [WEB]}}}, "one")),
    case("apply after a create that kept no account", given(post("configmaps", CONFIG),
         patch("configmaps/a", {"metadata": {"managedFields": [{}]}})), get("configmaps/a"), config("one", x="2")),
    case("apply of a deployment", deployment("one"), deployment("two", replicas=1), deployment("two", force=True, replicas=1)),
    case("apply after scale", deployment("one"),
         given(patch("deployments/a/scale?fieldManager=scaler", {"spec": {"replicas": 2}})), deployment("one", replicas=1)),
    case("the helm way: create, then update with a conflict", given(post("deployments?fieldManager=helm", DEPLOYMENT)),
         given(patch("deployments/a?fieldManager=kubectl-edit", {"spec": {"replicas": 2}})), deployment("helm", replicas=1),
         deployment("helm", force=True, replicas=1)),
    case("apply to a status", deployment("one"), only(apply("deployments/a/status", {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "status": {"conditions": [
            {"type": "Mine", "status": "True"}]}}, "two"), owned)),
    case("apply of a job", only(apply("jobs/a", job(suspend=True), "one"), lambda a: a["body"]["metadata"]["managedFields"])),
    case("apply what was deleted", config("one", x="1"), given(delete("configmaps/a")), config("two", x="2")),
    case("apply what can't be", apply("services/a", changed(SERVICE, spec={"ports": [{"port": 0}]}), "one"),
         apply("deployments/a", workload("Deployment", selector={"matchLabels": {"no": "match"}}), "one")),
]  # fmt: skip

test_apply = differential(CASES)
