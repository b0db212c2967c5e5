"""A pod in kubectl's own words, so that what we show is what `kubectl get pods` shows.

Follows printPod of k8s.io/kubernetes/pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from sensei_tui.cluster.snapshot import Condition, Container, ContainerStatus, Pod, Terminated


def condition(pod: Pod, type: str) -> Condition | None:
    """The pod's condition of this type."""
    return next((item for item in pod.status.conditions if item.type == type), None)


def is_true(found: Condition | None) -> bool:
    """Whether the condition is there and holds."""
    return found is not None and found.status == "True"


def is_ready(pod: Pod) -> bool:
    """Whether it serves: running, and its Ready condition holds."""
    if pod.metadata.deletion_timestamp or pod.status.phase != "Running":
        return False
    ready = condition(pod, "Ready")
    if ready is not None:
        return is_true(ready)
    return bool(pod.status.container_statuses) and all(item.ready for item in pod.status.container_statuses)


def is_over(pod: Pod) -> bool:
    """Whether it has run to its end, well or not."""
    return pod.status.phase in ("Succeeded", "Failed")


def sidecars(pod: Pod) -> list[Container]:
    """Init containers that go on running beside the others."""
    return [item for item in pod.spec.init_containers if item.restart_policy == "Always"]


def init_statuses(pod: Pod) -> list[ContainerStatus]:
    """Status of the init containers in the order in which they run."""
    known = {item.name: item for item in pod.status.init_container_statuses}
    return [known[item.name] for item in pod.spec.init_containers if item.name in known] or list(known.values())


def status(pod: Pod) -> str:
    """The STATUS column: `Running`, `CrashLoopBackOff`, `Init:0/1`, `Terminating`."""
    if pod.metadata.deletion_timestamp:
        return "Unknown" if pod.status.reason == "NodeLost" else "Terminating"
    init = _init_status(pod)
    if init and not is_true(condition(pod, "Initialized")):
        return init
    scheduled = condition(pod, "PodScheduled")
    gated = scheduled is not None and scheduled.reason == "SchedulingGated"
    first = "SchedulingGated" if gated else pod.status.reason or pod.status.phase or "Unknown"
    return _main_status(pod, first)


def _init_status(pod: Pod) -> str:
    running_on = {item.name for item in sidecars(pod)}
    for number, item in enumerate(init_statuses(pod)):
        state = item.state
        if (state.terminated and state.terminated.exit_code == 0) or (item.name in running_on and item.started):
            continue
        if state.terminated:
            return f"Init:{_end(state.terminated)}"
        if state.waiting and state.waiting.reason not in ("", "PodInitializing"):
            return f"Init:{state.waiting.reason}"
        return f"Init:{number}/{len(pod.spec.init_containers)}"
    return ""


def _main_status(pod: Pod, word: str) -> str:
    has_running = False
    for item in reversed(pod.status.container_statuses):
        if item.state.waiting and item.state.waiting.reason:
            word = item.state.waiting.reason
        elif item.state.terminated:
            word = _end(item.state.terminated)
        elif item.ready and item.state.running:
            has_running = True
    if word == "Completed" and has_running:
        return "Running" if is_true(condition(pod, "Ready")) else "NotReady"
    return word


def _end(ended: Terminated) -> str:
    if ended.reason:
        return ended.reason
    return f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}"


def ready(pod: Pod) -> str:
    """The READY column: `1/2`."""
    beside = {item.name for item in sidecars(pod)}
    counted = [item for item in pod.status.init_container_statuses if item.name in beside]
    total = len(pod.spec.containers or pod.status.container_statuses) + len(beside)
    return f"{sum(item.ready for item in (*counted, *pod.status.container_statuses))}/{total}"


def restarts(pod: Pod) -> int:
    """The RESTARTS column: of the init containers while they run, of the others after that."""
    beside = {item.name for item in sidecars(pod)}
    statuses = pod.status.init_container_statuses
    initializing = bool(_init_status(pod)) and not is_true(condition(pod, "Initialized"))
    counted = [item for item in statuses if initializing or item.name in beside]
    return sum(item.restart_count for item in (*counted, *(() if initializing else pod.status.container_statuses)))
