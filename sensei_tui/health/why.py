"""Which objects are not ready, and why: causes first, each told once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from sensei_tui.base.text import plural
from sensei_tui.cluster.snapshot import (
    Condition,
    Event,
    ObjectMeta,
    PersistentVolumeClaim,
    Pod,
    Service,
    Snapshot,
    Workload,
)
from sensei_tui.health import remedies
from sensei_tui.health.components import COMPONENTS, DATA_STORES, component_of
from sensei_tui.health.index import HasMetadata, Index, controller, name_of
from sensei_tui.health.model import NotReady, Why
from sensei_tui.health.podwhy import passing, pod_why
from sensei_tui.health.remedies import short

__all__ = ["carries", "desired", "given_up", "not_ready", "passing", "pod_why", "unready"]

_STORES = frozenset(item.name for item in COMPONENTS if item.group == DATA_STORES)


def not_ready(snapshot: Snapshot) -> tuple[NotReady, ...]:
    """Every workload, lone pod, claim and service of the namespace that is not ready, with the reasons.

    Causes come first: what will not mend itself before what only starts, stores before what needs them. A workload
    tells why its pods are not ready; neither they nor their claims are listed again. Of an incomplete snapshot this
    says what can be seen, no more.
    """
    return unready(Index(snapshot))


def unready(index: Index) -> tuple[NotReady, ...]:
    """`not_ready` of a snapshot that is arranged already."""
    pairs: list[tuple[HasMetadata, NotReady]] = []
    pairs += [(item, found) for item in index.workloads.values() if (found := _workload(index, item))]
    pairs += [(pod, found) for pod in index.bare_pods if (found := _bare_pod(index, pod))]
    told = {why.object for _, found in pairs for why in found.why}
    pairs += [(claim, found) for claim in index.claims if (found := _lone_claim(index, claim, told))]
    late = [item for item, _ in pairs if isinstance(item, Workload)]
    pairs += [(item, found) for item in index.services if (found := _service(index, item, late))]
    return tuple(found for _, found in sorted(pairs, key=lambda pair: _rank(pair[0].metadata, pair[1])))


def _rank(metadata: ObjectMeta, item: NotReady) -> tuple[bool, bool, str]:
    starting = not item.why or passing(item.why[0])
    return starting, component_of(metadata.labels) not in _STORES, item.object


# Workloads.


def desired(item: Workload) -> int:
    """Pods that are wanted (a Job: successful ends)."""
    wanted = item.spec.completions if item.kind == "Job" else item.spec.replicas
    return 1 if wanted is None else wanted


def given_up(item: Workload) -> Condition | None:
    """The condition by which Kubernetes says that it no longer expects this to become ready."""
    for found in item.status.conditions:
        late = found.reason == "ProgressDeadlineExceeded" and found.status == "False"
        if late or (item.kind == "Job" and found.type == "Failed" and found.status == "True"):
            return found
    return None


def _workload(index: Index, item: Workload) -> NotReady | None:
    ready = item.status.succeeded if item.kind == "Job" else item.status.ready_replicas
    behind = _job_behind(item) if item.kind == "Job" else _behind(item)
    if not behind:
        return None
    whys = _whys(index, item) or (_of(name_of(item), "Behind", behind),)
    return NotReady(object=name_of(item), ready=ready, desired=desired(item), why=whys)


def _behind(item: Workload) -> str:
    """What is missing for `kubectl rollout status` to be content; empty if nothing is."""
    status, wanted = item.status, desired(item)
    if status.observed_generation < item.metadata.generation:
        return "its controller has not seen the change yet"
    if item.kind != "ReplicaSet" and status.updated_replicas < wanted:
        return f"{status.updated_replicas} of {wanted} pods are of the new version"
    if item.kind == "Deployment" and status.replicas > status.updated_replicas:
        return f"{plural(status.replicas - status.updated_replicas, 'old pod')} still to go"
    serving = status.ready_replicas if item.kind != "Deployment" else status.available_replicas
    return f"{serving} of {plural(wanted, 'pod')} ready" if serving < wanted else ""


def _job_behind(item: Workload) -> str:
    complete = any(found.type == "Complete" and found.status == "True" for found in item.status.conditions)
    if complete or item.status.succeeded >= desired(item):
        return ""
    return f"{item.status.succeeded} of {desired(item)} done"


def _whys(index: Index, item: Workload) -> tuple[Why, ...]:
    """Its pods' reasons if they cannot go on; else its own; else what its pods wait for."""
    pods = _pod_whys(index, item)
    stuck = tuple(why for why in pods if not passing(why))
    own = tuple(why for check in _OWN if (why := check(index, item)) and not (stuck and why.reason in _CONSEQUENCES))
    return (*stuck, *own) or pods[:1] or _no_pods(index, item)


def _pod_whys(index: Index, item: Workload) -> tuple[Why, ...]:
    """One for each kind of trouble among the pods, with the number of pods that have it."""
    found: dict[tuple[str, str], list[Why]] = {}
    for pod in index.pods_of(item):
        for why in _pod_or_claims(index, pod):
            found.setdefault((why.reason, why.container), []).append(why)
    return tuple(_counted(whys) for whys in found.values())


def _counted(whys: list[Why]) -> Why:
    if len(whys) == 1 or not whys[0].object.startswith("Pod/"):
        return whys[0]
    return msgspec.structs.replace(whys[0], sentence=f"{whys[0].sentence} ({len(whys)} pods)")


def _pod_or_claims(index: Index, pod: Pod) -> tuple[Why, ...]:
    """A pod that waits for its volumes is explained by them."""
    why = pod_why(pod, index.events_of("Pod", pod.metadata))
    if why is None:
        return ()
    if why.reason == "Unschedulable" and "persistentvolumeclaim" in why.sentence.lower():
        claims = [found for item in _claims_of(index, pod) if (found := _claim(index, item))]
        return tuple(item for item in claims if not passing(item)) or (why,)
    return (why,)


