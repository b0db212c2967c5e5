"""Data outlives a version: names, selectors, volume claims, paths and passwords are those of frozen.yaml."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.charts.frozen import FILE, everything, frozen, secrets
from tests.charts.helpers import SCENARIOS, Scenario, render, scenario

Node = dict[str, Any]
KEPT: Node = yaml.safe_load(FILE.read_text())


def test_frozen_file_has_everything_that_lasts() -> None:
    assert everything() == KEPT, "a change here loses data: see the head of frozen.yaml"


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_scenario_has_it_otherwise(name: str) -> None:
    for key, value in frozen(scenario(name)).items():
        assert value == _kept(key, value), key


def _kept(key: str, value: Node) -> Node:
    """As frozen, where a store has fewer volumes for each pod."""
    found: Node = copy.deepcopy(KEPT["objects"][key])
    for part in ("claims", "mounts"):
        if part in found:
            found[part] = {name: item for name, item in found[part].items() if name in value[part] or name == "data"}
    return found


@pytest.mark.parametrize("name", SCENARIOS)
def test_passwords_of_bundled_stores_are_under_their_names(name: str) -> None:
    ours = {item for item in secrets(scenario(name)) if "sensei-" in item}
    assert ours <= {*KEPT["secrets"]}


def test_a_new_major_version_of_postgresql_is_a_new_path_on_the_same_volume() -> None:
    new = frozen(render({"postgresql": {"major": 18, "image": {"tag": "18.1"}}}))[
        "sensei-deps StatefulSet/sensei-postgresql"
    ]
    old = copy.deepcopy(KEPT["objects"]["sensei-deps StatefulSet/sensei-postgresql"])
    assert new.pop("paths") == {"PGDATA": "/var/lib/postgresql/18/data"}
    assert old.pop("paths") == {"PGDATA": "/var/lib/postgresql/17/data"}
    assert new == old


def _stateful(found: Scenario) -> Node:
    item: Node = found.of("StatefulSet")["sensei-redis"]
    return item


CHANGES: dict[str, Callable[[Node], object]] = {
    "name": lambda item: item["metadata"].update(name="sensei-valkey"),
    "selector": lambda item: item["spec"]["selector"]["matchLabels"].update({"app.kubernetes.io/version": "1.0.0"}),
    "service": lambda item: item["spec"].update(serviceName="sensei-redis"),
    "claim's name": lambda item: item["spec"]["volumeClaimTemplates"][0]["metadata"].update(name="redis"),
    "claim's label": lambda item: item["spec"]["volumeClaimTemplates"][0]["metadata"]["labels"].update(x="y"),
    "access mode": lambda item: item["spec"]["volumeClaimTemplates"][0]["spec"].update(accessModes=["ReadWriteMany"]),
    "mount": lambda item: item["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][-1].update(mountPath="/d"),
    "retention": lambda item: item["spec"]["persistentVolumeClaimRetentionPolicy"].update(whenDeleted="Delete"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_would_be_found(change: Callable[[Node], object], guide_default: Scenario) -> None:
    found = guide_default._replace(dependencies=copy.deepcopy(guide_default.dependencies))
    change(_stateful(found))
    changed = frozen(found)
    assert {key for key in changed if changed[key] != KEPT["objects"].get(key)} in (
        {"sensei-deps StatefulSet/sensei-redis"}, {"sensei-deps StatefulSet/sensei-valkey"})  # fmt: skip
