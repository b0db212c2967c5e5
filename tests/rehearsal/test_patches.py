"""Strategic merge patches, JSON patches, and who owns which field after an apply."""

from __future__ import annotations

from typing import Any

import pytest

from sensei_tui.rehearsal import patches, typed
from sensei_tui.rehearsal.errors import ApiError

Tree = dict[str, Any]


def deployment(**spec: Any) -> Tree:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "n"}, "spec": spec}


def containers(*found: Tree, **pod: Any) -> Tree:
    return {"template": {"spec": {"containers": list(found), **pod}}}


def inside(obj: Tree) -> Any:
    return obj["spec"]["template"]["spec"]["containers"]


def apply(live: Tree | None, applied: Tree, manager: str, force: bool = False) -> Tree:
    return patches.server_side_apply("Deployment", live, applied, manager, force)


def owners(obj: Tree) -> dict[str, Any]:
    return {entry["manager"]: entry["fieldsV1"] for entry in obj["metadata"]["managedFields"]}


A, B = {"name": "a", "image": "r/a:1"}, {"name": "b", "image": "r/b:1"}


@pytest.mark.parametrize(
    ("patch", "result"),
    [
        ([{"name": "b", "image": "r/b:2"}], [A, {"name": "b", "image": "r/b:2"}]),
        ([{"name": "c", "image": "r/c:1"}], [{"name": "c", "image": "r/c:1"}, A, B]),
        ([{"name": "a", "$patch": "delete"}], [B]),
        ([{"name": "a", "image": None, "command": ["x"]}], [{"name": "a", "command": ["x"]}, B]),
        ([{"$patch": "replace"}, {"name": "z", "image": "r/z:1"}], [{"name": "z", "image": "r/z:1"}]),
    ],
)
def test_lists_with_keys_are_merged_by_them(patch: list[Tree], result: list[Tree]) -> None:
    assert inside(
        patches.strategic_merge("Deployment", deployment(**containers(A, B)), {"spec": containers(*patch)})
    ) == (result)


def test_an_order_is_kept() -> None:
    patch = {"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
             "containers": [{"name": "b", "tty": True}]}}}}  # fmt: skip
    merged = patches.strategic_merge("Deployment", deployment(**containers(A, B)), patch)
    assert inside(merged) == [{**B, "tty": True}, A]


def test_lists_without_keys_are_replaced_and_sets_are_joined() -> None:
    live = {"metadata": {"finalizers": ["a"]}, "spec": containers({**A, "args": ["1", "2"]})}
    patch = {"metadata": {"finalizers": ["b"]}, "spec": containers({"name": "a", "args": ["3"]})}
    merged = patches.strategic_merge("Deployment", live, patch)
    assert (inside(merged)[0]["args"], merged["metadata"]["finalizers"]) == (["3"], ["b", "a"])
    gone = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert patches.strategic_merge("Deployment", merged, gone)["metadata"]["finalizers"] == ["b"]


def test_another_strategy_takes_the_old_ones_members_away() -> None:
    live = deployment(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}})
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert patches.strategic_merge("Deployment", live, patch)["spec"]["strategy"] == {"type": "Recreate"}


def test_an_item_without_its_key_is_refused() -> None:
    with pytest.raises(ApiError, match="does not contain declared merge key: name"):
        patches.strategic_merge("Deployment", deployment(**containers(A)), {"spec": containers({"image": "x"})})


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/data/none"},
        {"op": "replace", "path": "/none/a", "value": "x"},
        {"op": "test", "path": "/data/a", "value": "2"},
        {"op": "add", "path": "/none/a", "value": "x"},
        {"op": "explode", "path": "/data/a"},
    ],
)
def test_a_json_patch_that_can_not_be_done_is_refused(operation: Tree) -> None:
    with pytest.raises(ApiError) as refused:
        patches.json_patch({"data": {"a": "1"}}, [operation])
    assert refused.value.status_code == 422


