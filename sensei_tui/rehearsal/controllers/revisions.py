"""A Deployment's ReplicaSets: which is of the current template, and what their annotations say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sensei_tui.rehearsal.controllers import owned
from sensei_tui.rehearsal.objects import Object, clone
from sensei_tui.rehearsal.shareof import share

HASH = "pod-template-hash"
_MARK = "deployment.kubernetes.io/"
REVISION, _HISTORY = f"{_MARK}revision", f"{_MARK}revision-history"
_DESIRED, _MAX = f"{_MARK}desired-replicas", f"{_MARK}max-replicas"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_NOT_CARRIED = (_LAST_APPLIED, REVISION, _HISTORY, _DESIRED, _MAX, "deprecated.deployment.rollback.to")


@dataclass(frozen=True)
class Family:
    """A Deployment with its ReplicaSets, oldest first; `new` is of the current template."""

    deployment: Object
    new: Object | None
    old: list[Object]

    @property
    def all(self) -> list[Object]:
        return [*self.old, self.new] if self.new else self.old

    @property
    def wanted(self) -> int:
        return int(self.deployment["spec"].get("replicas", 1))

    @property
    def rolling(self) -> bool:
        return bool(self.deployment["spec"]["strategy"]["type"] != "Recreate")

    @property
    def surge(self) -> int:
        """maxSurge in pods."""
        return self._limits()[0]

    @property
    def unavailable(self) -> int:
        """maxUnavailable in pods."""
        return min(self._limits()[1], self.wanted)

    def _limits(self) -> tuple[int, int]:
        if not self.rolling:
            return 0, 0
        rolling = self.deployment["spec"]["strategy"].get("rollingUpdate") or {}
        surge = share(rolling.get("maxSurge", "25%"), self.wanted, up=True)
        unavailable = share(rolling.get("maxUnavailable", "25%"), self.wanted, up=False)
        return surge, unavailable if surge or unavailable else 1


def family(deployment: Object, sets: Iterable[Object]) -> Family:
    ordered = sorted(sets, key=lambda item: (item["metadata"]["creationTimestamp"], revision_of(item)))
    template = deployment["spec"]["template"]
    new = next((item for item in ordered if _template(item) == template), None)
    return Family(deployment, new, [item for item in ordered if item is not new])


def _template(replica_set: Object) -> Object:
    """The pod template as the Deployment has it."""
    template: Object = clone(replica_set["spec"]["template"])
    template.get("metadata", {}).get("labels", {}).pop(HASH, None)
    return template


def replica_set(deployment: Object, owner: Object, revision: int, count: int) -> Object:
    """A new ReplicaSet of the current template."""
    spec = deployment["spec"]
    mark = owned.template_hash(spec["template"])
    template, selector = clone(spec["template"]), clone(spec["selector"])
    template["metadata"]["labels"] = {**(template["metadata"].get("labels") or {}), HASH: mark}
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH: mark}
    found = Family(deployment, None, [])
    made: Object = {
        "metadata": {
            "name": f"{deployment['metadata']['name']}-{mark}", "namespace": deployment["metadata"]["namespace"],
            "labels": template["metadata"]["labels"], "ownerReferences": [owner],
            "annotations": {**_carried(deployment), REVISION: str(revision)},
        },
        "spec": {"selector": selector, "template": template},
    }  # fmt: skip
    if spec.get("minReadySeconds"):
        made["spec"]["minReadySeconds"] = spec["minReadySeconds"]
    size(made, count, found.wanted, found.wanted + found.surge)
    return made


def _carried(deployment: Object) -> dict[str, str]:
    found = deployment["metadata"].get("annotations") or {}
    return {key: text for key, text in found.items() if key not in _NOT_CARRIED}


def marks(deployment: Object, replica_set: Object, newest: int) -> dict[str, str]:
    """What the current template's ReplicaSet has to say: the Deployment's annotations, its revision, former ones."""
    found: dict[str, str] = {**(replica_set["metadata"].get("annotations") or {}), **_carried(deployment)}
    before = found.get(REVISION)
    if before is None or int(before) < newest:
        found[REVISION] = str(newest)
        if before is not None:
            found[_HISTORY] = ",".join([*filter(None, [found.get(_HISTORY)]), before])
    return found


def mark(replica_set: Object, marks: dict[str, str], ready_after: int) -> None:
    replica_set["metadata"]["annotations"] = marks
    replica_set["spec"].pop("minReadySeconds", None)
    if ready_after:
        replica_set["spec"]["minReadySeconds"] = ready_after


def size(replica_set: Object, count: int, wanted: int, limit: int) -> None:
    replica_set["spec"]["replicas"] = count
    found = replica_set["metadata"].get("annotations") or {}
    replica_set["metadata"]["annotations"] = {**found, _DESIRED: str(wanted), _MAX: str(limit)}


def sizes(replica_set: Object) -> tuple[int | None, int | None]:
    """(desired, max) as annotated."""
    return desired(replica_set), _annotated(replica_set, _MAX)


def desired(replica_set: Object) -> int | None:
    return _annotated(replica_set, _DESIRED)


def limit_before(replica_set: Object) -> int:
    """The most pods that the Deployment could have when this ReplicaSet was sized."""
    return _annotated(replica_set, _MAX) or int((replica_set.get("status") or {}).get("replicas", 0)) or 1


def _annotated(replica_set: Object, key: str) -> int | None:
    text: Any = (replica_set["metadata"].get("annotations") or {}).get(key)
    return int(text) if text is not None else None


def revision_of(obj: Object) -> int:
    return int((obj["metadata"].get("annotations") or {}).get(REVISION, 0))


def set_revision(obj: Object, revision: int) -> None:
    obj["metadata"]["annotations"] = {**(obj["metadata"].get("annotations") or {}), REVISION: str(revision)}


def replicas_of(replica_set: Object) -> int:
    return int(replica_set["spec"].get("replicas", 0))


def available_of(replica_set: Object) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))


def active(sets: Iterable[Object]) -> list[Object]:
    """Those that should have pods."""
    return [item for item in sets if replicas_of(item)]


def idle(replica_set: Object) -> bool:
    """It has no pods, should have none, and knows it."""
    status = replica_set.get("status") or {}
    seen = status.get("observedGeneration", 0) >= replica_set["metadata"].get("generation", 1)
    return seen and not replicas_of(replica_set) and not status.get("replicas")
