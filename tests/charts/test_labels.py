"""Labels by which everything is found, and images that can be listed before anything is installed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from sensei_tui.health.components import COMPONENTS
from sensei_tui.helm.images import pulled
from sensei_tui.helm.manifest import key
from tests.charts import helpers
from tests.charts.helpers import NAMESPACE, SCENARIOS, Scenario

PREFIX = "app.kubernetes.io/"
POD = {"name", "instance", "component", "part-of"}
OBJECT = {*POD, "managed-by", "version"}
OTHERS = {"backup", "restore", "buckets", "migrations", "test", "config", "network-policy", "license"}
"""Components that the health board does not show."""
_FIXED = re.compile(r"^(?P<path>[^@]+?)(:(?!latest$)[A-Za-z0-9_][A-Za-z0-9._-]*|@sha256:[0-9a-f]{64})$")


def labelled(scenario: Scenario) -> Iterator[tuple[str, dict[str, str]]]:
    """Every object and every pod, with the labels it has without their prefix."""
    for item in scenario.all:
        yield key(item), item["metadata"]["labels"]
    for name, template in scenario.pods():
        yield f"pod of {name}", template["metadata"]["labels"]


def test_every_object_and_pod_has_its_labels(scenario: Scenario) -> None:
    for release, items in scenario.releases.items():
        for item in items:
            labels = item["metadata"]["labels"]
            assert {PREFIX + name for name in OBJECT} | {"helm.sh/chart"} == labels.keys(), key(item)
            assert labels[f"{PREFIX}instance"] == release
            assert labels[f"{PREFIX}managed-by"] == "Helm"
    for name, labels in labelled(scenario):
        assert {PREFIX + label for label in POD} <= labels.keys(), name
        assert (labels[f"{PREFIX}name"], labels[f"{PREFIX}part-of"]) == ("sensei", "sensei"), name


def test_every_component_is_known(scenario: Scenario) -> None:
    found = {labels[f"{PREFIX}component"] for _, labels in labelled(scenario)}
    assert found <= {component.name for component in COMPONENTS} | OTHERS


def test_pods_of_a_store_do_not_change_with_the_version(scenario: Scenario) -> None:
    for name, template in scenario.pods():
        assert (f"{PREFIX}version" in template["metadata"]["labels"]) is not name.startswith("StatefulSet/"), name


def listed(scenario: Scenario) -> set[str]:
    """What `sensei images` lists."""
    return {item.name for item in pulled({"": scenario.text})}


@pytest.mark.parametrize("name", SCENARIOS)
def test_images_are_listed_with_a_fixed_version(name: str) -> None:
    found = listed(helpers.scenario(name))
    assert [image for image in found if not _FIXED.match(image)] == []
    assert {box["image"] for _, box in helpers.scenario(name).containers()} <= found


@pytest.mark.parametrize("name", ["airgapped", "pull-secret"])
def test_a_registry_of_the_site_holds_everything_that_is_pulled(name: str) -> None:
    found = helpers.scenario(name)
    registry = found.values["global"]["imageRegistry"]
    here = listed(helpers.render(found.values))
    elsewhere = listed(helpers.render({**found.values, "global": {**found.values["global"], "imageRegistry": ""}}))
    assert {image.removeprefix(f"{registry}/") for image in here} == {image.partition("/")[2] for image in elsewhere}
    assert all(image.startswith(f"{registry}/") for image in here)
    assert f"{registry}/sensei/pattern-library:1.0.0" in here


def test_loaders_fetch_from_the_registry_of_the_site(airgapped: Scenario) -> None:
    fetched = {box["args"][1] for _, box in airgapped.containers() if box["name"] == "load"}
    registry = airgapped.values["global"]["imageRegistry"]
    assert fetched == {f"{registry}/sensei/models/llama-3-70b:1.0.0", f"{registry}/sensei/pattern-library:1.0.0"}


def test_nothing_is_outside_the_namespace(scenario: Scenario) -> None:
    assert {item["metadata"]["namespace"] for item in scenario.all} <= {NAMESPACE}
