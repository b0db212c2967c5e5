"""The same actions on the simulated and on a real cluster; what differs is printed as a diff.

A case is one entry of a list in a `test_*.py` here:

    case("a merge patch removes what is null",
         post("configmaps", CONFIG), patch("configmaps/a", {"data": {"x": None}}, MERGE))

Every step's answer is compared, except those of `given(...)` and `until(...)`.
"""

from __future__ import annotations

import difflib
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from sensei_tui.rehearsal import kinds, scenario
from sensei_tui.rehearsal.scenario import Fault
from tests.cluster.kubelets import SPEED
from tests.cluster.mirror import path_of
from tests.cluster.real import RealCluster
from tests.differential import normal
from tests.fixtures_cluster import Client, running_cluster

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
SECONDS = 60.0
"""How long `until` waits."""

_NAMESPACE = "simulated-namespace"
"""No word of any message: it is taken out of answers."""


@dataclass
class Side:
    """One of the two clusters, seen by its administrator, with a namespace for this case."""

    client: Client
    namespace: str

    def path(self, place: str) -> str:
        """`pods/web/status?x=1` in the case's namespace; an address that begins with / is taken as it is."""
        place = place.replace("{ns}", self.namespace)
        if place.startswith("/"):
            return place
        plain, _, query = place.partition("?")
        plural, _, rest = plain.partition("/")
        kind = next((one for one in kinds.KINDS if plural in (one.plural, one.resource)), None)
        assert kind is not None, f"no kind is called {plural!r} in {place!r}"
        name, _, subresource = rest.partition("/")
        found = path_of(kind, self.namespace if kind.namespaced else "", name, subresource)
        return f"{found}?{query}" if query else found


Step = Callable[[Side], Any]
"""Does something; its answer is a JSON value, None is not compared."""


@dataclass(frozen=True)
class Case:
    """`differs`: answers that may differ, as {regex of the path in the answers: section of the ADR that says why}."""

    name: str
    steps: tuple[Step, ...]
    faults: tuple[Fault, ...] = ()
    nodes: bool = False
    differs: dict[str, str] = field(default_factory=dict)


def case(
    name: str, *steps: Step, faults: Sequence[Fault] = (), nodes: bool = False, differs: dict[str, str] | None = None
) -> Case:
    """See Case; `nodes` compares the names of nodes too."""
    return Case(name, steps, tuple(faults), nodes, differs or {})


EVERY: list[Case] = []
"""The cases of every file that has been loaded."""


def differential(cases: list[Case]) -> Any:
    """A test for each case."""
    EVERY.extend(cases)

    @pytest.mark.parametrize("case", cases, ids=lambda one: one.name.replace(" ", "-"))
    def test(case: Case, real: RealCluster, tmp_path: Path) -> None:
        compare(case, real, tmp_path)

    return test


def compare(case: Case, real: RealCluster, directory: Path) -> None:
    """Run a case on both sides. Raises AssertionError with the differences."""
    with real.place(grant=False) as place:
        place.fail(*case.faults)
        ours = _run(case, Side(place.admin, place.namespace))
    with _simulated(directory, case) as side:
        theirs = _run(case, side)
    found = [*_differences("", theirs, ours)]
    unexplained = [path for path in found if not any(re.search(pattern, path) for pattern in case.differs)]
    stale = [pattern for pattern in case.differs if not any(re.search(pattern, path) for path in found)]
    assert not unexplained, "\n".join(["simulated and real differ at", *unexplained, "", *_diff(theirs, ours)])
    assert not stale, f"these no longer differ, take them out of the case and the ADR: {stale}"


def _run(case: Case, side: Side) -> list[Any]:
    answers = [step(side) for step in case.steps]
    return [normal.normal(one, side.namespace, nodes=case.nodes) for one in answers if one is not None]


@contextmanager
def _simulated(directory: Path, case: Case) -> Iterator[Side]:
    found = scenario.Scenario(nodes=scenario.default().nodes, faults=case.faults, speed=SPEED)
    with running_cluster(directory, found.text()) as cluster:
        cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": _NAMESPACE}})
        yield Side(cluster, _NAMESPACE)


