"""Checks of the API server, the nodes' state, storage classes and what we may do. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sensei_tui.base.text import plural
from sensei_tui.cluster.snapshot import Node
from sensei_tui.health.model import Word
from sensei_tui.health.nodes import judge_nodes
from sensei_tui.preflight import thresholds as limit
from sensei_tui.preflight.facts import Facts, Needs, Permission, StorageClass, Unknown, known
from sensei_tui.preflight.model import Status
from sensei_tui.preflight.verdict import Area, Verdict, skipped

API = Area("Cluster API")
STORAGE = Area("Storage")
ACCESS = Area("Access")
ONE_CLASS = "one default, or the one that is named"
SLOW = "Look at the line between this host and the cluster; run from a host that is nearer."


def minor(version: str) -> tuple[int, int]:
    """`v1.36.2-eks` -> (1, 36); (0, 0) for what is no version."""
    match = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


@API.check("api.reachable", "API server", "measured: one small request on an open connection")
def reachable(facts: Facts) -> Verdict:
    """It answers, and not too slowly. That it does not is a failure, not something unknown."""
    server = facts.cluster.server
    if isinstance(server, Unknown):
        return Verdict(Status.FAIL, server.why, "no answer", "an answer", server.remedy)
    text = f"{server.latency * 1000:.0f} ms"
    status = Status.WARN if server.latency > limit.LATENCY_WARN else Status.PASS
    return Verdict(status, f"answers in {text}", text, f"{limit.LATENCY_WARN:.0f} s", SLOW)


@API.check("api.version", "Kubernetes version", "kubeVersion of both charts")
def version(facts: Facts) -> Verdict:
    """Not older than the charts allow."""
    found, floor = known(facts.cluster.server).version, ".".join(map(str, limit.KUBERNETES))
    status = Status.FAIL if minor(found) < limit.KUBERNETES else Status.PASS
    remedy = "Upgrade Kubernetes, one minor version at a time."
    return Verdict(status, f"{found} (minimum {floor})", found, f">= {floor}", remedy)


@API.check("api.skew", "Kubelet versions", "Kubernetes' version skew policy")
def kubelet_skew(facts: Facts) -> Verdict:
    """No kubelet newer than the API server, none more than three minors older."""
    server, nodes = minor(known(facts.cluster.server).version), known(facts.cluster.nodes)
    kubelets = {node.metadata.name: node.status.node_info.kubelet_version for node in nodes}
    wrong = {name: text for name, text in kubelets.items() if not 0 <= _older(server, text) <= limit.KUBELET_OLDER}
    mixed = sorted(set(kubelets.values()))
    summary = f"{', '.join(mixed)} on {plural(len(nodes), 'node')}"
    if wrong:
        summary = f"{plural(len(wrong), 'kubelet')} out of range: {', '.join(sorted(wrong))}"
    status = Status.FAIL if wrong else Status.WARN if len({minor(text) for text in mixed}) > 1 else Status.PASS
    detail = tuple(f"{name}: {text}" for name, text in sorted(wrong.items()))
    remedy = "Upgrade the kubelets: drain the node, upgrade, uncordon."
    return Verdict(status, summary, ", ".join(mixed), "0 to 3 minors older than the API server", remedy, detail)


def _older(server: tuple[int, int], kubelet: str) -> int:
    return server[1] - minor(kubelet)[1]


@API.check("time.jump", "Clock of this host", "measured against the API server's Date header")
def clock_skew(facts: Facts) -> Verdict:
    """Both clocks agree: certificates, tokens and the journal's times depend on it."""
    skew = known(facts.cluster.server).skew
    far = abs(skew)
    status = Status.FAIL if far > limit.SKEW_FAIL else Status.WARN if far > limit.SKEW_WARN else Status.PASS
    side = "behind" if skew > 0 else "ahead of"
    text = f"{far:.0f} s {side} the cluster" if far > limit.SKEW_WARN else "agrees with the cluster's"
    threshold = f"within {limit.SKEW_WARN:.0f} s; beyond {limit.SKEW_FAIL:.0f} s fails"
    remedy = "Set the clock on the side that is wrong: chronyc makestep"
    return Verdict(status, text, f"{skew:+.0f} s", threshold, remedy)


@API.check("node.conditions", "Node conditions", "Node.status.conditions")
def node_conditions(facts: Facts) -> Verdict:
    """Every node ready and without pressure. A node that is down fails only through what is then missing."""
    judged = judge_nodes(known(facts.cluster.nodes), ())
    bad = [node for node in judged if node.word is not Word.OK]
    if not bad:
        return Verdict(Status.PASS, f"{plural(len(judged), 'node')} ready, no pressure", plural(len(judged), "node"))
    detail = tuple(f"{node.name}: {node.conditions}" for node in bad)
    summary = f"{plural(len(bad), 'node')} of {len(judged)}: {'; '.join(detail)}"
    remedy = "kubectl describe node NAME; on it: journalctl -u kubelet"
    return Verdict(Status.WARN, summary, summary, "Ready, no pressure", remedy, detail)


def usable(node: Node) -> bool:
    """Ready, not cordoned, and no taint keeps ordinary pods away."""
    ready = any(item.type == "Ready" and item.status == "True" for item in node.status.conditions)
    kept_away = any(item.effect in ("NoSchedule", "NoExecute") for item in node.spec.taints)
    return ready and not node.spec.unschedulable and not kept_away


