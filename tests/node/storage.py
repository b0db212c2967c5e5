"""The node's volumes: claims of the default StorageClass get a directory each, as a local volume (which knows fsGroup)."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fixtures_cluster import Client

CLASS = "node-disk"
PROVISIONER = "node.sensei.test/disk"
_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
_VOLUMES = "/api/v1/persistentvolumes"
_EVERY = 0.3


@contextmanager
def provisioner(admin: Client, directory: Path, node: str) -> Iterator[None]:
    """Volumes are made and removed for the time of the block."""
    made = admin.request("POST", _CLASSES, _class())
    assert made.status == 201, made.body
    ended = threading.Event()
    thread = threading.Thread(target=_serve, args=(admin, directory, node, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(30)


def _class() -> dict[str, Any]:
    return {
        "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": PROVISIONER, "volumeBindingMode": "WaitForFirstConsumer", "reclaimPolicy": "Delete",
    }  # fmt: skip


def _serve(admin: Client, directory: Path, node: str, ended: threading.Event) -> None:
    while not ended.wait(_EVERY):
        try:
            for claim in admin.request("GET", "/api/v1/persistentvolumeclaims").body["items"]:
                _provide(admin, claim, directory, node)
            for volume in admin.request("GET", _VOLUMES).body["items"]:
                _reclaim(admin, volume)
        except OSError:
            continue  # the API server is busy, or ends


def _provide(admin: Client, claim: dict[str, Any], directory: Path, node: str) -> None:
    chosen = (claim["metadata"].get("annotations") or {}).get("volume.kubernetes.io/selected-node")
    if claim["spec"].get("storageClassName") != CLASS or claim["spec"].get("volumeName") or chosen != node:
        return
    place = directory / f"pvc-{claim['metadata']['uid']}"
    place.mkdir(parents=True, exist_ok=True)  # root's, as a new file system is: who may write is fsGroup's to say
    admin.request("POST", _VOLUMES, _volume(claim, place, node))


def _volume(claim: dict[str, Any], place: Path, node: str) -> dict[str, Any]:
    meta, spec = claim["metadata"], claim["spec"]
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {
        "metadata": {"name": place.name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]}, "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete", "storageClassName": CLASS, "local": {"path": str(place)},
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": meta["namespace"],
                         "name": meta["name"], "uid": meta["uid"]},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }  # fmt: skip


def _reclaim(admin: Client, volume: dict[str, Any]) -> None:
    if volume["spec"].get("storageClassName") == CLASS and volume["status"].get("phase") == "Released":
        shutil.rmtree(volume["spec"]["local"]["path"], ignore_errors=True)
        admin.request("DELETE", f"{_VOLUMES}/{volume['metadata']['name']}")
