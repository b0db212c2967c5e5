"""Refusals: whole Status objects, as programs and people read them."""

from __future__ import annotations

from typing import Any

from tests.differential.samples import CONFIG, SECRET, SERVICE, TEMPLATE, changed, job, pod, workload
from tests.differential.suite import (
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

TWICE = '{"metadata": {"name": "NAME"}, "data": {"x": "1", "x": "2"}, "data": {"y": "3"}}'
CLAIM: dict[str, Any] = {
    "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "a"},
    "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": {"requests": {"storage": "1Gi"}}},
}  # fmt: skip


def container(**parts: Any) -> Step:
    """Create a pod with one container of these parts."""
    return post("pods", pod(containers=[{"name": "web", "image": "web:1", **parts}]))


def service(**spec: Any) -> Step:
    return post("services", changed(SERVICE, spec=spec))


def deployment(**spec: Any) -> Step:
    return post("deployments", workload("Deployment", **spec))


def body(place: str, text: str, media: str = "application/json") -> Step:
    return request("POST", place, text, media)


def claim(spec: dict[str, Any]) -> Step:
    return post("persistentvolumeclaims", {**CLAIM, "spec": {**CLAIM["spec"], **spec}})


CLAIMS: list[dict[str, Any]] = [
    {"accessModes": []},
    {"accessModes": ["Sometimes"]},
    {"resources": {}},
    {"resources": {"requests": {"storage": "0"}}},
    {"resources": {"requests": {"storage": "-1"}}},
    {"volumeMode": "Other"},
    {"storageClassName": "NOT_OK"},
]
VALIDATION = [
    case("names that are none", *(post("configmaps", changed(CONFIG, metadata={"name": name})) for name in ("A", "a_b", "-a", "a" * 254)),
         post("services", changed(SERVICE, metadata={"name": "1a"})), post("namespaces", {"metadata": {"name": "a.b"}}),
         post("pods", pod(name="a/b"))),
    case("labels that are none",
         post("configmaps", changed(CONFIG, metadata={"labels": {"a": "not ok"}})),
         # One at a time: a real API server goes through the keys in any order.
         post("configmaps", changed(CONFIG, metadata={"labels": {"a b": "ok"}})),
         post("configmaps", changed(CONFIG, metadata={"labels": {"x/y/z": "v"}})),
         post("configmaps", changed(CONFIG, metadata={"labels": {"a": "x" * 64}}))),
    case("annotations and owners that are none",
         post("configmaps", changed(CONFIG, metadata={"annotations": {"a b": "ok"}})),
         post("configmaps", changed(CONFIG, metadata={"ownerReferences": [{"kind": "Pod", "name": "x"}]})),
         post("configmaps", changed(CONFIG, metadata={"finalizers": ["not ok"]}))),
    case("keys of a config map", post("configmaps", {**CONFIG, "data": {"a b": "1"}}),
         post("configmaps", {**CONFIG, "binaryData": {"x": "AA=="}}), post("configmaps", {**CONFIG, "binaryData": {"z": "?"}})),
    case("what never changes of a config map and a secret",
         given(post("configmaps", {**CONFIG, "immutable": True}), post("secrets", {**SECRET, "immutable": True})),
         patch("configmaps/a", {"data": {"x": "9"}}), patch("secrets/a", {"stringData": {"key": "9"}}),
         patch("configmaps/a", {"immutable": False}), patch("configmaps/a", {"metadata": {"labels": {"a": "b"}}})),
    case("the type of a secret", given(post("secrets", SECRET)), patch("secrets/a", {"type": "other"}),
         post("secrets", changed(SECRET, metadata={"name": "b"}, type="kubernetes.io/tls"))),
    case("what never changes of a service", given(post("services", SERVICE)),
         patch("services/a", {"spec": {"clusterIP": "10.96.200.200"}}), patch("services/a", {"spec": {"clusterIP": "None"}})),
    case("services that are none", service(ports=[]), service(ports=[{"port": 0}]), service(ports=[{"port": 80}, {"port": 81}]),
         service(ports=[{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]),
         service(ports=[{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]), service(ports=[{"port": 70000}]),
         service(ports=[{"port": 80, "targetPort": "NOT OK"}]), service(ports=[{"port": 80}], type="Other"),
         service(ports=[{"port": 80}], selector={"a b": "c"}), service(ports=[{"port": 80}], clusterIP="text"),
         service(ports=[{"port": 80, "protocol": "ICMP"}]), service(type="ExternalName")),
    case("node ports that are none", service(ports=[{"port": 80, "nodePort": 80}], type="NodePort"),
         service(ports=[{"port": 80, "nodePort": 30000}])),
    case("pods that are none", post("pods", pod(containers=[])), container(image=""), container(name="Not_OK"), container(name=""),
         post("pods", pod(containers=[{"name": "a", "image": "a"}, {"name": "a", "image": "b"}])),
         post("pods", pod(restartPolicy="Sometimes")), container(imagePullPolicy="Often"),
         post("pods", pod(nodeSelector={"a b": "c"})), post("pods", pod(terminationGracePeriodSeconds=-1))),
    case("ports of a container", container(ports=[{"containerPort": 0}]), container(ports=[{"containerPort": 70000}]),
         container(ports=[{"containerPort": 80, "name": "NOT-OK"}]), container(ports=[{"containerPort": 80, "protocol": "ICMP"}]),
         container(ports=[{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}])),
    case("variables of a container", container(env=[{"name": ""}]), container(env=[{"name": "a=b", "value": "1"}]),
         container(env=[{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
         container(env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.other"}}}]),
         container(env=[{"name": "A", "valueFrom": {}}]),
         container(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": ""}}}])),
    case("mounts and volumes", container(volumeMounts=[{"name": "none", "mountPath": "/x"}]),
         post("pods", pod(volumes=[{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}])),
         post("pods", pod(volumes=[{"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}}])),
         post("pods", pod(volumes=[{"name": "NOT_OK", "emptyDir": {}}])),
         post("pods", pod(volumes=[{"name": "a", "configMap": {}}])), post("pods", pod(volumes=[{"name": "a", "secret": {}}])),
         post("pods", pod(volumes=[{"name": "a", "persistentVolumeClaim": {"claimName": ""}}]))),
    case("resources of a container", container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
         container(resources={"limits": {"cpu": "-1"}}), container(resources={"limits": {"apples": "1"}}),
         container(resources={"limits": {"cpu": "much"}}), container(resources={"limits": {"example.com/gpu": "0.5"}}),
         container(resources={"requests": {"memory": "1.5Gib"}})),
    case("probes of a container", container(livenessProbe={}), container(livenessProbe={"httpGet": {"port": 0}}),
         container(livenessProbe={"httpGet": {"port": 80}, "exec": {"command": ["a"]}}),
         container(livenessProbe={"exec": {}}), container(livenessProbe={"httpGet": {"port": 80}, "successThreshold": 2}),
         container(livenessProbe={"tcpSocket": {"port": 80}, "periodSeconds": -1})),
    case("tolerations and affinity", post("pods", pod(tolerations=[{"operator": "Exists", "value": "x", "key": "a"}])),
         post("pods", pod(tolerations=[{"key": "a", "effect": "Never"}])), post("pods", pod(tolerations=[{"operator": "Near", "key": "a"}]))),
    case("what never changes of a pod", given(post("pods", pod())),
         only(patch("pods/a", {"spec": {"containers": [{"name": "web", "image": "web:1", "command": ["x"]}]}}),
              lambda a: [a["status"], a["body"]["details"]["causes"][0]["field"], a["body"]["message"].splitlines()[0]]),
         only(patch("pods/a", {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}), lambda a: a["status"])),
    case("a pod whose service account or priority is not there", post("pods", pod(serviceAccountName="none")),
         post("pods", pod(priorityClassName="none")), post("pods", pod(priority=5))),
    case("deployments that are none", deployment(selector={"matchLabels": {"app": "other"}}), deployment(selector=None),
         deployment(selector={}), deployment(replicas=-1), deployment(strategy={"type": "Slow"}), deployment(minReadySeconds=-1),
         deployment(strategy={"type": "Recreate", "rollingUpdate": {}}),
         deployment(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
         deployment(strategy={"rollingUpdate": {"maxSurge": "many"}}), deployment(template={"metadata": {"labels": {"app": "web"}}}),
         deployment(progressDeadlineSeconds=5, minReadySeconds=10), deployment(selector={"matchLabels": {"a b": "c"}}),
         deployment(selector={"matchExpressions": [{"key": "app", "operator": "In"}]})),
    case("what never changes of a deployment", given(post("deployments", workload("Deployment", replicas=0))),
         patch("deployments/a", {"spec": {"selector": {"matchLabels": {"x": "y"}}, "template": {"metadata": {"labels": {"x": "y"}}}}})),
    case("pods of workloads must restart", post("deployments", workload("Deployment", template={
        "metadata": {"labels": {"app": "web"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}})),
         post("jobs", job(template={"spec": {"containers": [{"name": "a", "image": "a"}]}})),
         post("jobs", job(template={"spec": {"restartPolicy": "Always", "containers": [{"name": "a", "image": "a"}]}}))),
    case("what never changes of a stateful set", given(post("statefulsets", workload("StatefulSet", serviceName="a", replicas=0))),
         patch("statefulsets/a", {"spec": {"serviceName": "b"}}), patch("statefulsets/a", {"spec": {"podManagementPolicy": "Parallel"}}),
         only(patch("statefulsets/a", {"spec": {"volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": CLAIM["spec"]}]}}),
              lambda a: [a["status"], a["body"]["details"]["causes"][0]["field"]]),
         only(patch("statefulsets/a", {"spec": {"minReadySeconds": 3}}), lambda a: a["status"])),
    case("what never changes of a job", given(post("jobs", job(suspend=True))),
         patch("jobs/a", {"spec": {"completions": 3}}), patch("jobs/a", {"spec": {"completionMode": "Indexed"}}),
         only(patch("jobs/a", {"spec": {"parallelism": 3}}), lambda a: a["status"])),
    case("jobs that are none", post("jobs", job(backoffLimit=-1)), post("jobs", job(parallelism=-1)), post("jobs", job(completionMode="Other")),
         post("jobs", job(selector={"matchLabels": {"a": "b"}})), post("jobs", job(activeDeadlineSeconds=-5))),
    case("claims that are none", *map(claim, CLAIMS)),
    case("what never changes of a claim", given(post("persistentvolumeclaims", CLAIM)),
         *(only(patch("persistentvolumeclaims/a", {"spec": spec}), lambda a: [a["status"], a["body"]["details"]["causes"][0]["field"],
                a["body"]["details"]["causes"][0]["message"].splitlines()[0]]) for spec in (
             {"storageClassName": "other"}, {"resources": {"requests": {"storage": "2Gi"}}}))),
    case("budgets, policies and ingresses that are none",
         post("poddisruptionbudgets", {"metadata": {"name": "a"}, "spec": {"minAvailable": 1, "maxUnavailable": 1}}),
         post("poddisruptionbudgets", {"metadata": {"name": "a"}, "spec": {"minAvailable": "150%"}}),
         post("networkpolicies", {"metadata": {"name": "a"}, "spec": {"podSelector": {}, "policyTypes": ["Other"]}}),
         post("ingresses", {"metadata": {"name": "a"}, "spec": {}}),
         post("ingresses", {"metadata": {"name": "a"}, "spec": {"rules": [{"http": {"paths": [
             {"path": "x", "pathType": "Prefix", "backend": {"service": {"name": "a", "port": {"number": 80}}}}]}}]}}),
         post("ingresses", {"metadata": {"name": "a"}, "spec": {"rules": [{"host": "NOT_OK", "http": {"paths": [
             {"path": "/", "backend": {"service": {"name": "a", "port": {}}}}]}}]}})),
    case("roles that are none", post("rolebindings", {"metadata": {"name": "a"}, "roleRef": {"kind": "Other", "name": "x"}}),
         post("roles", {"metadata": {"name": "a"}, "rules": [{"verbs": ["get"]}]}), post("roles", {"metadata": {"name": "a"}, "rules": [{}]}),
         given(post("rolebindings", {"metadata": {"name": "b"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"}})),
         patch("rolebindings/b", {"roleRef": {"name": "y"}})),
]  # fmt: skip

DECODING = [
    case("wrong types", container(env="text"), container(ports=[{"containerPort": "80"}]), deployment(replicas="3"),
         deployment(paused="yes"), post("configmaps", {**CONFIG, "data": {"x": 1, "y": True}}), post("configmaps", {**CONFIG, "data": ["x"]}),
         post("configmaps", {**CONFIG, "metadata": "text"}), post("secrets", {**SECRET, "data": {"x": "?"}}),
         container(resources={"limits": {"cpu": []}}), deployment(replicas=1.5), deployment(replicas=3000000000),
         post("configmaps", changed(CONFIG, metadata={"creationTimestamp": "yesterday"}))),
    case("bodies that are none", body("configmaps", "{"), body("configmaps", ""), body("configmaps", "[]"), body("configmaps", '"text"'),
         body("configmaps", "null"), body("configmaps", "a: b: c", "application/yaml")),
    case("a body of YAML", body("configmaps", "metadata:\n  name: a\ndata:\n  x: 'true'\n", "application/yaml"),
         body("configmaps", "metadata: {name: b}\ndata: {x: true}\n", "application/yaml")),
    case("another kind or version", post("configmaps", {**CONFIG, "kind": "Secret", "data": {}}), post("configmaps", {**CONFIG, "apiVersion": "v2"}),
         post("configmaps", {**CONFIG, "kind": "Unheard"}), post("deployments", {**workload("Deployment"), "apiVersion": "extensions/v1beta1"}),
         given(post("configmaps", CONFIG)), put("configmaps/a", {**SECRET})),
    case("unknown fields are warned of, refused or ignored", *(
        post(f"podtemplates?fieldValidation={mode}", {**TEMPLATE, "metadata": {"name": mode.lower(), "wrong": 1}, "other": {}, "template": {
            "spec": {"containers": [{"name": "a", "image": "a", "prots": []}], "nodeName": "x", "Volumes": []}}})
        for mode in ("Strict", "Warn", "Ignore"))),
    case("fields given twice", *(
        body(f"configmaps?fieldValidation={mode}", TWICE.replace("NAME", mode.lower()))
        for mode in ("Strict", "Warn", "Ignore")),
         body("configmaps?fieldValidation=Strict", "metadata: {name: b}\ndata: {x: '1', x: '2'}\n", "application/yaml")),
    case("unknown and twice together",
         body("configmaps?fieldValidation=Strict", '{"metadata": {"name": "b"}, "data": {"x": "1", "x": "2"}, "wrong": 1}')),
    case("a validation that is none", post("configmaps?fieldValidation=Never", CONFIG)),
    case("unknown fields in replacements and patches", given(post("configmaps", CONFIG)),
         put("configmaps/a?fieldValidation=Strict", {**CONFIG, "wrong": 1}), put("configmaps/a", {**CONFIG, "wrong": 1})),
]  # fmt: skip

ADDRESSES = [
    case("paths that are none", get("/api/v1/unheard"), get("/apis/apps/v1/unheard"), get("/apis/apps/v9/deployments"),
         get("/apis/unheard.example.com/v1/things"), get("/api/v2/pods"), get("/unheard"), get("/apis/unheard.example.com"),
         get("/apis/apps/v9"), get("/api/v1/namespaces/{ns}/pods/a/unheard"), get("/api/v1/namespaces/{ns}/nodes"),
         get("/api/v1/namespaces/{ns}/unheard/a")),
    case("methods that are not allowed", request("PUT", "configmaps", CONFIG), request("POST", "configmaps/a", CONFIG),
         request("POST", "/api/v1/configmaps", CONFIG), request("DELETE", "/api/v1/configmaps"), request("GET", "pods/a/eviction"),
         request("POST", "deployments/a/scale", {}), request("DELETE", "deployments/a/status"),
         request("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"), request("TRACE", "configmaps")),
    case("media types that are not read", body("configmaps", "{}", "text/plain"), body("configmaps", "{}", "application/xml"),
         body("configmaps", "{}", "nonsense")),
    case("media types that are not written", get("configmaps", accept="text/plain"), get("configmaps", accept="application/xml"),
         get("secrets", accept="text/plain, application/json")),
    case("a body that is too large", only(post("configmaps", {**CONFIG, "data": {"x": "y" * (3 << 20)}}),
                                          lambda a: a["status"])),
    case("a config map that is too large", post("configmaps", {**CONFIG, "data": {"x": "y" * (1 << 20), "z": "1"}})),
    case("an object in another group", get("/apis/apps/v1/namespaces/{ns}/deployments/none"), get("/apis/batch/v1/namespaces/{ns}/jobs/none"),
         delete("/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses/none")),
]  # fmt: skip

test_validation = differential(VALIDATION)
test_decoding = differential(DECODING)
test_addresses = differential(ADDRESSES)
