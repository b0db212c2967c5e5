"""The object store's rules: versions, locking, finalizers, grace, history."""

from __future__ import annotations

from typing import Any

import pytest

from sensei_tui.rehearsal import kinds, watch
from sensei_tui.rehearsal.errors import ApiError
from sensei_tui.rehearsal.store import Store

NAMESPACE, POD, CONFIG = (kinds.named(name) for name in ("Namespace", "Pod", "ConfigMap"))
DEPLOYMENT = kinds.named("Deployment")


@pytest.fixture
def store() -> Store:
    made = Store()
    made.create(NAMESPACE, {"metadata": {"name": "one"}})
    return made


def config(name: str = "c", **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "one", **fields}, "data": {"a": "1"}}


def test_a_new_object_gets_identity_and_a_later_version(store: Store) -> None:
    before = int(store.resource_version)
    made = store.create(CONFIG, config())
    assert made["apiVersion"] == "v1"
    assert made["kind"] == "ConfigMap"
    assert int(made["metadata"]["resourceVersion"]) == before + 1 == int(store.resource_version)
    assert made["metadata"]["uid"]
    assert made["metadata"]["creationTimestamp"].endswith("Z")
    assert "generation" not in made["metadata"]


def test_generated_names_differ(store: Store) -> None:
    given = {"metadata": {"generateName": "web-", "namespace": "one"}}
    names = {store.create(CONFIG, given)["metadata"]["name"] for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("web-") and len(name) == 9 for name in names)


def test_what_is_returned_can_be_changed_without_harm(store: Store) -> None:
    store.create(CONFIG, config())
    store.get(CONFIG, "one", "c")["data"]["a"] = "changed"
    store.list(CONFIG)[0]["data"]["a"] = "changed"
    assert store.get(CONFIG, "one", "c")["data"]["a"] == "1"


@pytest.mark.parametrize(
    ("call", "code", "reason"),
    [
        (lambda s: s.get(CONFIG, "one", "no"), 404, "NotFound"),
        (lambda s: s.create(CONFIG, config("first")), 409, "AlreadyExists"),
        (lambda s: s.create(CONFIG, {"metadata": {"name": "x", "namespace": "no"}}), 404, "NotFound"),
        (lambda s: s.create(CONFIG, {"metadata": {"namespace": "one"}}), 422, "Invalid"),
        (lambda s: s.update(CONFIG, config("first", resourceVersion="1")), 409, "Conflict"),
        (lambda s: s.update(CONFIG, config("first", uid="other")), 409, "Conflict"),
        (lambda s: s.delete(CONFIG, "one", "first", uid="other"), 409, "Conflict"),
        (lambda s: s.watch(CONFIG, None, 0), 410, "Expired"),
    ],
)
def test_refusals(store: Store, call: Any, code: int, reason: str) -> None:
    store.create(CONFIG, config("first"))
    with pytest.raises(ApiError) as caught:
        call(store)
    assert (caught.value.status_code, caught.value.reason) == (code, reason)
    assert caught.value.status()["code"] == code


def test_an_update_without_change_writes_nothing(store: Store) -> None:
    made = store.create(CONFIG, config())
    assert store.update(CONFIG, made) == made
    assert store.resource_version == made["metadata"]["resourceVersion"]


def test_generation_counts_changes_of_the_wish_only(store: Store) -> None:
    made = store.create(DEPLOYMENT, {**config("d"), "spec": {"replicas": 1}})
    assert made["metadata"]["generation"] == 1
    made["metadata"]["labels"] = {"a": "b"}
    made = store.update(DEPLOYMENT, made)
    assert made["metadata"]["generation"] == 1
    made["spec"]["replicas"] = 2
    assert store.update(DEPLOYMENT, made)["metadata"]["generation"] == 2


def test_status_and_the_rest_are_written_apart(store: Store) -> None:
    made = store.create(DEPLOYMENT, {**config("d"), "spec": {"replicas": 1}})
    both = {**made, "spec": {"replicas": 5}, "status": {"replicas": 3}}
    kept = store.update(DEPLOYMENT, {**both, "metadata": {**made["metadata"]}})
    assert "status" not in kept
    shown = store.update(
        DEPLOYMENT, {**both, "metadata": kept["metadata"], "spec": {"replicas": 9}}, subresource="status"
    )
    assert (shown["spec"]["replicas"], shown["status"]["replicas"]) == (5, 3)


def test_finalizers_hold_a_deleted_object_until_the_last_is_removed(store: Store) -> None:
    store.create(CONFIG, config(finalizers=["x/one", "x/two"]))
    held = store.delete(CONFIG, "one", "c")
    assert held["metadata"]["deletionTimestamp"]
    held["metadata"]["finalizers"] = ["x/two"]
    held = store.update(CONFIG, held)
    assert store.exists(CONFIG, "one", "c")
    held["metadata"]["finalizers"] = []
    store.update(CONFIG, held)
    assert not store.exists(CONFIG, "one", "c")


