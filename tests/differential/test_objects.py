"""Objects written and read: stored forms, defaults, preconditions, deletion."""

from __future__ import annotations

from typing import Any

from tests.differential.samples import CONFIG, SECRET, SERVICE, TEMPLATE, changed, job, pod, workload
from tests.differential.suite import MERGE, case, delete, differential, get, given, only, patch, post, put, request

GRACE = {"gracePeriodSeconds": 0}
FULL_POD: dict[str, Any] = {
    "containers": [{
        "name": "web", "image": "registry:5000/web@sha256:" + "0" * 64, "ports": [{"containerPort": 80, "name": "http"}],
        "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {"cpu": "250m"}},
        "livenessProbe": {"httpGet": {"port": "http"}}, "readinessProbe": {"tcpSocket": {"port": 80}},
        "startupProbe": {"exec": {"command": ["true"]}, "failureThreshold": 30},
        "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
        "volumeMounts": [{"name": "config", "mountPath": "/c", "readOnly": True}],
    }],
    "initContainers": [{"name": "wait", "image": "wait", "restartPolicy": "Always"}],
    "volumes": [
        {"name": "config", "configMap": {"name": "c"}}, {"name": "secret", "secret": {"secretName": "s"}},
        {"name": "empty"}, {"name": "claim", "persistentVolumeClaim": {"claimName": "d"}},
        {"name": "all", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
        {"name": "host", "hostPath": {"path": "/x"}},
    ],
    "securityContext": {"runAsNonRoot": True, "fsGroup": 1000},
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway",
                                   "labelSelector": {"matchLabels": {"app": "a"}}}],
}  # fmt: skip
CLAIM = {
    "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "a"},
    "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": {"requests": {"storage": "1024Mi"}}},
}  # fmt: skip


def made(kind: str, obj: dict[str, Any]) -> Any:
    """What a create answers: the stored form with its defaults, before any controller sees it."""
    return post(kind, obj)


def named(api: str, kind: str, **parts: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "a"}, **parts}


