"""The API as it is on the wire: lists, pages, watches, patches, refusals, discovery, rights."""

from __future__ import annotations

import re
import stat
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from sensei_tui.rehearsal import kinds
from tests.fixtures_cluster import RunningCluster, running_cluster

CONFIG = kinds.named("ConfigMap")


def configs(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def fill(cluster: RunningCluster, namespace: str, count: int, **labels: str) -> None:
    def create(store: Any) -> None:
        for number in range(count):
            found = {"name": f"c{number:03d}", "namespace": namespace, "labels": {**labels, "n": str(number % 2)}}
            store.create(CONFIG, {"metadata": found, "data": {"n": str(number)}})

    cluster.call(create)


def names(listed: Any) -> list[str]:
    return [item["metadata"]["name"] for item in listed["items"]]


# lists


def test_pages_show_one_moment(cluster: RunningCluster, namespace: str) -> None:
    fill(cluster, namespace, 7)
    first = cluster.request("GET", f"{configs(namespace)}?limit=3").body
    assert first["metadata"]["remainingItemCount"] == 5  # kube-root-ca.crt is one of them
    cluster.call(lambda store: store.delete(CONFIG, namespace, "c005"))
    fill_late = {"metadata": {"name": "c999", "namespace": namespace}}
    cluster.call(lambda store: store.create(CONFIG, fill_late))
    rest: list[str] = []
    page = first
    while token := page["metadata"].get("continue"):
        page = cluster.request("GET", f"{configs(namespace)}?limit=3&continue={token}").body
        assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        rest += names(page)
    assert [*names(first), *rest] == [f"c{number:03d}" for number in range(7)] + ["kube-root-ca.crt"]


def test_an_expired_token_says_so_and_offers_to_go_on(cluster: RunningCluster, namespace: str) -> None:
    fill(cluster, namespace, 4)
    token = cluster.request("GET", f"{configs(namespace)}?limit=3").body["metadata"]["continue"]
    fill_late = {"metadata": {"name": "c2a", "namespace": namespace}}
    cluster.call(lambda store: store.create(CONFIG, fill_late))
    cluster.call(lambda store: store.compact())
    reply = cluster.request("GET", f"{configs(namespace)}?limit=3&continue={token}")
    assert (reply.status, reply.body["reason"]) == (410, "Expired")
    again = reply.body["metadata"]["continue"]
    assert names(cluster.request("GET", f"{configs(namespace)}?limit=9&continue={again}").body) == [
        "c003", "c2a", "kube-root-ca.crt",
    ]  # fmt: skip


def test_selectors_and_no_count_with_them(cluster: RunningCluster, namespace: str) -> None:
    fill(cluster, namespace, 6, app="x")
    reply = cluster.request("GET", f"{configs(namespace)}?labelSelector=app%3Dx,n+in+(1)&limit=2").body
    assert names(reply) == ["c001", "c003"]
    assert "remainingItemCount" not in reply["metadata"]
    reply = cluster.request("GET", f"{configs(namespace)}?fieldSelector=metadata.name%3Dc004").body
    assert names(reply) == ["c004"]
    assert cluster.request("GET", f"{configs(namespace)}?labelSelector=a+in+(").status == 400
    assert cluster.request("GET", f"{configs(namespace)}?fieldSelector=spec.none%3D1").status == 400


def test_resource_versions_of_lists(cluster: RunningCluster, namespace: str) -> None:
    fill(cluster, namespace, 1)
    then = cluster.request("GET", configs(namespace)).body["metadata"]["resourceVersion"]
    cluster.call(lambda store: store.delete(CONFIG, namespace, "c000"))
    exact = f"{configs(namespace)}?resourceVersion={then}&resourceVersionMatch=Exact"
    assert "c000" in names(cluster.request("GET", exact).body)
    assert "c000" not in names(cluster.request("GET", f"{configs(namespace)}?resourceVersion={then}").body)
    future = cluster.request("GET", f"{configs(namespace)}?resourceVersion=999999999")
    assert (future.status, future.body["details"]["causes"][0]["reason"]) == (504, "ResourceVersionTooLarge")


def test_forms_of_an_answer(cluster: RunningCluster, namespace: str) -> None:
    fill(cluster, namespace, 1)
    path = f"{configs(namespace)}/c000"
    table = cluster.request("GET", path, accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json").body
    assert table["kind"] == "Table"
    assert table["rows"][0]["cells"][0] == "c000"
    partial = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    listed = cluster.request("GET", configs(namespace), accept=partial).body
    assert listed["kind"] == "PartialObjectMetadataList"
    assert "data" not in listed["items"][0]
    protobuf = cluster.request("GET", path, accept="application/vnd.kubernetes.protobuf")
    assert protobuf.headers["Content-Type"] == "application/json"
    assert "c000" in cluster.request("GET", path, accept="application/yaml").body
    assert cluster.request("GET", path, accept="text/html").status == 406
    assert "kind" not in cluster.request("GET", configs(namespace)).body["items"][0]


# watches


def test_watch_list_sends_what_is_then_a_mark_then_what_comes(cluster: RunningCluster, namespace: str) -> None:
    fill(cluster, namespace, 2, app="w")
    path = f"{configs(namespace)}?watch=1&labelSelector=app%3Dw&allowWatchBookmarks=true&timeoutSeconds=20"
    path += "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion="
    with cluster.watch(path) as events:
        first = list(islice(events, 3))
        assert [event["type"] for event in first] == ["ADDED", "ADDED", "BOOKMARK"]
        assert first[2]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert first[2]["object"]["kind"] == "ConfigMap"
        cluster.call(lambda store: store.delete(CONFIG, namespace, "c000"))
        assert next(events)["type"] == "DELETED"


def test_objects_enter_and_leave_a_selector(cluster: RunningCluster, namespace: str) -> None:
    fill(cluster, namespace, 1, app="no")
    version = cluster.request("GET", configs(namespace)).body["metadata"]["resourceVersion"]
    path = f"{configs(namespace)}?watch=1&labelSelector=app%3Dyes&resourceVersion={version}&timeoutSeconds=20"

    def label(value: str) -> None:
        patch = {"metadata": {"labels": {"app": value}}}
        media = "application/merge-patch+json"
        assert cluster.request("PATCH", f"{configs(namespace)}/c000", patch, media=media).status == 200

    with cluster.watch(path) as events:
        label("yes")
        entered = next(events)
        label("no")
        left = next(events)
    assert (entered["type"], left["type"]) == ("ADDED", "DELETED")
    assert left["object"]["metadata"]["labels"]["app"] == "yes"
    assert int(left["object"]["metadata"]["resourceVersion"]) > int(entered["object"]["metadata"]["resourceVersion"])


def test_an_expired_watch_is_one_error_line_of_a_good_answer(cluster: RunningCluster, namespace: str) -> None:
    fill(cluster, namespace, 2)
    cluster.call(lambda store: store.compact())
    with cluster.watch(f"{configs(namespace)}?watch=1&resourceVersion=1") as events:
        seen = list(events)
    assert [event["type"] for event in seen] == ["ERROR"]
    assert (seen[0]["object"]["code"], seen[0]["object"]["reason"]) == (410, "Expired")


def test_a_watch_ends_at_its_timeout(cluster: RunningCluster, namespace: str) -> None:
    with cluster.watch(f"{configs(namespace)}?watch=1&timeoutSeconds=1") as events:
        assert [event["object"]["metadata"]["name"] for event in events] == ["kube-root-ca.crt"]


def test_bookmarks_come_at_intervals(cluster: RunningCluster, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensei_tui.rehearsal.watch_stream.BOOKMARK_EVERY", 0.05)
    version = cluster.request("GET", configs(namespace)).body["metadata"]["resourceVersion"]
    path = f"{configs(namespace)}?watch=1&allowWatchBookmarks=true&resourceVersion={version}&timeoutSeconds=20"
    with cluster.watch(path) as events:
        mark = next(events)
    assert mark["type"] == "BOOKMARK"
    assert int(mark["object"]["metadata"]["resourceVersion"]) >= int(version)


# writes


def test_content_types_of_bodies(cluster: RunningCluster, namespace: str) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {a: 'on'}\n"
    made = cluster.request("POST", configs(namespace), text, media="application/yaml")
    assert (made.status, made.body["data"]) == (201, {"a": "on"})
    assert cluster.request("POST", configs(namespace), b"x", media="text/plain").status == 415
    assert cluster.request("POST", configs(namespace), b"{", media="application/json").status == 400
    assert (
        cluster.request("POST", configs(namespace), b"k8s", media="application/vnd.kubernetes.protobuf").status == 400
    )


def test_the_address_rules(cluster: RunningCluster, namespace: str) -> None:
    other = {"metadata": {"name": "x", "namespace": "default"}}
    assert cluster.request("POST", configs(namespace), other).status == 400
    assert cluster.request("POST", configs(namespace), {"kind": "Secret", "metadata": {"name": "x"}}).status == 400
    assert cluster.request("PUT", f"{configs(namespace)}/kube-root-ca.crt", {"metadata": {"name": "b"}}).status == 400
    assert cluster.request("POST", "/api/v1/configmaps", {"metadata": {"name": "x"}}).status == 405
    assert cluster.request("POST", configs("nowhere"), {"metadata": {"name": "x"}}).body["message"] == (
        'namespaces "nowhere" not found'
    )


def test_unknown_fields_are_refused_or_warned_of(cluster: RunningCluster, namespace: str) -> None:
    wrong = {"metadata": {"name": "w"}, "datta": {"a": "b"}}
    strict = cluster.request("POST", f"{configs(namespace)}?fieldValidation=Strict", wrong)
    assert (strict.status, strict.body["reason"]) == (400, "BadRequest")
    assert 'unknown field "datta"' in strict.body["message"]
    warned = cluster.request("POST", configs(namespace), wrong)
    assert warned.status == 201
    assert warned.headers["Warning"] == '299 - "unknown field \\"datta\\""'
    assert "datta" not in warned.body


def test_dry_run_stores_nothing(cluster: RunningCluster, namespace: str) -> None:
    made = cluster.request("POST", f"{configs(namespace)}?dryRun=All", {"metadata": {"name": "dry"}})
    assert made.status == 201
    assert made.body["metadata"]["uid"]
    assert cluster.request("GET", f"{configs(namespace)}/dry").status == 404
    assert cluster.request("POST", f"{configs(namespace)}?dryRun=Some", {"metadata": {"name": "dry"}}).status == 422


def test_stale_writes_conflict(cluster: RunningCluster, namespace: str) -> None:
    path = f"{configs(namespace)}/c"
    first = cluster.request("POST", configs(namespace), {"metadata": {"name": "c"}}).body
    second = cluster.request("PUT", path, {**first, "data": {"a": "1"}}).body
    stale = cluster.request("PUT", path, {**first, "data": {"a": "2"}})
    assert (stale.status, stale.body["reason"]) == (409, "Conflict")
    assert stale.body["message"].startswith('Operation cannot be fulfilled on configmaps "c": the object has been mod')
    gone = cluster.request("DELETE", path, {"preconditions": {"resourceVersion": first["metadata"]["resourceVersion"]}})
    assert gone.status == 409
    fresh = {"preconditions": {"uid": second["metadata"]["uid"]}}
    done = cluster.request("DELETE", path, fresh)
    assert (done.status, done.body["status"], done.body["details"]["uid"]) == (200, "Success", first["metadata"]["uid"])


@pytest.mark.parametrize(
    ("media", "patch"),
    [
        ("application/json-patch+json", [{"op": "replace", "path": "/data/a", "value": "2"}]),
        ("application/merge-patch+json", {"data": {"a": "2"}}),
        ("application/strategic-merge-patch+json", {"data": {"a": "2"}}),
    ],
)
def test_patches(cluster: RunningCluster, namespace: str, media: str, patch: Any) -> None:
    cluster.request("POST", configs(namespace), {"metadata": {"name": "c"}, "data": {"a": "1", "b": "1"}})
    reply = cluster.request("PATCH", f"{configs(namespace)}/c?fieldManager=me", patch, media=media)
    assert (reply.status, reply.body["data"]) == (200, {"a": "2", "b": "1"})
    assert "me" in {entry["manager"] for entry in reply.body["metadata"]["managedFields"]}
    assert cluster.request("PATCH", f"{configs(namespace)}/none", patch, media=media).status == 404


def test_apply_creates_owns_and_defends_fields(cluster: RunningCluster, namespace: str) -> None:
    path, media = f"{configs(namespace)}/c", "application/apply-patch+yaml"
    applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    assert cluster.request("PATCH", path, applied, media=media).status == 422
    assert cluster.request("PATCH", f"{path}?fieldManager=one", applied, media=media).status == 201
    assert cluster.request("PATCH", f"{path}?fieldManager=one", applied, media=media).status == 200
    other = {**applied, "data": {"a": "2"}}
    refused = cluster.request("PATCH", f"{path}?fieldManager=two&force=false", other, media=media)
    assert (refused.status, refused.body["reason"]) == (409, "Conflict")
    assert refused.body["details"]["causes"][0]["field"] == ".data.a"
    assert 'conflict with "one"' in refused.body["message"]
    assert cluster.request("PATCH", f"{path}?fieldManager=two&force=true", other, media=media).body["data"] == {
        "a": "2"
    }


def test_an_unknown_patch_type_is_refused(cluster: RunningCluster, namespace: str) -> None:
    path = f"{configs(namespace)}/kube-root-ca.crt"
    assert cluster.request("PATCH", path, {}, media="application/json").status == 415


def test_a_collection_is_deleted_by_selector(cluster: RunningCluster, namespace: str) -> None:
    fill(cluster, namespace, 4)
    gone = cluster.request("DELETE", f"{configs(namespace)}?labelSelector=n%3D1").body
    assert names(gone) == ["c001", "c003"]
    assert names(cluster.request("GET", configs(namespace)).body) == ["c000", "c002", "kube-root-ca.crt"]


def test_services_get_addresses_and_keep_them(cluster: RunningCluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/services"
    spec = {"ports": [{"port": 80}], "type": "NodePort"}
    made = cluster.request("POST", path, {"metadata": {"name": "a"}, "spec": spec}).body
    assert re.fullmatch(r"10\.\d+\.\d+\.\d+", made["spec"]["clusterIP"])
    assert 30000 <= made["spec"]["ports"][0]["nodePort"] < 32768
    bare = {"metadata": {"name": "a"}, "spec": spec}
    again = cluster.request("PUT", f"{path}/a", bare).body
    assert again["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    assert again["spec"]["ports"][0]["nodePort"] == made["spec"]["ports"][0]["nodePort"]
    taken = {"metadata": {"name": "b"}, "spec": {"ports": [{"port": 80}], "clusterIP": made["spec"]["clusterIP"]}}
    assert cluster.request("POST", path, taken).status == 422


def test_secrets_fold_their_text(cluster: RunningCluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    made = cluster.request("POST", path, {"metadata": {"name": "s"}, "stringData": {"a": "b"}}).body
    assert (made["data"], made["type"]) == ({"a": "Yg=="}, "Opaque")
    assert "stringData" not in made


def test_events_have_two_addresses(cluster: RunningCluster, namespace: str) -> None:
    about = {"kind": "Pod", "namespace": namespace, "name": "p"}
    event = {"metadata": {"name": "e.1"}, "reason": "R", "message": "M", "type": "Normal", "involvedObject": about}
    assert cluster.request("POST", f"/api/v1/namespaces/{namespace}/events", event).status == 201
    other = cluster.request("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events/e.1").body
    assert (other["apiVersion"], other["note"], other["regarding"]["name"]) == ("events.k8s.io/v1", "M", "p")


# discovery, rights, transport


def test_discovery_agrees_with_itself(cluster: RunningCluster) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    reply = cluster.request("GET", "/apis", accept=accept)
    assert "as=APIGroupDiscoveryList" in reply.headers["Content-Type"]
    groups = {group["metadata"]["name"]: group["versions"][0] for group in reply.body["items"]}
    assert set(groups) == {group["name"] for group in cluster.request("GET", "/apis").body["groups"]}
    for name, version in groups.items():
        listed = cluster.request("GET", f"/apis/{name}/{version['version']}").body["resources"]
        plain = {resource["name"] for resource in listed if "/" not in resource["name"]}
        assert plain == {resource["resource"] for resource in version["resources"]}
    assert cluster.request("GET", "/api").body["versions"] == ["v1"]


@pytest.mark.parametrize("path", ["/version", "/version/", "/healthz", "/livez", "/readyz"])
def test_public_addresses_need_no_token(cluster: RunningCluster, path: str) -> None:
    assert cluster.request("GET", path, token="").status == 200


def test_the_version_says_what_this_is(cluster: RunningCluster) -> None:
    assert cluster.request("GET", "/version").body["gitVersion"].endswith("+sensei.rehearsal")


def test_unknown_addresses(cluster: RunningCluster) -> None:
    absent = cluster.request("GET", "/apis/metrics.k8s.io/v1beta1/nodes")
    assert (absent.status, absent.body) == (404, "404 page not found\n")
    unknown = cluster.request("GET", "/api/v1/foos")
    assert (unknown.status, unknown.body["kind"]) == (404, "Status")


def test_tokens_and_rights(cluster: RunningCluster, namespace: str) -> None:
    assert cluster.request("GET", "/api/v1/nodes", token="wrong").status == 401
    anonymous = cluster.request("GET", "/api/v1/nodes", token="")
    assert anonymous.status == 403
    assert anonymous.body["message"] == (
        'nodes is forbidden: User "system:anonymous" cannot list resource "nodes" in API group "" at the cluster scope'
    )
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    token = cluster.request("POST", path, {"spec": {}}).body["status"]["token"]
    assert cluster.request("GET", configs(namespace), token=token).status == 403
    binding = {
        "metadata": {"name": "see"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
    }
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
    assert cluster.request("POST", bindings, binding).status == 201
    assert cluster.request("GET", configs(namespace), token=token).status == 200
    assert cluster.request("GET", configs("default"), token=token).status == 403
    assert cluster.request("DELETE", f"{configs(namespace)}/c", token=token).status == 403


def test_a_scenario_forbids_and_the_reviews_know(tmp_path: Path) -> None:
    scenario = "api: {deny: [{verbs: [create], resources: [secrets]}], clockSkew: 3600}"
    with running_cluster(tmp_path / "c", scenario) as cluster:
        refused = cluster.request("POST", "/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}})
        assert (refused.status, refused.body["reason"]) == (403, "Forbidden")
        spec = {"resourceAttributes": {"verb": "create", "resource": "secrets", "namespace": "default"}}
        reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        assert cluster.request("POST", reviews, {"spec": spec}).body["status"]["allowed"] is False
        spec["resourceAttributes"]["verb"] = "get"
        assert cluster.request("POST", reviews, {"spec": spec}).body["status"]["allowed"] is True


def test_files_that_hold_secrets_are_private(cluster: RunningCluster) -> None:
    directory = cluster.host.directory
    files = [directory / "kubeconfig", directory / "identity.json", directory / "tls" / "server.key"]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
