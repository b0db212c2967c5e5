"""`sensei preflight` against simulated clusters of other sizes and with permissions taken away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.rehearsed import rehearsed

pytestmark = pytest.mark.e2e
SMALL = """
nodes: [{name: small, count: 2, cpu: "8", memory: 16Gi}]
storageClasses: [{name: slow, default: true, capacity: 100Gi, binding: Immediate, expandable: false}]
"""


def statuses(text: str) -> dict[str, str]:
    return {item["id"]: item["status"] for item in json.loads(text)["findings"]}


def test_the_default_cluster_has_nothing_in_the_way(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        said = found.sensei("preflight")
        assert "5 nodes ready (minimum 3, recommended 5)" in said
        assert "permissions granted" in said
        report = statuses(found.sensei("preflight", "-o", "json"))
        assert set(report.values()) <= {"pass", "skipped"}
        assert "id: cap.cpu" in found.sensei("preflight", "-o", "yaml")


def test_a_small_cluster_fails_and_a_waiver_opens_the_gate(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site", SMALL) as found:
        report = statuses(found.sensei("preflight", "-o", "json", code=1))
        failed = {name for name, status in report.items() if status == "fail"}
        assert failed == {"cap.nodes", "cap.cpu", "cap.memory", "cap.storage", "cap.free", "cap.fit"}
        assert (report["sc.binding"], report["sc.expand"]) == ("warn", "warn")
        said = found.sensei("install", "--yes", code=1)
        assert "Preflight stops the run: 6 checks did not pass." in said
        waive = [part for name in sorted(failed) for part in ("--waive", f"{name}=a pilot on a small cluster")]
        waived = found.sensei("preflight", *waive)
        assert "waived: a pilot on a small cluster" in waived
        assert "There is no check cap.cpus" in found.sensei("preflight", "--waive", "cap.cpus=why", code=2)
        assert "needs a reason" in found.sensei("preflight", "--waive", "cap.cpu", code=2)
        found.sensei("preflight", "--unwaive", "cap.cpu", code=1)


def test_a_stopped_cluster_is_a_finding_not_a_crash(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        found.sensei("site", "set", "--kubeconfig", str(found.site.kubeconfig))
        found.sensei("rehearse", "stop")
        report = found.sensei("preflight", "-o", "json", code=1)
        assert statuses(report)["api.reachable"] == "fail"
        assert statuses(report)["cap.cpu"] == "unknown"


DENIED = """
api:
  deny: [{verbs: [create, patch], groups: [apps], resources: [deployments]}]
