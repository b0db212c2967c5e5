"""kubectl's words."""

from __future__ import annotations

import json

from tests.differential.behaviour import (
    all_ready,
    available,
    claim,
    container,
    deployment,
    is_ready,
    job,
    pod,
    service,
    stateful_set,
    volume,
)
from tests.differential.suite import Case, Step, case, condition, differential, given, kubectl, objects, until

WEB, POD = "deployments/web", "pods/one"
RUNS = (objects(deployment(1)), until(WEB, available(1)))
ONE = (objects(pod()), until(POD, is_ready))
CONFIG = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}})
RESOURCES = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}
FULL = pod(containers=[container(
    ports=[{"containerPort": 80, "name": "http"}], resources=RESOURCES, command=["serve"], args=["--fast"],
    env=[{"name": "A", "value": "b"}, {"name": "P", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    readinessProbe={"httpGet": {"port": 80, "path": "/ready"}}, livenessProbe={"tcpSocket": {"port": 80}},
    volumeMounts=[{"name": "e", "mountPath": "/e"}])], volumes=[{"name": "e", "emptyDir": {}}])  # fmt: skip


def with_file(*arguments: str, text: str) -> Step:
    """A command that reads this from its standard input."""
    return kubectl(*arguments, "-f", "-", stdin=text)


def tables(name: str, kind: str, *before: Step) -> Case:
    """A case: a kind's tables."""
    return case(f"tables of {name}", *before, *(kubectl("get", kind, *more) for more in ((), ("-o", "wide"), (
        "--show-labels",), ("-o", "name"))))  # fmt: skip


def cluster_tables(kind: str) -> Case:
    return case(f"tables of all {kind}", kubectl("get", kind), kubectl("get", kind, "-o", "wide"), nodes=True)


INGRESS = json.dumps({
    "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i"},
    "spec": {"ingressClassName": "nginx", "tls": [{"hosts": ["a.b"], "secretName": "t"}], "rules": [
        {"host": "a.b", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {
            "service": {"name": "web", "port": {"number": 80}}}}]}}]},
})  # fmt: skip
POLICY = json.dumps({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "n"},
                     "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]}})  # fmt: skip
CRON = json.dumps({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"}, "spec": {
    "schedule": "0 0 * * *", "suspend": True, "jobTemplate": {"spec": json.loads(job())["spec"]}}})  # fmt: skip
