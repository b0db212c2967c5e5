"""Which nodes count when pods are spread. On a real scheduler: tests/cluster/test_charts_spread.py."""

from __future__ import annotations

from typing import Any

import pytest

from sensei_tui.rehearsal.controllers.placement import Place, refusal

HOST = "kubernetes.io/hostname"
RULE = {
    "maxSkew": 1,
    "topologyKey": HOST,
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app": "web"}},
}


def pod(**rule: Any) -> dict[str, Any]:
    spec = {"containers": [], "topologySpreadConstraints": [{**RULE, **rule}]}
    return {"metadata": {"name": "web", "namespace": "n", "labels": {"app": "web"}}, "spec": spec}


def node(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {HOST: name}},
        "spec": spec,
        "status": {"allocatable": {"pods": "110"}},
    }


CLOSED = [{"unschedulable": True}, {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}]


@pytest.mark.parametrize("closed", CLOSED)
def test_a_tainted_node_counts_unless_taints_are_honoured(closed: dict[str, Any]) -> None:
    places = [Place(node("a"), [pod()]), Place(node("b", **closed))]
    assert refusal(pod(), places[0], places) is not None
    assert refusal(pod(nodeTaintsPolicy="Honor"), places[0], places) is None
    assert refusal(pod(nodeTaintsPolicy="Honor"), places[1], places) is not None, "and takes no pod"
