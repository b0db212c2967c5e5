"""The manifests an administrator applies."""

from __future__ import annotations

import pytest

from sensei_tui.preflight import access
from sensei_tui.site.charts import charts_dir


def test_every_kind_in_the_charts_is_granted() -> None:
    plurals = {
        "Secret": "secrets",
        "Ingress": "ingresses",
        "HTTPRoute": "httproutes",
        "NetworkPolicy": "networkpolicies",
    }
    kinds = {
        line.split(":", 1)[1].strip()
        for path in charts_dir().rglob("templates/*")
        for line in path.read_text().splitlines()
        if line.startswith("kind:")
    }
    granted = {row.resource for row in (*access.CHARTS, *access.OURS)}
    assert {plurals.get(kind, f"{kind.lower()}s") for kind in kinds} <= granted


@pytest.mark.parametrize("kind", ["User", "Group"])
def test_a_subject_is_bound_to_both_roles(kind: str) -> None:
    objects = access.manifests("sensei", access.Subject("User" if kind == "User" else "Group", "night-shift"))
    bindings = [item for item in objects if item["kind"].endswith("Binding")]
    assert [item["subjects"][0]["kind"] for item in bindings] == [kind, kind]
    assert not any(item["kind"] == "ServiceAccount" for item in objects)


def test_a_service_account_elsewhere_is_not_made() -> None:
    here = access.manifests("sensei", access.Subject("ServiceAccount", "ops", "sensei"))
    there = access.manifests("sensei", access.Subject("ServiceAccount", "ops", "tools"))
    assert [item["kind"] for item in here].count("ServiceAccount") == 1
    assert [item["kind"] for item in there].count("ServiceAccount") == 0


def test_two_subjects_have_bindings_of_their_own() -> None:
    subjects = [access.Subject("User", "alice"), access.Subject("User", "bob"), access.Subject("Group", "bob"),
                access.Subject("User", "Bob"), access.Subject("User", "ops@example.com")]  # fmt: skip
    names = {subject.binding for subject in subjects}
    assert len(names) == len(subjects)
    assert all(name.strip("-") == name and name.replace("-", "").isalnum() for name in names)


def test_nothing_outside_the_namespace_is_written() -> None:
    assert {verb for row in access.CLUSTER for verb in row.verbs} <= {"list", "watch"}