@pytest.mark.parametrize(("policy", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")])
def test_propagation_leaves_the_collector_its_finalizer(store: Store, policy: str, finalizer: str) -> None:
    store.create(DEPLOYMENT, {**config("d"), "spec": {}})
    assert store.delete(DEPLOYMENT, "one", "d", propagation=policy)["metadata"]["finalizers"] == [finalizer]
    assert store.exists(DEPLOYMENT, "one", "d")


def test_a_scheduled_pod_is_given_grace_and_an_impatient_delete_ends_it(store: Store) -> None:
    store.create(POD, {**config("p"), "spec": {"nodeName": "n1", "terminationGracePeriodSeconds": 20}})
    leaving = store.delete(POD, "one", "p")
    assert leaving["metadata"]["deletionGracePeriodSeconds"] == 20
    assert store.delete(POD, "one", "p", grace=60)["metadata"]["deletionGracePeriodSeconds"] == 20
    assert store.delete(POD, "one", "p", grace=5)["metadata"]["deletionGracePeriodSeconds"] == 5
    store.delete(POD, "one", "p", grace=0)
    assert not store.exists(POD, "one", "p")


def test_an_unscheduled_pod_goes_at_once(store: Store) -> None:
    store.create(POD, {**config("p"), "spec": {}})
    store.delete(POD, "one", "p")
    assert not store.exists(POD, "one", "p")


def test_a_namespace_ends_when_its_finalizer_is_removed_and_takes_no_new_content(store: Store) -> None:
    ending = store.delete(NAMESPACE, "", "one")
    assert ending["status"]["phase"] == "Terminating"
    with pytest.raises(ApiError) as caught:
        store.create(CONFIG, config())
    assert caught.value.status_code == 403
    assert caught.value.details["causes"][0]["reason"] == "NamespaceTerminating"
    ending["spec"]["finalizers"] = []
    store.update(NAMESPACE, ending)
    assert store.exists(NAMESPACE, "", "one")
    store.update(NAMESPACE, {**ending, "metadata": {"name": "one"}}, subresource="finalize")
    assert not store.exists(NAMESPACE, "", "one")


def test_dry_runs_leave_no_trace(store: Store) -> None:
    before = store.resource_version
    store.create(CONFIG, config(), dry_run=True)
    store.delete(NAMESPACE, "", "one", dry_run=True)
    assert store.resource_version == before
    assert not store.exists(CONFIG, "one", "c")


def test_subscribers_see_every_write_in_order_even_those_of_a_subscriber(store: Store) -> None:
    seen: list[tuple[str, str]] = []

    def echo(kind: kinds.Kind, event: str, obj: dict[str, Any]) -> None:
        if obj["metadata"]["name"] == "c" and event == "ADDED":
            store.create(CONFIG, config("echo"))

    store.subscribe(echo)
    store.subscribe(lambda kind, event, obj: seen.append((event, obj["metadata"]["name"])))
    store.create(CONFIG, config())
    assert seen == [("ADDED", "c"), ("ADDED", "echo")]


async def test_a_watch_gets_what_happened_since_and_what_happens(store: Store) -> None:
    since = store.resource_version
    made = store.create(CONFIG, config())
    stream = store.watch(CONFIG, "one", since)
    made["data"]["a"] = "2"
    store.update(CONFIG, made)
    store.delete(CONFIG, "one", "c")
    changes = [await stream.next() for _ in range(3)]
    stream.close()
    assert await stream.next() is None
    assert [change.type for change in changes if change] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(change.object["metadata"]["resourceVersion"]) for change in changes if change]
    assert versions == sorted(versions)
    assert len(set(versions)) == 3


def test_history_is_bounded_and_can_be_compacted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HISTORY", 5)
    since = store.resource_version
    for number in range(7):
        store.create(CONFIG, config(f"c{number}"))
    with pytest.raises(ApiError) as caught:
        store.watch(CONFIG, None, since)
    assert caught.value.status_code == 410
    late = str(int(store.resource_version) - 1)
    store.watch(CONFIG, None, late).close()
    store.compact()
    with pytest.raises(ApiError):
        store.watch(CONFIG, None, late)


def test_an_earlier_moment_can_be_read(store: Store) -> None:
    kept = store.create(CONFIG, config("kept"))
    store.create(CONFIG, config("gone"))
    then = int(store.resource_version)
    store.delete(CONFIG, "one", "gone")
    store.create(CONFIG, config("late"))
    kept["data"]["a"] = "changed"
    store.update(CONFIG, kept)
    past = {obj["metadata"]["name"]: obj["data"]["a"] for obj in store.select(CONFIG, at=then)}
    assert past == {"gone": "1", "kept": "1"}


def test_a_dump_comes_back_with_its_version_and_without_its_history(store: Store) -> None:
    store.create(CONFIG, config())
    other = Store()
    other.load(store.dump())
    assert other.get(CONFIG, "one", "c") == store.get(CONFIG, "one", "c")
    assert other.resource_version == store.resource_version
    other.watch(CONFIG, None, other.resource_version).close()
    with pytest.raises(ApiError):
        other.watch(CONFIG, None, int(other.resource_version) - 1)