# Storage classes.


def wanted_classes(needs: Needs) -> set[str]:
    """The class names the volumes name; the empty one is the default."""
    return {claim.storage_class for claim in needs.claims}


def class_of(name: str, classes: Iterable[StorageClass]) -> StorageClass | None:
    """The class of this name; the default one for the empty name."""
    return next((item for item in classes if (item.name == name if name else item.default)), None)


@STORAGE.check("sc.default", "StorageClass", "every volume of the rendered charts")
def storage_class(facts: Facts) -> Verdict:
    """Each volume finds its class: the one it names, or exactly one default."""
    needs, classes = known(facts.needs), known(facts.cluster.storage_classes)
    if not needs.claims:
        return skipped("no volume is needed: every store is external")
    missing = sorted(name or "(default)" for name in wanted_classes(needs) if class_of(name, classes) is None)
    there = ", ".join(item.name + (" (default)" if item.default else "") for item in classes) or "none"
    if missing:
        remedy = (
            "Name one in global.storageClass, or make one the default: kubectl annotate storageclass NAME "
            "storageclass.kubernetes.io/is-default-class=true"
        )
        summary = f"no StorageClass {', '.join(missing)}; there: {there}"
        return Verdict(Status.FAIL, summary, there, ONE_CLASS, remedy)
    used = [found for name in sorted(wanted_classes(needs)) if (found := class_of(name, classes))]
    summary = ", ".join(f"{item.name} ({item.provisioner})" for item in used)
    if "" in wanted_classes(needs) and sum(item.default for item in classes) > 1:
        remedy = "Leave one default: of several the newest wins."
        return Verdict(Status.WARN, f"several defaults: {there}", there, ONE_CLASS, remedy)
    return Verdict(Status.PASS, summary, there, ONE_CLASS)


@STORAGE.check(
    "sc.binding", "Volume binding", "https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode"
)
def binding(facts: Facts) -> Verdict:
    """Volumes are made where the pod goes."""
    used = _used(facts)
    early = [item.name for item in used if item.binding != "WaitForFirstConsumer"]
    remedy = "Use a class with volumeBindingMode WaitForFirstConsumer, or pods may not reach their volumes."
    if not used:
        return skipped("no volume is needed, or no class for it")
    status = Status.WARN if early else Status.PASS
    summary = f"Immediate: {', '.join(early)}" if early else "WaitForFirstConsumer"
    return Verdict(status, summary, summary, "WaitForFirstConsumer", remedy)


@STORAGE.check("sc.expand", "Volume expansion", "a StatefulSet's volumeClaimTemplates cannot be changed later")
def expansion(facts: Facts) -> Verdict:
    """Volumes can grow later."""
    used = _used(facts)
    if not used:
        return skipped("no volume is needed, or no class for it")
    fixed = [item.name for item in used if not item.expandable]
    summary = f"volumes of {', '.join(fixed)} cannot grow" if fixed else "volumes can grow"
    remedy = "Choose the sizes for years, or a class with allowVolumeExpansion."
    return Verdict(Status.WARN if fixed else Status.PASS, summary, summary, "allowVolumeExpansion", remedy)


def _used(facts: Facts) -> list[StorageClass]:
    classes = known(facts.cluster.storage_classes)
    found = [class_of(name, classes) for name in sorted(wanted_classes(known(facts.needs)))]
    return [item for item in found if item]


# Permissions.


@ACCESS.check("rbac.deploy", "Permissions", "SelfSubjectAccessReview for all that the rendered charts and a run do")
def permissions(facts: Facts) -> Verdict:
    """All that Helm and a run will do is allowed; what only feeds the board may be missing."""
    denied, needs = known(facts.cluster.denied), known(facts.needs)
    hard = [item for item in denied if not item.optional]
    asked = f"{len(needs.permissions)} permissions"
    if not denied:
        return Verdict(Status.PASS, f"all {asked} granted", asked)
    shown = ", ".join(str(item) for item in (hard or denied)[:3])
    more = f" and {len(hard or denied) - 3} more" if len(hard or denied) > 3 else ""
    status = Status.FAIL if hard else Status.WARN
    remedy = "Have a cluster administrator apply what `sensei access --user NAME` prints; missing are:"
    measured = f"{len(denied)} of {asked} missing"
    return Verdict(status, f"not allowed: {shown}{more}", measured, "all of them", remedy, rules(denied))


def rules(missing: Iterable[Permission]) -> tuple[str, ...]:
    """The missing permissions as the rules of a Role, YAML lines; those outside the namespace in a second block."""
    lines: list[str] = []
    items = sorted(missing)
    for title, chosen in (
        ("Role", [item for item in items if item.namespace]),
        ("ClusterRole", [item for item in items if not item.namespace]),
    ):
        verbs: dict[tuple[str, str], list[str]] = {}
        for item in chosen:
            verbs.setdefault((item.group, item.resource), []).append(item.verb)
        if verbs:
            lines.append(f"# {title}")
        lines += [
            f'- {{apiGroups: ["{group}"], resources: ["{resource}"], verbs: [{", ".join(found)}]}}'
            for (group, resource), found in verbs.items()
        ]
    return tuple(lines)
