"""How a pod is summed up in one line (printPod of kube-apiserver 1.36)."""

from __future__ import annotations

from dataclasses import dataclass

from sensei_tui.rehearsal.cells import NONE, at, condition, since
from sensei_tui.rehearsal.objects import Object

_ENDED = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


@dataclass
class Summary:
    """What the columns Ready, Status and Restarts say."""

    reason: str
    total: int
    ready: int = 0
    restarts: int = 0
    last_restart: str = ""

    def count(self, status: Object) -> None:
        """Add the restarts of one container."""
        self.restarts += status.get("restartCount", 0)
        self.last_restart = max(self.last_restart, at(status, "lastState.terminated.finishedAt") or "")


def ready(pod: Object) -> str:
    """`1/2`"""
    found = summary(pod)
    return f"{found.ready}/{found.total}"


def status(pod: Object) -> str:
    """`Running`, `CrashLoopBackOff`, `Init:1/2`, `Terminating`."""
    phase = at(pod, "status.phase") or ""
    if not at(pod, "metadata.deletionTimestamp"):
        return summary(pod).reason
    if at(pod, "status.reason") == "NodeLost":
        return "Unknown"
    return summary(pod).reason if phase in _ENDED else "Terminating"


def restarts(pod: Object) -> str:
    """`0`, `4 (12s ago)`"""
    found = summary(pod)
    if found.restarts and found.last_restart:
        return f"{found.restarts} ({since(found.last_restart)} ago)"
    return str(found.restarts)


def address(pod: Object) -> str:
    addresses = at(pod, "status.podIPs") or [{"ip": at(pod, "status.podIP")}]
    return addresses[0].get("ip") or NONE


def gates(pod: Object) -> str:
    """`1/2` readiness gates that are true."""
    wanted = [gate.get("conditionType", "") for gate in at(pod, "spec.readinessGates") or ()]
    met = sum(condition(pod, gate) == "True" for gate in wanted)
    return f"{met}/{len(wanted)}" if wanted else NONE


def conditions(pod: Object) -> list[Object]:
    """The conditions of a row: pods that have ended are marked, so that a client may hide them."""
    phase = at(pod, "status.phase") or ""
    if phase not in _ENDED:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _ENDED[phase]}]


def summary(pod: Object) -> Summary:
    """The state of all containers in one word, with counts."""
    sidecars = _sidecars(pod)
    found = Summary(_phase(pod), len(at(pod, "spec.containers") or ()) + len(sidecars))
    initializing = _init_containers(pod, sidecars, found)
    if not initializing or condition(pod, "Initialized") == "True":
        _containers(pod, sidecars, found)
    return found


def _phase(pod: Object) -> str:
    gated = any(
        item.get("type") == "PodScheduled" and item.get("reason") == "SchedulingGated"
        for item in at(pod, "status.conditions") or ()
    )
    return "SchedulingGated" if gated else at(pod, "status.reason") or at(pod, "status.phase") or ""


def _sidecars(pod: Object) -> set[str]:
    """Init containers that keep running beside the others."""
    found = at(pod, "spec.initContainers") or ()
    return {item.get("name", "") for item in found if item.get("restartPolicy") == "Always"}


def _init_containers(pod: Object, sidecars: set[str], found: Summary) -> bool:
    """Whether the pod is still at its init containers."""
    total = len(at(pod, "spec.initContainers") or ())
    for index, item in enumerate(at(pod, "status.initContainerStatuses") or ()):
        found.count(item)
        if at(item, "state.terminated.exitCode") == 0:
            continue
        if item.get("name") in sidecars and item.get("started"):
            found.ready += bool(item.get("ready"))
            continue
        found.reason = "Init:" + (_init_reason(item.get("state") or {}) or f"{index}/{total}")
        return True
    return False


def _init_reason(state: Object) -> str:
    if "terminated" in state:
        return _terminated(state["terminated"])
    waiting = at(state, "waiting.reason") or ""
    return "" if waiting == "PodInitializing" else waiting


def _terminated(state: Object) -> str:
    if state.get("reason"):
        return str(state["reason"])
    return f"Signal:{state['signal']}" if state.get("signal") else f"ExitCode:{state.get('exitCode', 0)}"


def _containers(pod: Object, sidecars: set[str], found: Summary) -> None:
    """Restarts of finished init containers no longer count; those of sidecars do."""
    found.restarts, found.last_restart = 0, ""
    for item in at(pod, "status.initContainerStatuses") or ():
        if item.get("name") in sidecars:
            found.count(item)
    running = False
    for item in reversed(at(pod, "status.containerStatuses") or ()):
        found.count(item)
        state = item.get("state") or {}
        if at(state, "waiting.reason"):
            found.reason = state["waiting"]["reason"]
        elif "terminated" in state:
            found.reason = _terminated(state["terminated"])
        elif item.get("ready") and "running" in state:
            running = True
            found.ready += 1
    if found.reason == "Completed" and running:
        found.reason = "Running" if condition(pod, "Ready") == "True" else "NotReady"
