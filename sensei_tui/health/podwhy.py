"""Why a pod does not serve: the one reason that an operator has to know first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sensei_tui.base.text import plural
from sensei_tui.cluster.snapshot import Container, ContainerStatus, Event, Pod, Terminated, Waiting
from sensei_tui.health import remedies
from sensei_tui.health.index import is_about
from sensei_tui.health.model import Why
from sensei_tui.health.pods import condition, init_statuses, is_ready, is_true, sidecars
from sensei_tui.health.remedies import short

PASSING = frozenset({
    "Starting", "Pulling", "ContainerCreating", "Terminating", "NotScheduledYet", "Initializing", "Running", "NoPods",
    "Replacing", "NotObserved", "WaitForFirstConsumer", "Provisioning", "NoEndpoints", "Suspended", "Behind",
})  # fmt: skip
"""Reasons that are part of every start and go away by themselves."""
FAILURES = 3
"""Failed readiness probes in a row that make a pod unready (`failureThreshold`, Kubernetes' default)."""
PULLS = frozenset({
    "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
    "RegistryUnavailable", "SignatureValidationFailed",
})  # fmt: skip
CONFIG = frozenset({
    "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError", "PreCreateHookError",
    "PostStartHookError", "PreStartHookError",
})  # fmt: skip
NOT_YET = ("", "ContainerCreating", "PodInitializing")
_OUTSIDE = ("FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedMapVolume", "NetworkNotReady")
"""Warnings about what a pod needs before its first container can be made."""


def passing(why: Why) -> bool:
    """Whether this reason is likely to go away by itself."""
    return why.reason in PASSING


def pod_why(pod: Pod, events: Iterable[Event]) -> Why | None:
    """Why the pod does not serve (or has not ended well); None if it does. Events of other objects are left aside."""
    if pod.status.phase == "Succeeded" or is_ready(pod):
        return None
    about = [item for item in events if item.involved_object.kind == "Pod" and is_about(item, pod.metadata)]
    case = _Case(pod, sorted(about, key=lambda item: item.when.rstrip("Z")))
    return next((why for check in _CHECKS if (why := check(case))), case.why("Starting", "it starts"))


@dataclass(frozen=True)
class _Case:
    pod: Pod
    events: list[Event]

    def why(
        self, reason: str, sentence: str, remedy: str = "", *, container: str = "", since: str | None = ""
    ) -> Why:  # fmt: skip
        return Why(
            object=f"Pod/{self.pod.metadata.name}", reason=reason, sentence=sentence, remedy=remedy,
            container=container, since=since or self.pod.metadata.creation_timestamp or "",
        )  # fmt: skip

    def last(self, *reasons: str, container: str = "", after: str | None = "") -> Event | None:
        """The newest event with one of these reasons, about this container where one is named."""
        for event in reversed(self.events):
            field = event.involved_object.field_path
            if event.reason in reasons and (not container or not field or f"{{{container}}}" in field):
                return event if event.when.rstrip("Z") >= (after or "").rstrip("Z") else None
        return None

    def spec(self, container: str) -> Container:
        named = (*self.pod.spec.init_containers, *self.pod.spec.containers)
        return next((item for item in named if item.name == container), Container(name=container))


def _terminating(case: _Case) -> Why | None:
    since = case.pod.metadata.deletion_timestamp
    return case.why("Terminating", "it is being deleted", since=since) if since else None


def _evicted(case: _Case) -> Why | None:
    """The pod as a whole was given up: evicted, its node lost, its deadline over."""
    status = case.pod.status
    if not status.reason or status.phase not in ("Failed", "Unknown"):
        return None
    message = f": {short(status.message)}" if status.message else ""
    return case.why(status.reason, f"{status.reason}{message}", _EVICTED if status.reason == "Evicted" else "")


def _unscheduled(case: _Case) -> Why | None:
    if case.pod.spec.node_name:
        return None
    placed = condition(case.pod, "PodScheduled")
    event = case.last("FailedScheduling")
    message = (placed.message if placed else "") or (event.message if event else "") or ""
    if placed and placed.reason == "SchedulingGated":
        return case.why("SchedulingGated", "a scheduling gate holds it back", "Look who set spec.schedulingGates.")
    if not message:
        return case.why("NotScheduledYet", "it waits for the scheduler")
    since = placed.last_transition_time if placed else ""
    sentence = f"no node can take it: {remedies.schedule_message(message)}"
    return case.why("Unschedulable", sentence, remedies.schedule_remedy(message), since=since)


def _containers(case: _Case) -> Why | None:
    """The first container that cannot go on; init containers first, since the others wait for them."""
    pod = case.pod
    beside = {item.name for item in sidecars(pod)}
    undone = [
        item for item in init_statuses(pod)
        if not (item.state.terminated and item.state.terminated.exit_code == 0)
        and not (item.name in beside and (item.ready or item.started))
    ]  # fmt: skip
    if undone and not is_true(condition(pod, "Initialized")):
        return _container(case, undone[0], "init container ")
    whys = [why for item in pod.status.container_statuses if (why := _container(case, item, ""))]
    return next((why for why in whys if not passing(why)), whys[0] if whys else None)


def _container(case: _Case, status: ContainerStatus, kind: str) -> Why | None:
    several = len(case.pod.spec.containers) > 1
    prefix = f"{kind}{status.name}: " if kind or several else ""
    why = _state(case, status, bool(kind))
    if why is None:
        return None
    return case.why(why.reason, prefix + why.sentence, why.remedy, container=status.name, since=why.since)


def _state(case: _Case, status: ContainerStatus, init: bool) -> Why | None:
    state = status.state
    if state.terminated:
        return _ended(case, status, state.terminated)
    if state.waiting:
        return _waiting(case, status, state.waiting)
    if init and state.running:
        return case.why("Initializing", "it runs", since=state.running.started_at)
    return None if status.ready else _unready(case, status)


def _waiting(case: _Case, status: ContainerStatus, waiting: Waiting) -> Why | None:
    if waiting.reason in PULLS:
        return _pull(case, status, waiting)
    if waiting.reason == "CrashLoopBackOff":
        return _ended(case, status, status.last_state.terminated or Terminated())
    if waiting.reason in CONFIG:
        message = short(waiting.message)
        ended = status.last_state.terminated
        if not message and ended:
            return _ended(case, status, ended)
        return case.why(waiting.reason, f"it cannot be started: {message}", remedies.config_remedy(message))
    if waiting.reason in NOT_YET:
        return _before_start(case, status)
    return case.why(waiting.reason, f"{waiting.reason}: {short(waiting.message)}".rstrip(": "))


def _pull(case: _Case, status: ContainerStatus, waiting: Waiting) -> Why:
    image = case.spec(status.name).image or status.image
    message = remedies.pull_message(waiting.message)
    if not message:
        # A kubelet before 1.30 says only "Back-off"; the reason is in the event.
        told = [item.message or "" for item in case.events if item.reason == "Failed" and image in (item.message or "")]
        message = remedies.pull_message(told[-1]) if told else ""
    sentence = f"pulling image {image} failed" + (f": {message}" if message else "")
    event = case.last("Failed", container=status.name)
    since = event.first_timestamp if event else ""
    return case.why(waiting.reason, sentence, remedies.pull_remedy(message), since=since)


def _ended(case: _Case, status: ContainerStatus, ended: Terminated) -> Why | None:
    """A container that ended and should not have."""
    once = case.pod.spec.restart_policy == "Never"
    if ended.exit_code == 0 and (once or case.pod.spec.restart_policy == "OnFailure"):
        return None
    looping = status.restart_count > 0 and not once
    count = f", {plural(status.restart_count, 'restart')}" if status.restart_count else ""
    told = f": {short(ended.message)}" if ended.message else ""
    head = "crash loop: " if looping else "it ended: "
    since = ended.finished_at
    if ended.reason == "OOMKilled":
        return case.why("OOMKilled", f"{_out_of_memory(case, status)}{count}{told}", _MEMORY, since=since)
    probe = _killed_by_probe(case, status)
    if probe:
        return case.why("CrashLoopBackOff" if looping else "Killed", f"{probe}{count}", _PROBE, since=since)
    if not ended.finished_at and not ended.exit_code:
        sentence = f"crash loop{count}"
    else:
        sentence = f"{head}{remedies.exit_words(ended.exit_code)}{count}{told}"
    return case.why("CrashLoopBackOff" if looping else ended.reason or "Error", sentence, _CRASH, since=since)


_EVICTED = "Look at its node's pressure conditions, and at free memory and disk there."
_MEMORY = "Give it more memory in the values (resources.memory), which is request and limit alike."
_PROBE = "Read its log: it runs, but does not answer its probe in time."
_CRASH = "Read its log (previous container): the last lines say why it ended."


def _out_of_memory(case: _Case, status: ContainerStatus) -> str:
    limit = case.spec(status.name).resources.limits.get("memory")
    return "killed for lack of memory" + (f" (limit {limit})" if limit else " of the node")


def _killed_by_probe(case: _Case, status: ContainerStatus) -> str:
    """`restarted: its liveness probe failed: HTTP 503`, if the kubelet said so last."""
    killed = case.last("Killing", container=status.name)
    found = re.search(r"failed (liveness|startup) probe", (killed.message or "") if killed else "")
    if not found:
        return ""
    event = _probe_event(case, status, found[1])
    return f"restarted because its {found[1]} probe failed" + (f": {_probe_words(event)}" if event else "")


def _before_start(case: _Case, status: ContainerStatus) -> Why:
    """Nothing has run yet: the image is pulled, a volume is missing, or the sandbox cannot be made."""
    done = case.last("Pulling", "Pulled", "Created", "Started", container=status.name)
    outside = case.last(*_OUTSIDE, after=done.when if done else "")
    if outside:
        message = short(re.sub(r"^rpc error: code = \w+ desc = ", "", outside.message or ""))
        return case.why(outside.reason, message, _outside_remedy(outside), since=outside.first_timestamp)
    if done and done.reason == "Pulling":
        image = case.spec(status.name).image or status.image
        return case.why("Pulling", f"pulling image {image}", since=done.when)
    return case.why("ContainerCreating", "its container is being made")


def _outside_remedy(event: Event) -> str:
    if event.reason == "FailedCreatePodSandBox":
        return "Look at the node's network plugin (CNI) and container runtime."
    return remedies.volume_remedy(event.message or "")


def _unready(case: _Case, status: ContainerStatus) -> Why:
    """It runs and does not answer (yet)."""
    since = status.state.running.started_at if status.state.running else ""
    if status.started is False:
        event = _probe_event(case, status, "startup")
        told = f": {_probe_words(event)}" if event else ""
        return case.why("Starting", f"it starts, its startup probe has not passed yet{told}", since=since)
    event = _probe_event(case, status, "readiness")
    if event is None or _times(event) < FAILURES:
        told = f": {_probe_words(event)}" if event else ""
        return case.why("Starting", f"it runs and is not ready yet{told}", since=since)
    sentence = f"readiness probe failed {plural(_times(event), 'time')}: {_probe_words(event)}"
    return case.why("Unready", sentence, "Read its log: it runs, but is not ready to serve.", since=since)


def _probe_event(case: _Case, status: ContainerStatus, probe: str) -> Event | None:
    since = status.state.running.started_at if status.state.running else ""
    for event in reversed(case.events):
        told = (event.message or "").lower()
        ours = f"{{{status.name}}}" in (event.involved_object.field_path or f"{{{status.name}}}")
        if event.reason == "Unhealthy" and ours and told.startswith(probe):
            return event if event.when.rstrip("Z") >= (since or "").rstrip("Z") else None
    return None


def _times(event: Event) -> int:
    return (event.series.count if event.series else 0) or event.count or 1


def _probe_words(event: Event) -> str:
    """`HTTP 503`, `dial tcp 10.1.2.3:8080: connect: connection refused`, what an exec probe printed."""
    text = re.sub(r"^\w+ probe (failed|errored)(: )?", "", event.message or "")
    text = re.sub(r'^(Get|HTTP GET) "[^"]*": ', "", text)
    return short(re.sub(r"^HTTP probe failed with statuscode: ", "HTTP ", text)) or "no answer"


def _node(case: _Case) -> Why | None:
    """Its containers are well, and yet it does not serve."""
    ready = condition(case.pod, "Ready")
    if not is_true(condition(case.pod, "ContainersReady")) or ready is None:
        return None
    if ready.reason == "ReadinessGatesNotReady":
        return case.why("ReadinessGatesNotReady", f"a readiness gate is closed: {short(ready.message)}")
    node = case.pod.spec.node_name
    return case.why("NodeNotReady", f"its node {node} does not answer", f"Look at node {node}: its kubelet is silent.",
                    since=ready.last_transition_time)  # fmt: skip


_CHECKS = (_terminating, _evicted, _unscheduled, _containers, _node)