def _failed_create(index: Index, item: Workload) -> Why | None:
    """The API refuses its pods: quota, Pod Security, a webhook."""
    failure = next((found for found in item.status.conditions if found.type == "ReplicaFailure"), None)
    message = failure.message if failure and failure.status == "True" else ""
    if not message and len(index.pods_of(item)) < desired(item) and not _over(item):
        events = [
            event for kind, name in ((item.kind, item.metadata.name), *_sets(index, item))
            for event in index.events_named(kind, name) if event.reason == "FailedCreate"
        ]  # fmt: skip
        message = events[-1].message or "" if events else ""
    if not message:
        return None
    sentence = f"its pods are refused: {short(message)}"
    return _of(name_of(item), "FailedCreate", sentence, remedies.create_remedy(message))


def _sets(index: Index, item: Workload) -> list[tuple[str, str]]:
    return [("ReplicaSet", name) for name in index.sets_of(item)]


def _over(item: Workload) -> bool:
    return item.kind == "Job" and given_up(item) is not None


def _abandoned(_: Index, item: Workload) -> Why | None:
    found = given_up(item)
    if found is None:
        return None
    if item.kind == "Job":
        sentence = f"the job failed: {short(found.message) or found.reason}"
        remedy = "Read its pod's log, mend the cause, then resume the run: the job is made anew."
    else:
        sentence = "no progress within its deadline"
        remedy = "Look at its pods: kubectl describe."
    return _of(name_of(item), found.reason or "Failed", sentence, remedy, found.last_transition_time)


_OWN: tuple[Callable[[Index, Workload], Why | None], ...] = (_failed_create, _abandoned)
_CONSEQUENCES = ("ProgressDeadlineExceeded",)
"""Say nothing that the pods' own reasons do not say better."""


def _no_pods(index: Index, item: Workload) -> tuple[Why, ...]:
    if index.pods_of(item) or not desired(item):
        return ()
    if any(found.type == "Suspended" and found.status == "True" for found in item.status.conditions):
        return (_of(name_of(item), "Suspended", "it is suspended"),)
    return (_of(name_of(item), "NoPods", "it has no pod yet"),)


def _of(name: str, reason: str, sentence: str, remedy: str = "", since: str | None = "") -> Why:
    return Why(object=name, reason=reason, sentence=sentence, remedy=remedy, since=since or "")


# Lone pods, claims, services.


def _bare_pod(index: Index, pod: Pod) -> NotReady | None:
    whys = _pod_or_claims(index, pod)
    return NotReady(object=f"Pod/{pod.metadata.name}", ready=0, desired=1, why=whys) if whys else None


def _claims_of(index: Index, pod: Pod) -> list[PersistentVolumeClaim]:
    """The claims a pod waits for: those of its StatefulSet place, else those of its component."""
    own = [item for item in index.claims if item.metadata.name.endswith(f"-{pod.metadata.name}")]
    owner, component = controller(pod.metadata), component_of(pod.metadata.labels)
    if own or not component or (owner and owner.kind == "StatefulSet"):
        return own
    return [item for item in index.claims if component_of(item.metadata.labels) == component]


def _claim(index: Index, item: PersistentVolumeClaim) -> Why | None:
    phase, name = item.status.phase, f"PersistentVolumeClaim/{item.metadata.name}"
    if phase == "Bound":
        return None
    if phase == "Lost":
        remedy = "Restore the volume, or its data from a backup."
        return _of(name, "ClaimLost", "the volume it was bound to is gone", remedy)
    events = index.events_of("PersistentVolumeClaim", item.metadata)
    failed = _newest(events, "ProvisioningFailed", "FailedBinding")
    if failed:
        message = short(failed.message or "")
        return _of(name, failed.reason, f"not bound: {message}", remedies.claim_remedy(message), failed.first_timestamp)
    if _newest(events, "WaitForFirstConsumer", "WaitForPodScheduled"):
        return _of(name, "WaitForFirstConsumer", "it is bound when its pod has a node")
    return _of(name, "Provisioning", "its volume is being made")


def _newest(events: list[Event], *reasons: str) -> Event | None:
    """The last event, if it is one of these: an older failure may be over."""
    return events[-1] if events and events[-1].reason in reasons else None


def _lone_claim(index: Index, item: PersistentVolumeClaim, told: Iterable[str]) -> NotReady | None:
    why = _claim(index, item)
    if why is None or passing(why) or why.object in told:
        return None
    return NotReady(object=why.object, ready=0, desired=1, why=(why,))


def _service(index: Index, item: Service, late: list[Workload]) -> NotReady | None:
    """A service without a ready endpoint that no workload's trouble explains."""
    ready, total = index.endpoints(item)
    wanted = item.spec.selector
    if ready or not wanted or any(carries(other.metadata, wanted) for other in late):
        return None
    pods = [pod for pod in index.pods if carries(pod.metadata, wanted)]
    name = f"Service/{item.metadata.name}"
    if not pods:
        if any(carries(other.metadata, wanted) for other in index.workloads.values()):
            return None  # Scaled to nothing.
        why = _of(name, "NoMatchingPods", "no pod has the labels that it selects", "Install or repair the release.")
    else:
        why = _of(name, "NoEndpoints", "none of its pods is a ready endpoint yet")
    return NotReady(object=name, ready=0, desired=max(1, total), why=(why,))


def carries(metadata: ObjectMeta, wanted: dict[str, str]) -> bool:
    """Whether an object has all these labels."""
    return wanted.items() <= metadata.labels.items()