SCALER = json.dumps({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"},
                     "spec": {"minReplicas": 1, "maxReplicas": 1, "metrics": [{"type": "Resource", "resource": {
                         "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}],
                         "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"}}})  # fmt: skip
BUDGET = json.dumps({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
                     "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}})  # fmt: skip
QUOTA = json.dumps({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
                    "spec": {"hard": {"pods": "5", "limits.memory": "1Gi"}}})  # fmt: skip
STARTED = (objects(stateful_set(1)), until("statefulsets/db", all_ready(1)))
DONE = (objects(job()), until("jobs/once", condition("Complete")))
BOUND = (objects(claim(), pod(**volume("data"))), until(POD, is_ready))

TABLES = [
    tables("deployments", "deployments", *RUNS), tables("replica sets", "rs", *RUNS), tables("pods", "pods", *RUNS),
    tables("stateful sets", "sts", *STARTED), tables("jobs", "jobs", *DONE), tables("services", "svc", objects(
        service(), service("np", type="NodePort", ports=[{"port": 80, "nodePort": 31234}]))),
    tables("claims", "pvc", *BOUND), tables("config maps and secrets", "cm,secrets", objects(CONFIG)),
    tables("ingresses", "ingress", objects(INGRESS)), tables("network policies", "netpol", objects(POLICY)),
    tables("cron jobs", "cronjobs", objects(CRON)), tables("scalers", "hpa", objects(SCALER)),
    tables("budgets", "pdb", objects(BUDGET), until("poddisruptionbudgets/b", lambda body: body["status"]["conditions"])),
    tables("quotas", "quota", objects(QUOTA), until("resourcequotas/q", lambda body: body["status"]["used"])),
    tables("accounts and roles", "sa,roles,rolebindings", objects(
        '{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r}, rules: []}',
        '{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: rb}, roleRef: {apiGroup: '
        'rbac.authorization.k8s.io, kind: Role, name: r}, subjects: [{kind: User, name: u, apiGroup: '
        'rbac.authorization.k8s.io}, {kind: ServiceAccount, name: default, namespace: "{ns}"}]}')),
    cluster_tables("storageclasses"), cluster_tables("nodes"), cluster_tables("priorityclasses"),
    case("tables of everything", *RUNS, kubectl("get", "all"), kubectl("get", "all", "-o", "name")),
    case("tables of nothing", kubectl("get", "pods"), kubectl("get", "pods", "-o", "wide"), kubectl("get", "nothing"),
         kubectl("get", "pod", "none"), kubectl("get", "pods,deployments", "-l", "a=b")),
]  # fmt: skip

FORMS = [
    case("as YAML", objects(CONFIG), kubectl("get", "cm", "c", "-o", "yaml")),
    case("by a path", *ONE, kubectl("get", "pod", "one", "-o", "jsonpath={.spec.containers[*].image} {.status.phase}")),
    case("by columns", *ONE, kubectl("get", "pods", "-o", "custom-columns=NAME:.metadata.name,P:.status.phase,X:.x")),
    case("in order", objects(CONFIG, CONFIG.replace('"c"', '"b"')), kubectl(
        "get", "cm", "--sort-by=.metadata.name", "--no-headers"), kubectl("get", "cm", "-o", "name")),
    case("chosen", *ONE, kubectl("get", "pods", "--field-selector=status.phase=Running", "-l", "app in (one,two)"),
         kubectl("get", "pods", "--field-selector=spec.none=1"), kubectl("get", "pods", "-l", "a in b")),
]  # fmt: skip

DESCRIBED = [
    case("describe a pod", objects(FULL), until(POD, is_ready), kubectl("describe", "pod", "one", "--show-events=false")),
    case("describe a deployment", *RUNS, kubectl("describe", "deployment", "web")),
    case("describe a replica set", *RUNS, kubectl("describe", "rs", "--show-events=false")),
    case("describe a stateful set", *STARTED, kubectl("describe", "sts", "db", "--show-events=false")),
    case("describe a service", objects(deployment(1), service()), until(
        "endpointslices", lambda body: body["items"][0]["endpoints"][0]["conditions"]["ready"]),
         kubectl("describe", "service", "web")),
    case("describe a claim", *BOUND, until("persistentvolumeclaims/data", lambda body: body["status"]["conditions"]),
         kubectl("describe", "pvc", "data", "--show-events=false")),
    # Its two events are of one second, and kubectl's sort leaves those in no order.
    case("describe a job", *DONE, kubectl("describe", "job", "once", "--show-events=false")),
    case("describe a quota and the namespace", objects(QUOTA),
         until("resourcequotas/q", lambda body: body["status"]["used"]), kubectl("describe", "quota", "q"),
         kubectl("describe", "namespace", "{ns}")),
    case("describe an ingress", objects(INGRESS), kubectl("describe", "ingress", "i")),
    case("describe other things", objects(CONFIG, BUDGET.replace('"b"', '"x"'), POLICY), kubectl("describe", "cm", "c"),
         kubectl("describe", "netpol", "n"), kubectl("describe", "sa", "default"), kubectl("describe", "pod", "none"),
         kubectl("describe", "storageclass", "standard")),
]  # fmt: skip

CHANGED = [
    case("apply", with_file("apply", text=CONFIG), with_file("apply", text=CONFIG),
         with_file("apply", text=CONFIG.replace('"1"', '"2"')), with_file("apply", "--dry-run=server", text=CONFIG),
         kubectl("get", "cm", "c", "-o", "yaml")),
    case("apply on the server", with_file("apply", "--server-side", text=CONFIG),
         kubectl("patch", "cm", "c", "-p", '{"data":{"a":"2"}}', "--field-manager=other"),
         with_file("apply", "--server-side", text=CONFIG),
         with_file("apply", "--server-side", "--force-conflicts", text=CONFIG)),
    case("diff", objects(CONFIG), given(with_file("apply", text=CONFIG)), with_file("diff", text=CONFIG)),
    case("create and delete", kubectl("create", "deployment", "d", "--image=x/y:1", "--replicas=0"),
         kubectl("create", "deployment", "d", "--image=x/y:1"), kubectl("create", "cm", "c", "--from-literal=a=b"),
         kubectl("create", "secret", "generic", "s", "--from-literal=a=b"),
         kubectl("create", "service", "clusterip", "s", "--tcp=80:8080"), kubectl("create", "quota", "q", "--hard=pods=1"),
         kubectl("create", "sa", "robot"), kubectl("create", "job", "j", "--image=x/y:1", "--dry-run=server"),
         kubectl("delete", "deployment/d", "cm/c", "secret/s"), kubectl("delete", "cm", "c"),
         kubectl("delete", "cm", "c", "--ignore-not-found")),
    case("label, annotate, patch", objects(CONFIG), kubectl("label", "cm", "c", "a=b"), kubectl("label", "cm", "c", "a=c"),
         kubectl("label", "cm", "c", "a=c", "--overwrite"), kubectl("label", "cm", "c", "a-"),
         kubectl("label", "cm", "c", "a=b c"), kubectl("annotate", "cm", "c", "x=y"),
         kubectl("patch", "cm", "c", "--type=json", "-p", '[{"op":"test","path":"/data/a","value":"2"}]'),
         kubectl("patch", "cm", "c", "-p", '{"data":{"a":"1"}}'), kubectl("patch", "cm", "none", "-p", "{}")),
    case("scale", *RUNS, kubectl("scale", "deployment/web", "--replicas=2"), until(WEB, available(2)),
         kubectl("scale", "deployment/web", "--replicas=1", "--current-replicas=5"),
         kubectl("scale", "deployment/none", "--replicas=1"), kubectl("scale", "cm/kube-root-ca.crt", "--replicas=1")),
    case("rollouts", *RUNS, kubectl("rollout", "status", "deployment/web"),
         kubectl("set", "image", "deployment/web", "main=registry.local/web:2"), until(WEB, available(1)),
         kubectl("rollout", "history", "deployment/web"), kubectl("rollout", "history", "deployment/web", "--revision=1"),
         kubectl("rollout", "undo", "deployment/web"), until(WEB, available(1)),
         kubectl("rollout", "history", "deployment/web"), kubectl("rollout", "undo", "deployment/web", "--to-revision=9"),
         kubectl("rollout", "restart", "deployment/web"), until(WEB, available(1)),
         kubectl("rollout", "pause", "deployment/web"), kubectl("rollout", "restart", "deployment/web"),
         kubectl("rollout", "resume", "deployment/web")),
    case("set", *RUNS, kubectl("set", "env", "deployment/web", "A=b"), kubectl("set", "image", "deployment/web", "x=y"),
         kubectl("set", "resources", "deployment/web", "--limits=cpu=1"), kubectl("set", "env", "deployment/web", "--list")),
    case("rollouts of a stateful set", *STARTED, kubectl("rollout", "status", "sts/db"),
         kubectl("rollout", "history", "sts/db"), kubectl("rollout", "restart", "sts/db")),
    case("run, expose, delete", kubectl("run", "one", "--image=registry.local/web:1", "--port=80"),
         kubectl("expose", "pod", "one"), kubectl("wait", "--for=condition=Ready", "pod/one", "--timeout=60s"),
         kubectl("get", "svc"), kubectl("delete", "pod", "one", "--wait", "--grace-period=1"), kubectl("get", "pods")),
    case("wait", *ONE, kubectl("wait", "--for=condition=Ready", "pod/one"),
         kubectl("wait", "--for=condition=None", "pod/one", "--timeout=1s"), kubectl("wait", "--for=delete", "pod/none"),
         kubectl("wait", "--for=jsonpath={.status.phase}=Running", "pod/one")),
]  # fmt: skip

REACHED = [
    case("logs", *ONE, kubectl("logs", "one"), kubectl("logs", "one", "--tail=1"), kubectl("logs", "none"),
         kubectl("logs", "-l", "app=one"), kubectl("logs", "one", "-c", "x"), kubectl("logs", "one", "-p")),
    case("exec", *ONE, kubectl("exec", "one", "--", "hostname"), kubectl("exec", "one", "--", "false"),
         kubectl("exec", "one", "--", "nothing"), kubectl("exec", "none", "--", "true"),
         kubectl("exec", "one", "-c", "x", "--", "true"), kubectl("exec", "-i", "one", "--", "cat", stdin="given")),
    case("copy", *ONE, kubectl("cp", "one:/etc/none", "-"), kubectl("cp", "/no/file", "one:/x")),
    case("rights", kubectl("auth", "can-i", "create", "pods"), kubectl("auth", "can-i", "list", "nodes"),
         kubectl("auth", "can-i", "list", "pods", "--as=nobody"), kubectl("get", "pods", "--as=nobody"),
         kubectl("auth", "can-i", "get", "nonsense")),
    case("no metrics", *ONE, kubectl("top", "pods"), kubectl("top", "nodes")),
    case("what the API has", kubectl("explain", "pod.spec.containers.image"), kubectl("explain", "deployment.spec.none"),
         kubectl("explain", "nothing")),
    case("events", *RUNS, kubectl("get", "events", "--field-selector=involvedObject.kind=Deployment"),
         kubectl("events", "--for=deployment/web")),
]  # fmt: skip

test_tables = differential(TABLES)
test_forms = differential(FORMS)
test_describe = differential(DESCRIBED)
test_changes = differential(CHANGED)
test_reach = differential(REACHED)
