"""What NetworkPolicies let through: the rules of the Kubernetes API, over rendered objects. No network is asked.

A connection is let through when the policies of the pod it leaves allow it out, and those of the pod it reaches allow it in; a
pod that no policy of a direction selects is open in that direction.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.charts.helpers import NAMESPACE, Scenario

Node = Mapping[str, Any]
NAME = "kubernetes.io/metadata.name"
"""A label that every namespace has."""


class Pod(NamedTuple):
    """One end of a connection."""

    labels: Mapping[str, str]
    ports: Mapping[str, int] = {}
    namespace: str = NAMESPACE


class Outside(NamedTuple):
    """The other end, where it is no pod."""

    address: str


End = Pod | Outside


class Network:
    """The policies of a scenario, all in one namespace."""

    def __init__(self, found: Scenario) -> None:
        self.policies = list(found.of("NetworkPolicy").values())
        self.pods = {_component(template): _pod(template) for _, template in found.pods()}

    def passes(self, source: End, target: End, port: int, protocol: str = "TCP") -> bool:
        """Whether a connection is let through."""
        out = self._allows("egress", source, target, target, port, protocol)
        return out and self._allows("ingress", target, source, target, port, protocol)

    def _allows(self, direction: str, mine: End, other: End, target: End, port: int, protocol: str) -> bool:
        policies = [
            one["spec"] for one in self.policies if isinstance(mine, Pod) and _isolates(one["spec"], direction, mine)
        ]
        rules = [rule for spec in policies for rule in spec.get(direction) or ()]
        peers = "to" if direction == "egress" else "from"
        return not policies or any(
            _ports(rule, target, port, protocol) and _peers(rule.get(peers), other) for rule in rules
        )


def _component(template: Node) -> str:
    return str(template["metadata"]["labels"]["app.kubernetes.io/component"])


def _pod(template: Node) -> Pod:
    ports = [port for box in template["spec"]["containers"] for port in box.get("ports", ())]
    return Pod(template["metadata"]["labels"], {port["name"]: port["containerPort"] for port in ports})


def _isolates(spec: Node, direction: str, pod: Pod) -> bool:
    usual = ["Ingress", *(["Egress"] if "egress" in spec else [])]
    types = [item.lower() for item in spec.get("policyTypes", usual)]
    return direction in types and pod.namespace == NAMESPACE and selects(spec["podSelector"], pod.labels)


def selects(selector: Node, labels: Mapping[str, str]) -> bool:
    """A label selector; an empty one selects everything."""
    wanted = selector.get("matchLabels") or {}
    return wanted.items() <= labels.items() and all(
        _holds(item, labels) for item in selector.get("matchExpressions") or ()
    )


def _holds(expression: Node, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    holds = {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }
    return holds[expression["operator"]]


def _ports(rule: Node, target: End, port: int, protocol: str) -> bool:
    """A named port is one of the pod that is reached; a rule without ports is about all of them."""
    named = target.ports if isinstance(target, Pod) else {}
    return not rule.get("ports") or any(
        item.get("protocol", "TCP") == protocol
        and _from(item, named) <= port <= item.get("endPort", _from(item, named))
        for item in rule["ports"]
    )


def _from(item: Node, named: Mapping[str, int]) -> int:
    wanted = item.get("port", 0)
    return named.get(wanted, -1) if isinstance(wanted, str) else int(wanted)


def _peers(peers: list[Node] | None, other: End) -> bool:
    """A rule without peers is about everybody."""
    return not peers or any(_is_peer(peer, other) for peer in peers)


def _is_peer(peer: Node, other: End) -> bool:
    if "ipBlock" in peer:
        # A pod's address is no business of the charts'.
        return isinstance(other, Outside) and _in_block(peer["ipBlock"], other.address)
    if not isinstance(other, Pod):
        return False
    spaces = (
        selects(peer["namespaceSelector"], {NAME: other.namespace})
        if "namespaceSelector" in peer
        else other.namespace == NAMESPACE
    )
    return spaces and selects(peer.get("podSelector") or {}, other.labels)


def _in_block(block: Node, address: str) -> bool:
    found = ipaddress.ip_address(address)
    return found in ipaddress.ip_network(block["cidr"]) and not any(
        found in ipaddress.ip_network(item) for item in block.get("except", ())
    )
