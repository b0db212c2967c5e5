"""What may never change, taken out of what the charts render to.

python -m tests.charts.frozen    print it, to compare by eye with frozen.yaml
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

from sensei_tui.helm.manifest import is_hook, key
from tests.charts.helpers import Scenario, scenario

FILE = Path(__file__).parent / "frozen.yaml"
FROZEN = ("guide", "airgapped", "backup-volume")
"""Together they have every object that lasts; a scenario with external stores has fewer of them."""
Node = dict[str, Any]


def frozen(found: Scenario) -> Node:
    """By `release Kind/name`: all that data, and a running release, hang on."""
    of = {"StatefulSet": _stateful, "Deployment": _deployment, "Service": _service, "PersistentVolumeClaim": _claim}
    return {
        f"{release} {key(item)}": of[item["kind"]](item)
        for release, items in found.releases.items()
        for item in items
        if item["kind"] in of and not is_hook(item)
    }


def secrets(found: Scenario) -> list[str]:
    """`VARIABLE secret/key`, of every workload that lasts."""
    return sorted({
        f"{entry['name']} {ref['name']}/{ref['key']}"
        for _, pod in found.lasting() for box in [*pod.get("initContainers", []), *pod["containers"]]
        for entry in box.get("env", []) if (ref := entry.get("valueFrom", {}).get("secretKeyRef"))
    })  # fmt: skip


def _stateful(item: Node) -> Node:
    spec, box = item["spec"], item["spec"]["template"]["spec"]["containers"][0]
    claims = {claim["metadata"]["name"]: _claim(claim) for claim in spec["volumeClaimTemplates"]}
    return {
        "selector": spec["selector"]["matchLabels"], "serviceName": spec["serviceName"], "podManagementPolicy": spec["podManagementPolicy"],
        "claims": claims, "retention": spec["persistentVolumeClaimRetentionPolicy"],
        "mounts": {mount["name"]: mount["mountPath"] for mount in box["volumeMounts"] if mount["name"] in claims},
        "paths": {entry["name"]: entry["value"] for entry in box["env"] if _is_path(entry)},
    }  # fmt: skip


def _is_path(entry: Node) -> bool:
    return bool(re.search("PGDATA|DATA_PATH", entry["name"]))


def _deployment(item: Node) -> Node:
    return {"selector": item["spec"]["selector"]["matchLabels"]}


def _service(item: Node) -> Node:
    ports = {port["name"]: f"{port['port']} -> {port['targetPort']}" for port in item["spec"]["ports"]}
    return {"selector": item["spec"]["selector"], "clusterIP": item["spec"].get("clusterIP", "any"), "ports": ports}


def _claim(item: Node) -> Node:
    found = {"modes": item["spec"]["accessModes"], "labels": item["metadata"]["labels"]}
    if kept := item["metadata"].get("annotations", {}).get("helm.sh/resource-policy"):
        # These labels are not part of an identity: the object is applied anew with every version.
        return {"modes": found["modes"], "resource-policy": kept}
    return found


def everything() -> Node:
    """As frozen.yaml has it."""
    objects: Node = {}
    for name in FROZEN:
        objects |= frozen(scenario(name))
    return {
        "objects": dict(sorted(objects.items())),
        "secrets": sorted({item for name in FROZEN for item in secrets(scenario(name))}),
    }


if __name__ == "__main__":
    yaml.safe_dump(everything(), sys.stdout, sort_keys=True, width=200)