def test_json_patch_operations() -> None:
    steps = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "copy", "from": "/data/a", "path": "/data/b~1c"},
        {"op": "move", "from": "/data/a", "path": "/data/d"},
        {"op": "add", "path": "/list/-", "value": 3},
        {"op": "add", "path": "/list/0", "value": 0},
        {"op": "remove", "path": "/list/1"},
    ]
    patched = patches.json_patch({"data": {"a": "1"}, "list": [1, 2]}, steps)
    assert patched == {"data": {"b/c": "1", "d": "1"}, "list": [0, 2, 3]}


def test_each_manager_owns_what_it_applied() -> None:
    made = apply(None, deployment(replicas=1, **containers(A)), "one")
    both = apply(made, deployment(**containers({"name": "b", "image": "r/b:1"})), "two")
    assert [item["name"] for item in inside(both)] == ["a", "b"]
    mine = owners(both)["two"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert mine == {'k:{"name":"b"}': {".": {}, "f:image": {}, "f:name": {}}}
    assert "f:replicas" in owners(both)["one"]["f:spec"]


def test_what_is_applied_no_more_goes_unless_another_owns_it() -> None:
    first = apply(None, deployment(replicas=1, paused=True, **containers(A, B)), "one")
    shared = apply(first, deployment(paused=True), "two")
    left = apply(shared, deployment(**containers(A)), "one")
    assert left["spec"] == {"paused": True, **containers(A)}
    assert "one" in owners(left)
    assert apply(left, deployment(), "two")["spec"] == containers(A)


def test_a_conflict_names_managers_and_fields() -> None:
    made = apply(None, deployment(replicas=1, **containers(A)), "one")
    changed = deployment(replicas=2, **containers({**A, "image": "r/a:2"}))
    with pytest.raises(ApiError) as refused:
        apply(made, changed, "two")
    assert refused.value.status_code == 409
    assert refused.value.message == (
        'Apply failed with 2 conflicts: conflicts with "one":\n'
        "- .spec.replicas\n"
        '- .spec.template.spec.containers[name="a"].image'
    )
    forced = apply(made, changed, "two", force=True)
    assert "f:replicas" not in owners(forced)["one"]["f:spec"]
    assert forced["spec"]["replicas"] == 2


def test_the_same_value_is_shared_not_disputed() -> None:
    made = apply(None, deployment(replicas=1), "one")
    shared = apply(made, deployment(replicas=1), "two")
    assert {"one", "two"} == set(owners(shared))
    with pytest.raises(ApiError, match=r'conflict with "one": \.spec\.replicas'):
        apply(shared, deployment(replicas=3), "two")


def test_an_update_takes_what_it_changes_from_who_applied_it() -> None:
    made = apply(None, deployment(replicas=1, paused=True), "helm")
    scaled = patches.track_update("Deployment", made, {**made, "spec": {"replicas": 3, "paused": True}}, "kubectl",
                                  "Update", "scale")  # fmt: skip
    assert owners(scaled)["kubectl"] == {"f:spec": {"f:replicas": {}}}
    with pytest.raises(ApiError) as refused:
        apply(scaled, deployment(replicas=1, paused=True), "helm")
    assert refused.value.message == (
        'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas'
    )


def test_the_first_apply_meets_what_was_there_before() -> None:
    with pytest.raises(ApiError, match=r'conflict with "before-first-apply" using apps/v1: \.spec\.replicas'):
        apply(deployment(replicas=1), deployment(replicas=2), "one")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"replicaz": 1}, ".spec.replicaz: field not declared in schema"),
        ({"paused": "yes"}, '.spec.paused: expected boolean, got &value.valueUnstructured{Value:"yes"}'),
        (containers(A, A), '.spec.template.spec.containers: duplicate entries for key [name="a"]'),
        ({"selector": []}, ".spec.selector: expected map, got &{[]}"),
        (containers({**A, "command": "x"}),
         '.spec.template.spec.containers[name="a"].command: expected list, got &value.valueUnstructured{Value:"x"}'),
    ],
)  # fmt: skip
def test_what_is_not_of_its_type_is_not_applied(spec: Tree, words: str) -> None:
    with pytest.raises(ApiError) as refused:
        typed.check("Deployment", deployment(**spec))
    assert refused.value.message == f"failed to create typed patch object (n/d; apps/v1, Kind=Deployment): {words}"