DEFAULTS = [
    case("defaults of a pod", made("pods", pod())),
    case("defaults of a pod with everything", made("pods", pod(**FULL_POD))),
    case("defaults of a deployment", made("deployments", workload("Deployment"))),
    case("defaults of a deployment that recreates",
         made("deployments", workload("Deployment", strategy={"type": "Recreate"}))),
    case("defaults of a replica set", made("replicasets", workload("ReplicaSet"))),
    case("defaults of a daemon set", made("daemonsets", workload("DaemonSet"))),
    case("defaults of a stateful set", made("statefulsets", workload("StatefulSet", serviceName="a"))),
    case("defaults of a stateful set with a claim",
         made("statefulsets", workload("StatefulSet", volumeClaimTemplates=[
             {"metadata": {"name": "data"}, "spec": CLAIM["spec"]}]))),
    case("defaults of a job", made("jobs", job())),
    case("defaults of a job with a limit and parallelism",
         made("jobs", job(parallelism=2, backoffLimit=1, ttlSecondsAfterFinished=60, activeDeadlineSeconds=5))),
    case("defaults of a cron job",
         made("cronjobs", named("batch/v1", "CronJob", spec={"schedule": "0 * * * *", "jobTemplate": {"spec": job()["spec"]}}))),
    case("defaults of a service", made("services", SERVICE)),
    case("defaults of a headless service",
         made("services", changed(SERVICE, spec={"clusterIP": "None", "selector": {"a": "b"}, "ports": [
             {"name": "http", "port": 80, "targetPort": "http"}]}))),
    case("defaults of a headless service without ports", made("services", changed(SERVICE, spec={"clusterIP": "None"}))),
    case("defaults of a node port service",
         only(made("services", changed(SERVICE, spec={"type": "NodePort", "ports": [{"port": 80}]})),
              lambda a: {**a["body"]["spec"], "ports": sorted(a["body"]["spec"]["ports"][0])})),
    case("defaults of an external name",
         made("services", changed(SERVICE, spec={"type": "ExternalName", "externalName": "example.com"}))),
    case("defaults of a config map", made("configmaps", changed(CONFIG, binaryData={"b": "AAE="}))),
    case("text data of a secret", made("secrets", SECRET), get("secrets/a")),
    case("text data of a secret wins over its data",
         made("secrets", changed(SECRET, data={"key": "b2xk", "other": "b2xk"})),
         put("secrets/a", changed(SECRET, stringData={"key": "new"}, data={"third": "b2xk"}))),
    case("defaults of a claim", made("persistentvolumeclaims", CLAIM)),
    case("defaults of a claim of the default class",
         only(made("persistentvolumeclaims", changed(CLAIM, spec={
             "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})),
              lambda a: sorted(a["body"]["spec"]))),
    case("defaults of a disruption budget",
         made("poddisruptionbudgets", named("policy/v1", "PodDisruptionBudget", spec={
             "minAvailable": 1, "selector": {"matchLabels": {"app": "none"}}}))),
    case("defaults of an ingress",
         made("ingresses", named("networking.k8s.io/v1", "Ingress", spec={
             "ingressClassName": "nginx", "tls": [{"hosts": ["h"], "secretName": "t"}],
             "rules": [{"host": "h", "http": {"paths": [{
                 "path": "/", "pathType": "Prefix", "backend": {"service": {"name": "a", "port": {"number": 80}}}}]}}]}))),
    case("defaults of a network policy",
         made("networkpolicies", named("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}}))),
    case("defaults of a network policy with egress and ports",
         made("networkpolicies", named("networking.k8s.io/v1", "NetworkPolicy", spec={
             "podSelector": {}, "egress": [{"ports": [{"port": 53}]}],
             "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 80, "protocol": "TCP"}]}]}))),
    case("defaults of a quota", made("resourcequotas", named("v1", "ResourceQuota", spec={"hard": {"pods": 10, "cpu": "2000m"}}))),
    case("defaults of a limit range",
         made("limitranges", named("v1", "LimitRange", spec={"limits": [
             {"type": "Container", "max": {"cpu": "2"}, "default": {"memory": "1Gi"}}]}))),
    case("defaults of roles",
         made("roles", named("rbac.authorization.k8s.io/v1", "Role", rules=[
             {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}])),
         made("rolebindings", named("rbac.authorization.k8s.io/v1", "RoleBinding", subjects=[
             {"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s", "namespace": "{ns}"}],
             roleRef={"kind": "Role", "name": "a", "apiGroup": "rbac.authorization.k8s.io"}))),
    case("defaults of a service account", made("serviceaccounts", named("v1", "ServiceAccount"))),
    case("defaults of a lease",
         made("leases", named("coordination.k8s.io/v1", "Lease", spec={
             "holderIdentity": "h", "leaseDurationSeconds": 15, "renewTime": "2026-01-02T03:04:05.000006Z"}))),
    case("defaults of an autoscaler",
         made("horizontalpodautoscalers", named("autoscaling/v2", "HorizontalPodAutoscaler", spec={
             "maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}}))),
    case("defaults of an event",
         made("events", named("v1", "Event", involvedObject={"kind": "Pod", "name": "a", "namespace": "{ns}"},
                              reason="R", message="m", type="Normal"))),
    case("defaults of cluster-wide kinds",
         request("POST", "priorityclasses?dryRun=All", named("scheduling.k8s.io/v1", "PriorityClass", value=7)),
         request("POST", "storageclasses?dryRun=All", named("storage.k8s.io/v1", "StorageClass", provisioner="p")),
         request("POST", "namespaces?dryRun=All", named("v1", "Namespace"))),
]  # fmt: skip

CASES = [
    case("a create answers the stored form", post("configmaps", CONFIG), get("configmaps/a")),
    case("a second create conflicts", post("configmaps", CONFIG), post("configmaps", CONFIG)),
    case("a merge patch removes what is null",
         post("configmaps", CONFIG), patch("configmaps/a", {"data": {"x": None}}, MERGE)),
    case("what is not there can't be read or deleted", get("configmaps/none"), delete("configmaps/none")),
    case("a put with an old resource version conflicts",
         post("configmaps", CONFIG), put("configmaps/a", changed(CONFIG, metadata={"resourceVersion": "1"}))),
    case("a put with another uid conflicts",
         post("configmaps", CONFIG), put("configmaps/a", changed(CONFIG, metadata={"uid": "not-this"}))),
    case("a put creates nothing", put("configmaps/a", CONFIG), put("services/a", SERVICE)),
    case("a put without a change writes nothing",
         given(post("configmaps", CONFIG)), put("configmaps/a", CONFIG), put("configmaps/a", changed(CONFIG, data={}))),
    case("a put with another name or namespace is refused",
         given(post("configmaps", CONFIG)), put("configmaps/b", CONFIG),
         put("configmaps/a", changed(CONFIG, metadata={"namespace": "other"}))),
    case("a create for another namespace is refused",
         post("configmaps", changed(CONFIG, metadata={"namespace": "other"}))),
    case("a create with a resource version is refused",
         post("configmaps", changed(CONFIG, metadata={"resourceVersion": "5"}))),
    case("what the server decides is not taken from a create",
         post("configmaps", changed(CONFIG, metadata={
             "uid": "mine", "creationTimestamp": "2020-01-01T00:00:00Z", "generation": 7, "selfLink": "/x",
             "deletionTimestamp": "2020-01-01T00:00:00Z"}))),
    case("a generated name",
         only(post("configmaps", changed(CONFIG, metadata={"name": "", "generateName": "some-"})),
              lambda a: [len(a["body"]["metadata"].pop("name")), a["body"]])),
    case("a name is needed", post("configmaps", {**CONFIG, "metadata": {}})),
    case("a namespace that is not there", post("/api/v1/namespaces/nowhere/configmaps", CONFIG),
         get("/api/v1/namespaces/nowhere/configmaps")),
    case("a dry run stores nothing",
         request("POST", "configmaps?dryRun=All", CONFIG), get("configmaps/a"), given(post("configmaps", CONFIG)),
         request("PATCH", "configmaps/a?dryRun=All", {"data": {"z": "3"}}, MERGE),
         request("DELETE", "configmaps/a?dryRun=All"), request("PUT", "configmaps/a?dryRun=All", changed(CONFIG, data={})),
         get("configmaps/a")),
    case("a dry run of something else is refused", request("POST", "configmaps?dryRun=Some", CONFIG)),
    case("generation counts what is wanted",
         post("podtemplates", TEMPLATE), patch("podtemplates/a", {"metadata": {"labels": {"x": "y"}}}),
         patch("podtemplates/a", {"template": {"metadata": {"labels": {"x": "y"}}}})),
    case("labels and annotations of null and empty",
         post("configmaps", changed(CONFIG, metadata={"labels": {}, "annotations": None, "finalizers": []}))),
    case("a type is filled in", post("configmaps", {"metadata": {"name": "a"}}), post("configmaps", {
        "kind": "ConfigMap", "metadata": {"name": "b"}})),
]  # fmt: skip

DELETION = [
    case("a deletion answers a status", given(post("configmaps", CONFIG)), delete("configmaps/a"), get("configmaps/a")),
    case("deletions that answer the object",
         given(post("services", SERVICE), post("pods", pod()), post("secrets", SECRET)),
         delete("services/a"), delete("pods/a", GRACE), delete("secrets/a")),
    case("a finalizer holds",
         given(post("configmaps", changed(CONFIG, metadata={"finalizers": ["example.com/held"]}))),
         delete("configmaps/a"), get("configmaps/a"), delete("configmaps/a"),
         patch("configmaps/a", {"data": {"z": "1"}}), patch("configmaps/a", {"metadata": {"finalizers": ["example.com/x"]}}),
         patch("configmaps/a", {"metadata": {"finalizers": None}}), get("configmaps/a")),
    case("deletion in the foreground and with orphans",
         given(post("configmaps", changed(CONFIG, metadata={"finalizers": ["example.com/held"]})),
               post("podtemplates", changed(TEMPLATE, metadata={"finalizers": ["example.com/held"]}))),
         delete("configmaps/a", {"propagationPolicy": "Foreground"}),
         delete("podtemplates/a", {"propagationPolicy": "Orphan"})),
    case("a propagation that is none", given(post("configmaps", CONFIG)),
         delete("configmaps/a", {"propagationPolicy": "Sideways"}), request("DELETE", "configmaps/a?propagationPolicy=Up"),
         delete("configmaps/a", {"propagationPolicy": "Orphan", "orphanDependents": True})),
    case("preconditions of a deletion", given(post("configmaps", CONFIG)),
         delete("configmaps/a", {"preconditions": {"uid": "not-this"}}),
         delete("configmaps/a", {"preconditions": {"resourceVersion": "1"}})),
    case("options in full, and of another kind", given(post("configmaps", CONFIG)),
         delete("configmaps/a", {"kind": "Other", "apiVersion": "v1"}), get("configmaps/a"),
         delete("configmaps/a", {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"})),
    case("a negative grace period", given(post("configmaps", CONFIG)), delete("configmaps/a", {"gracePeriodSeconds": -5})),
    case("deletion of what a selector chooses",
         given(post("configmaps", CONFIG), post("configmaps", changed(CONFIG, metadata={"name": "b", "labels": {"x": "y"}}))),
         delete("configmaps?labelSelector=x=y"), get("configmaps/b"), get("configmaps/a")),
    case("a namespace is deleted",
         given(post("namespaces", {"metadata": {"name": "{ns}-x"}}),
               post("/api/v1/namespaces/{ns}-x/configmaps", changed(CONFIG, metadata={"finalizers": ["example.com/held"]}))),
         delete("namespaces/{ns}-x"), post("/api/v1/namespaces/{ns}-x/configmaps", changed(CONFIG, metadata={"name": "b"})),
         given(patch("/api/v1/namespaces/{ns}-x/configmaps/a", {"metadata": {"finalizers": None}}))),
]  # fmt: skip

test_defaults = differential(DEFAULTS)
test_objects = differential(CASES)
test_deletion = differential(DELETION)