"""


def test_a_missing_permission_comes_as_a_rule_to_apply(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site", DENIED) as found:
        said = found.sensei("preflight", "-q", code=1)
        assert "not allowed: create deployments.apps, patch deployments.apps" in said
        assert '- {apiGroups: ["apps"], resources: ["deployments"], verbs: [create, patch]}' in said


def test_a_mistake_in_a_scenario_does_not_cost_the_cluster_that_runs(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        bad = tmp_path / "bad.yaml"
        bad.write_text("faults: [{kind: foo}]\n")
        said = found.sensei("rehearse", "start", "--scenario", str(bad), code=2)
        assert "The scenario is wrong." in said
        assert "answers at" in found.sensei("rehearse", "status")


def test_a_new_site_can_be_made_a_rehearsal_from_the_command_line(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        new = str(tmp_path / "new")
        found.sensei("init", new)
        assert "No cluster is configured" in found.sensei("--site", new, "status", code=3)
        try:
            assert "uses the simulated cluster from now on" in found.sensei("--site", new, "rehearse", "start")
            assert "5 nodes ready" in found.sensei("--site", new, "preflight")
        finally:
            found.sensei("--site", new, "rehearse", "stop")


def test_secrets_that_the_values_name_are_looked_for(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        overlay = found.site.root / "values-airgapped.yaml"
        overlay.write_text(
            "postgresql: {external: {enabled: true, host: db.lan, existingSecret: our-db}}\n"
            "global: {imagePullSecrets: [our-registry]}\n"
            "ingress: {enabled: true, tlsSecret: our-tls}\n"
        )
        said = found.sensei("preflight", "-q", code=1)
        assert "there is no Secret our-db: postgresql.external.existingSecret (values-airgapped.yaml:1)" in said
        assert "there is no Secret our-registry: global.imagePullSecrets (values-airgapped.yaml:2)" in said
        assert "there is no Secret our-tls" in said
        found.kubectl("create", "namespace", "sensei")
        for given in (("generic", "our-db", "--from-literal=passwort=x"),
                      ("docker-registry", "our-registry", "--docker-username=a", "--docker-password=b"),
                      ("generic", "our-tls", "--from-literal=tls.crt=x", "--from-literal=tls.key=x")):  # fmt: skip
            found.kubectl("create", "secret", *given)
        assert "Secret our-db has no key password" in found.sensei("preflight", "-q", code=1)
        found.kubectl("patch", "secret", "our-db", "-p", '{"stringData": {"password": "x"}}')
        assert statuses(found.sensei("preflight", "-o", "json"))["secrets.named"] == "pass"
        found.kubectl("patch", "secret", "our-db", "-p", '{"stringData": {"password": "x\\n"}}')
        assert "key password of Secret our-db ends in a newline" in found.sensei("preflight", "-q", code=1)


def test_an_installed_platform_has_its_secrets_and_volumes(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        found.sensei("install", "--yes")
        report = found.sensei("preflight", "-o", "json")
        assert (statuses(report)["secrets.contents"], statuses(report)["cap.storage"]) == ("pass", "pass")
        detail = next(item["detail"] for item in json.loads(report)["findings"] if item["id"] == "cap.storage")
        assert detail[1].startswith("New volumes of the charts: 0, 0 B together; there already: ")


def test_contents_of_secrets_are_judged_and_never_told(tmp_path: Path) -> None:
    given = {
        "postgres-password": "pg-wahrheit\n", "redis-password": "", "s3-access-key": "qz", "s3-secret-key": "kurzzz7",
        "weaviate-api-key": "eins-kommt,zwei-geht", "session-key": "sitzung\nsitzung\n",
    }  # fmt: skip
    with rehearsed(tmp_path / "site") as found:
        (found.site.root / "values-airgapped.yaml").write_text("credentials: {existingSecret: our-own}\n")
        found.kubectl("create", "namespace", "sensei")
        for key, value in given.items():
            (tmp_path / key).write_text(value)
        found.kubectl("create", "secret", "generic", "our-own", *(f"--from-file={tmp_path / key}" for key in given))
        report = found.sensei("preflight", "-o", "json", code=1)
        assert (statuses(report)["secrets.named"], statuses(report)["secrets.contents"]) == ("pass", "fail")
        finding = next(item for item in json.loads(report)["findings"] if item["id"] == "secrets.contents")
        assert finding["detail"] == [
            "key postgres-password of Secret our-own ends in a newline",
            "key redis-password of Secret our-own is empty",
            "key s3-access-key of Secret our-own is 2 long, MinIO wants 3 at least",
            "key s3-secret-key of Secret our-own is 7 long, MinIO wants 8 at least",
            "key weaviate-api-key of Secret our-own has a comma, at which Weaviate splits it",
        ]
        assert "kubectl -n sensei edit secret our-own" in finding["remedy"]
        said = report + found.sensei("preflight", "-o", "yaml", code=1) + found.sensei("preflight", code=1)
        files = (item.read_bytes() for item in found.site.root.rglob("*")
                 if item.is_file() and found.site.rehearsal_dir not in item.parents)  # fmt: skip
        kept = said.encode() + b"".join(files)
        assert not [
            part for value in given.values() for part in value.split() if part != "qz" and part.encode() in kept
        ]


def test_the_sites_own_secret_is_judged_where_somebody_made_it_before(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        assert statuses(found.sensei("preflight", "-o", "json"))["secrets.contents"] == "skipped"
        found.kubectl("create", "namespace", "sensei")
        found.kubectl("create", "secret", "generic", "sensei-credentials", "--from-literal=redis-password=a\nb")
        said = found.sensei("preflight", "-q", code=1)
        assert "Secret sensei-credentials has no key postgres-password, s3-access-key" in said


NO_GPU = """
nodes: [{name: node, count: 5, cpu: "32", memory: 128Gi}]
"""
NAMED = """
backup: {enabled: true, to: volume, volume: {existingClaim: nope}}
llm: {provider: local, model: llama-3-70b, gpu: {enabled: true, count: 2, runtimeClassName: nvidia}}
"""


def test_claims_and_runtime_classes_that_the_values_name_are_looked_for(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site", NO_GPU) as found:
        (found.site.root / "values-airgapped.yaml").write_text(NAMED)
        said = found.sensei("preflight", "-q", code=1)
        assert "no PersistentVolumeClaim nope: backup.volume.existingClaim (values-airgapped.yaml:2)" in said
        assert "there is no RuntimeClass nvidia: llm.gpu.runtimeClassName (values-airgapped.yaml:3)" in said
        found.kubectl("create", "namespace", "sensei")
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "nope"},
                 "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}  # fmt: skip
        (tmp_path / "claim.yaml").write_text(json.dumps(claim))
        found.kubectl("create", "-f", str(tmp_path / "claim.yaml"))
        assert statuses(found.sensei("preflight", "-o", "json", code=1))["sc.claims"] == "pass"


MAY_NOT_LOOK = """
api:
  deny: [{verbs: [list], groups: [node.k8s.io], resources: [runtimeclasses]}]
"""


def test_who_may_not_look_for_runtime_classes_does_not_know(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site", MAY_NOT_LOOK) as found:
        assert statuses(found.sensei("preflight", "-o", "json"))["gpu.runtime"] == "skipped"
        (found.site.root / "values-airgapped.yaml").write_text(NAMED.replace("nope", '""'))
        report = statuses(found.sensei("preflight", "-o", "json", code=1))
        assert (report["gpu.runtime"], report["rbac.deploy"], report["sc.claims"]) == ("unknown", "warn", "skipped")


def test_a_cluster_with_gpus_has_the_runtime_class_of_their_operator(tmp_path: Path) -> None:
    with rehearsed(tmp_path / "site") as found:
        (found.site.root / "values-airgapped.yaml").write_text(NAMED.replace("nope", '""'))
        assert statuses(found.sensei("preflight", "-o", "json"))["gpu.runtime"] == "pass"
