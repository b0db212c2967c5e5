"""PersistentVolumeClaims get volumes: at once, or when a pod is about to be placed."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from sensei_tui.base import quantity
from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.world import World, condition, condition_is
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, clone

CLAIM = kinds.named("PersistentVolumeClaim")
CLASS = kinds.named("StorageClass")
VOLUME = kinds.named("PersistentVolume")
POD = kinds.named("Pod")
ENDED = ("Succeeded", "Failed")
SELECTED_NODE = "volume.kubernetes.io/selected-node"
_COMPONENT = "persistentvolume-controller"
_USED = ("PodUsingPVC", "A pod is currently referencing this PVC")
_UNUSED = ("NoPodsUsingPVC", "No pods are currently referencing this PVC")
_PROVISION = 1.5
"""Seconds that a real provisioner takes for a network volume."""


class Claims:
    def __init__(self, world: World) -> None:
        self._world = world
        self._ready: set[str] = set()

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        if kind is CLAIM and event == "DELETED":
            self._release(obj)
        elif kind is CLAIM:
            return [(obj["metadata"]["namespace"], obj["metadata"]["name"])]
        elif kind is CLASS and event == "ADDED":
            every = self._world.store.select(CLAIM)
            return [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in every if not bound(one)]
        elif kind is POD:
            return [(obj["metadata"]["namespace"], name) for name in claims_of(obj)]
        return ()

    def _release(self, claim: Object) -> None:
        """What becomes of the volume when its claim has gone."""
        volume = self._world.find(VOLUME, "", claim["spec"].get("volumeName", ""))
        if volume is None:
            return
        if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            self._world.delete(VOLUME, volume)
        else:
            self._phase(volume, "Released")

    def _phase(self, volume: Object, phase: str) -> None:
        self._world.set_status(VOLUME, volume, phase=phase, lastPhaseTransitionTime=self._world.now())

    def reconcile(self, namespace: str, name: str) -> float | None:
        claim = self._world.find(CLAIM, namespace, name)
        if claim is None or "deletionTimestamp" in claim["metadata"]:
            return None
        if bound(claim):
            self._expand(claim)
            self._mark_use(claim)
            return None
        storage = self._world.find(CLASS, "", claim["spec"].get("storageClassName") or "")
        if storage is None:
            self._no_class(claim)
            return None
        waits = storage.get("volumeBindingMode") == "WaitForFirstConsumer"
        if waits and SELECTED_NODE not in (claim["metadata"].get("annotations") or {}):
            text = "waiting for first consumer to be created before binding"
            self._world.event(CLAIM, claim, "WaitForFirstConsumer", text, _COMPONENT)
            return None
        return self._provision(claim, storage)

    def _mark_use(self, claim: Object) -> None:
        """The condition Unused, which tells since when no pod refers to the claim."""
        found = claim["metadata"]
        pods = self._world.store.select(POD, found["namespace"])
        used = any(found["name"] in claims_of(pod) and pod["status"].get("phase") not in ENDED for pod in pods)
        if condition_is(claim, "Unused", str(not used)):
            return
        why = _USED if used else _UNUSED
        status = condition(claim["status"], "Unused", not used, self._world.now(), reason=why[0], message=why[1])
        timed = [{"lastProbeTime": None, **item} for item in status["conditions"]]
        self._world.set_status(CLAIM, claim, conditions=timed)

    def _no_class(self, claim: Object) -> None:
        name = claim["spec"].get("storageClassName")
        if name:
            text = f'storageclass.storage.k8s.io "{name}" not found'
            self._world.event(CLAIM, claim, "ProvisioningFailed", text, _COMPONENT, warning=True)
        else:
            text = "no persistent volumes available for this claim and no storage class is set"
            self._world.event(CLAIM, claim, "FailedBinding", text, _COMPONENT)

    def _provision(self, claim: Object, storage: Object) -> float | None:
        uid = claim["metadata"]["uid"]
        if uid not in self._ready:
            self._ready.add(uid)
            text = f"Waiting for a volume to be created either by the external provisioner '{storage['provisioner']}' "
            text += "or manually by the system administrator."
            self._world.event(CLAIM, claim, "ExternalProvisioning", text, _COMPONENT)
            return _PROVISION
        self._ready.discard(uid)
        if not self._fits(claim, storage):
            text = f'failed to provision volume with StorageClass "{storage["metadata"]["name"]}": '
            text += "rpc error: code = ResourceExhausted desc = not enough free space"
            self._world.event(CLAIM, claim, "ProvisioningFailed", text, storage["provisioner"], warning=True)
            return 15.0
        self._bind(claim, storage)
        return None

    def _fits(self, claim: Object, storage: Object) -> bool:
        name = storage["metadata"]["name"]
        spec = next((one for one in self._world.scenario.storage_classes if one.name == name), None)
        if spec is None:
            return True
        taken = sum(
            (size_of(one["spec"]["capacity"]) for one in self._world.store.select(VOLUME)
             if one["spec"].get("storageClassName") == name), Decimal(0),
        )  # fmt: skip
        return taken + size_of(claim["spec"]["resources"]["requests"]) <= quantity.parse(spec.capacity)

    def _bind(self, claim: Object, storage: Object) -> None:
        volume, spec = volume_for(claim, storage), claim["spec"]
        name, capacity = volume["metadata"]["name"], volume["spec"]["capacity"]
        self._world.create(VOLUME, volume)
        self._phase(self._world.store.peek(VOLUME, "", name), "Bound")
        self._world.change(CLAIM, claim, lambda new: _bound_to(new, name, storage["provisioner"]))
        self._world.set_status(CLAIM, claim, phase="Bound", capacity=capacity, accessModes=spec["accessModes"])
        text = f"Successfully provisioned volume {name}"
        self._world.event(CLAIM, claim, "ProvisioningSucceeded", text, storage["provisioner"])

    def _expand(self, claim: Object) -> None:
        wanted = claim["spec"]["resources"]["requests"]["storage"]
        have = (claim["status"].get("capacity") or {}).get("storage", "0")
        volume = self._world.find(VOLUME, "", claim["spec"].get("volumeName", ""))
        if volume is None or quantity.parse(wanted) <= quantity.parse(have):
            return
        capacity = {"storage": wanted}
        self._world.change(VOLUME, volume, lambda new: new["spec"].update(capacity=clone(capacity)))
        self._world.set_status(CLAIM, claim, capacity=capacity)
        self._world.event(
            CLAIM, claim, "FileSystemResizeSuccessful", "MountVolume.NodeExpandVolume succeeded", "kubelet"
        )


def volume_for(claim: Object, storage: Object) -> Object:
    """The PersistentVolume that a provisioner makes for a claim of a StorageClass."""
    found, spec = claim["metadata"], claim["spec"]
    name = f"pvc-{found['uid']}"
    return {
        "metadata": {
            "name": name,
            "annotations": {"pv.kubernetes.io/provisioned-by": storage["provisioner"]},
        },
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]}, "accessModes": spec["accessModes"],
            "volumeMode": spec.get("volumeMode"), "storageClassName": storage["metadata"]["name"],
            "persistentVolumeReclaimPolicy": storage.get("reclaimPolicy", "Delete"),
            "claimRef": {
                "kind": "PersistentVolumeClaim", "apiVersion": "v1", "name": found["name"],
                "namespace": found["namespace"], "uid": found["uid"],
            },
            "csi": {"driver": storage["provisioner"], "volumeHandle": name},
        },
    }  # fmt: skip


def claims_of(pod: Object) -> list[str]:
    """The names of the claims that a pod's volumes are."""
    sources = (volume.get("persistentVolumeClaim") for volume in pod["spec"].get("volumes") or ())
    return [source["claimName"] for source in sources if source]


def bound(claim: Object) -> bool:
    return (claim.get("status") or {}).get("phase") == "Bound"


def size_of(resources: Object) -> Decimal:
    return quantity.parse(resources.get("storage", "0"))


def _bound_to(claim: Object, volume: str, provisioner: str) -> None:
    claim["spec"]["volumeName"] = volume
    claim["metadata"]["annotations"] = {
        **(claim["metadata"].get("annotations") or {}), "pv.kubernetes.io/bind-completed": "yes",
        "pv.kubernetes.io/bound-by-controller": "yes",
        "volume.beta.kubernetes.io/storage-provisioner": provisioner,
        "volume.kubernetes.io/storage-provisioner": provisioner,
    }  # fmt: skip