def _differences(path: str, first: Any, second: Any) -> Iterator[str]:
    """The paths at which two JSON values differ."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in sorted({*first, *second}):
            yield from _differences(f"{path}.{key}", first.get(key, _ABSENT), second.get(key, _ABSENT))
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for number, (one, two) in enumerate(zip(first, second, strict=True)):
            yield from _differences(f"{path}[{number}]", one, two)
    elif first != second or type(first) is not type(second):
        yield path


_ABSENT = object()


def _diff(simulated: Any, real: Any) -> list[str]:
    one, two = (json.dumps(value, indent=1, sort_keys=True).splitlines() for value in (simulated, real))
    return list(difflib.unified_diff(one, two, "simulated", "real", lineterm="", n=2))


# What a case is made of.


def request(method: str, place: str, body: Any = None, media: str = "application/json", **headers: str) -> Step:
    """One request; the answer is its status, body and warnings. A body that is a text is sent as it is."""

    def step(side: Side) -> Any:
        reply = side.client.request(method, side.path(place), _content(body, side), media=media, **headers)
        warnings = reply.headers.get_all("Warning")
        return {"status": reply.status, "body": reply.body, **({"warnings": warnings} if warnings else {})}

    return step


def _content(body: Any, side: Side) -> bytes | None:
    if body is None:
        return None
    text = body if isinstance(body, str) else json.dumps(body)
    return text.replace("{ns}", side.namespace).encode()


def get(place: str, **headers: str) -> Step:
    return request("GET", place, **headers)


def post(place: str, body: Any) -> Step:
    return request("POST", place, body)


def put(place: str, body: Any) -> Step:
    return request("PUT", place, body)


def patch(place: str, body: Any, media: str = MERGE) -> Step:
    return request("PATCH", place, body, media)


def delete(place: str, body: Any = None) -> Step:
    return request("DELETE", place, body)


def apply(place: str, body: Any, manager: str, *, force: bool = False) -> Step:
    """A server-side apply."""
    joined = "&" if "?" in place else "?"
    return request("PATCH", f"{place}{joined}fieldManager={manager}&force={str(force).lower()}", body, APPLY)


def kubectl(*arguments: str, stdin: str = "") -> Step:
    """A command in the case's namespace; the answer is its exit code and the lines it printed."""

    def step(side: Side) -> Any:
        done = side.client.kubectl_run("-n", side.namespace, *arguments, stdin=stdin.replace("{ns}", side.namespace))
        return {
            "code": done.returncode,
            "out": normal.table(done.stdout, side.namespace),
            "err": normal.table(done.stderr, side.namespace),
        }

    return step


def objects(*text: str) -> Step:
    """Create objects (YAML); they must be accepted, their answers are not compared."""

    def step(side: Side) -> None:
        for obj in (one for part in text for one in yaml.safe_load_all(part) if one):
            kind = kinds.by_kind(obj["apiVersion"], obj["kind"])
            assert kind is not None, obj
            reply = side.client.request("POST", path_of(kind, side.namespace if kind.namespaced else ""), obj)
            assert reply.status == 201, reply.body

    return step


def given(*steps: Step) -> Step:
    """Do these without comparing their answers."""

    def step(side: Side) -> None:
        for one in steps:
            one(side)

    return step


def until(place: str, ready: Callable[[Any], Any]) -> Step:
    """Wait until `ready(body)` is true of what is there; not compared."""

    def step(side: Side) -> None:
        deadline, body = time.monotonic() + SECONDS, None
        while time.monotonic() < deadline:
            body = side.client.request("GET", side.path(place)).body
            if _true(ready, body):
                return
            time.sleep(0.05)
        raise AssertionError(f"{place} on {side.client.url}: never as wanted:\n{json.dumps(body, indent=1)}")

    return step


def _true(ready: Callable[[Any], Any], body: Any) -> bool:
    try:
        return bool(ready(body))
    except (KeyError, IndexError, TypeError):
        return False


def only(step: Step, pick: Callable[[Any], Any]) -> Step:
    """The part of a step's answer that `pick` takes: `only(get("pods"), lambda a: len(a["body"]["items"]))`."""
    return lambda side: {"only": pick(step(side))}


def events(name: str) -> Step:
    """What the events about an object say, in order of reason; counts and times are left out."""

    def step(side: Side) -> Any:
        items = side.client.request("GET", side.path("events")).body["items"]
        about = [one for one in items if re.fullmatch(name, one["involvedObject"]["name"])]
        told = {
            (one["type"], one["reason"], one["message"], (one.get("source") or {}).get("component", ""),
             one.get("reportingComponent") or "")
            for one in about
        }  # fmt: skip
        return sorted(list(one) for one in told)

    return step


def watched(place: str, *steps: Step, count: int) -> Step:
    """The first `count` events of a watch during which the steps are done: type and object of each."""

    def step(side: Side) -> Any:
        with side.client.watch(side.path(place)) as stream:
            for one in steps:
                one(side)
            return [next(stream) for _ in range(count)]

    return step


def condition(kind: str, status: str = "True") -> Callable[[Any], bool]:
    """For `until`: the object has this condition."""
    return lambda body: any(
        one["type"] == kind and one["status"] == status for one in body["status"].get("conditions", ())
    )
