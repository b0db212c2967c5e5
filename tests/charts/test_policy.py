"""Every pod of every scenario meets the restricted Pod Security standard, and a pod that did not would be found."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from sensei_tui.rehearsal.podsecurity import complaints
from tests.charts import helpers
from tests.charts.helpers import SCENARIOS, Scenario

Pod = dict[str, Any]


def test_every_pod_meets_the_standard(scenario: Scenario) -> None:
    pods = dict(scenario.pods())
    assert len(pods) >= 13
    assert {name: why for name, template in pods.items() if (why := complaints(template["spec"], "restricted"))} == {}


def _box(pod: Pod) -> Pod:
    context: Pod = pod["containers"][0]["securityContext"]
    return context


MUTATIONS: dict[str, Callable[[Pod], object]] = {
    "privileged (": lambda pod: _box(pod).update(privileged=True, allowPrivilegeEscalation=True),
    "runAsNonRoot != true": lambda pod: pod["securityContext"].pop("runAsNonRoot"),
    "runAsUser=0": lambda pod: pod["securityContext"].update(runAsUser=0),
    "hostPath": lambda pod: pod["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
    "seccompProfile": lambda pod: pod["securityContext"].pop("seccompProfile"),
    '"SYS_ADMIN"': lambda pod: _box(pod)["capabilities"].update(add=["SYS_ADMIN"]),
    "hostNetwork=true": lambda pod: pod.update(hostNetwork=True),
    "hostPort": lambda pod: pod["containers"][0].update(ports=[{"containerPort": 80, "hostPort": 80}]),
    "allowPrivilegeEscalation != false": lambda pod: _box(pod).update(allowPrivilegeEscalation=True),
    "unrestricted capabilities": lambda pod: _box(pod).pop("capabilities"),
}
"""Words of the complaint, and what calls for it."""


@pytest.mark.parametrize("words", MUTATIONS)
def test_a_pod_that_does_not_would_be_found(words: str, guide_default: Scenario) -> None:
    for name, template in guide_default.pods():
        pod = copy.deepcopy(template["spec"])
        MUTATIONS[words](pod)
        assert words in complaints(pod, "restricted"), name


def test_a_loader_is_looked_at_as_well(airgapped: Scenario) -> None:
    pod = copy.deepcopy(airgapped.of("Deployment")["sensei-llm"]["spec"]["template"]["spec"])
    pod["initContainers"][0]["securityContext"]["privileged"] = True
    assert 'privileged (container "load"' in complaints(pod, "restricted")


@pytest.mark.parametrize("name", SCENARIOS)
def test_beyond_the_standard(name: str) -> None:
    """No token of an account, nothing to write but volumes, one user for all of a pod."""
    for where, template in helpers.scenario(name).pods():
        pod = template["spec"]
        assert pod["automountServiceAccountToken"] is False, where
        assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] > 0, where
        for box in [*pod.get("initContainers", []), *pod["containers"]]:
            assert box["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }, where  # fmt: skip
