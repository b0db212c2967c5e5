"""Watches: what they send, in which order, and how they end."""

from __future__ import annotations

from typing import Any

from tests.differential.samples import SECRET, changed, pod
from tests.differential.suite import Side, Step, case, delete, differential, get, given, only, patch, post, watched

A = SECRET
B = changed(SECRET, metadata={"name": "b", "labels": {"on": "yes"}})
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def label(name: str, value: str | None) -> Step:
    return patch(f"secrets/{name}", {"metadata": {"labels": {"on": value}}})


def ends(place: str, **headers: str) -> Step:
    """All that a watch sends until the server ends it."""

    def step(side: Side) -> Any:
        with side.client.watch(side.path(place), **headers) as stream:
            return list(stream)

    return step


def now(place: str) -> Step:
    """What a watch sends that starts at the version of a list."""

    def step(side: Side) -> Any:
        version = get("secrets")(side)["body"]["metadata"]["resourceVersion"]
        given(post("secrets", B))(side)
        return ends(f"{place}&resourceVersion={version}")(side)

    return step


CASES = [
    case("the life of an object", watched("secrets?watch=1", post("secrets", A), label("a", "yes"), delete("secrets/a"), count=3)),
    case("what is there comes first", given(post("secrets", A), post("secrets", B)), watched("secrets?watch=1", count=2),
         watched("secrets?watch=1&resourceVersion=0", count=2)),
    case("a selector that objects enter and leave", given(post("secrets", A)), watched(
        "secrets?watch=1&labelSelector=on=yes", label("a", "yes"), patch("secrets/a", {"data": {"z": "eg=="}}), label("a", "no"),
        label("a", "yes"), delete("secrets/a"), count=5)),
    case("a watch of one name", given(post("secrets", A)), watched(
        "secrets?watch=1&fieldSelector=metadata.name=b", post("secrets", B), delete("secrets/a"), delete("secrets/b"), count=2)),
    case("from the version of a list", given(post("secrets", A)), now("secrets?watch=1&timeoutSeconds=1")),
    case("a watch ends in its time", given(post("secrets", A)), ends("secrets?watch=1&timeoutSeconds=1")),
    case("initial events and their end", given(post("secrets", A), post("secrets", B)), watched(
        "secrets?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan", count=3)),
    case("initial events of nothing", watched(
        "secrets?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&resourceVersion=0", post("secrets", A), count=2)),
    case("initial events, wrongly asked for", get("secrets?watch=1&sendInitialEvents=true"), get("secrets?sendInitialEvents=true"),
         get("secrets?watch=1&sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=1"),
         get("secrets?watch=1&resourceVersionMatch=NotOlderThan")),
    case("a version that is none", get("secrets?watch=1&resourceVersion=x"), get("secrets?watch=1&labelSelector=a=b=c"),
         get("secrets?watch=1&fieldSelector=x=y")),
    case("a watch of tables", given(post("pods", pod())), only(ends("pods?watch=1&timeoutSeconds=1", accept=TABLE), lambda a: [
        [one["type"], one["object"]["kind"], [two["name"] for two in one["object"]["columnDefinitions"] or ()], one["object"]["rows"][0]["cells"][:4]]
        for one in a])),
    case("a watch of metadata", given(post("secrets", A)), ends(
        "secrets?watch=1&timeoutSeconds=1", accept="application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")),
    case("a pod goes at once", given(post("pods", pod())), watched("pods?watch=1", delete("pods/a", {"gracePeriodSeconds": 0}), count=3)),
    case("a pod with a finalizer goes", given(post("pods", {**pod(), "metadata": {"name": "a", "finalizers": ["example.com/held"]}})), watched(
        "pods?watch=1", delete("pods/a"), patch("pods/a", {"metadata": {"finalizers": None}}), count=3)),
]  # fmt: skip

test_watches = differential(CASES)
