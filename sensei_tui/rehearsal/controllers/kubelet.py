"""The kubelets of all nodes: one task for each pod that is assigned to a node."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers.containers import SYNC, Container
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.nodes import node_address
from sensei_tui.rehearsal.controllers.owned import POD
from sensei_tui.rehearsal.controllers.world import World, condition
from sensei_tui.rehearsal.errors import ApiError, bad_request
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, clone

_ENDED = ("Succeeded", "Failed")
_STOP_SECONDS = 2.0
"""What a container takes to end after SIGTERM."""


class Kubelet:
    """Also a controller: its keys are pods."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._pods: dict[str, PodWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._images: set[tuple[str, str]] = set()
        self._addresses = 0

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        if kind is not POD:
            return ()
        if event == "DELETED":
            self._forget(obj["metadata"]["uid"])
            return ()
        known = obj["metadata"]["uid"] in self._pods
        news = obj["spec"].get("nodeName") and (not known or "deletionTimestamp" in obj["metadata"])
        return [(obj["metadata"]["namespace"], obj["metadata"]["name"])] if news else ()

    def reconcile(self, namespace: str, name: str) -> None:
        pod = self.world.find(POD, namespace, name)
        if pod is None or not pod["spec"].get("nodeName"):
            return
        uid = pod["metadata"]["uid"]
        ending = "deletionTimestamp" in pod["metadata"]
        worker = self._pods.get(uid)
        if worker is None:
            worker = self._pods[uid] = PodWorker(self, pod)
            if not ending and pod["status"].get("phase") not in _ENDED:
                self._run(uid, worker.live)
        if ending and not worker.ending:
            worker.ending = True
            self._cancel(uid)
            self._run(uid, worker.terminate)

    def _run(self, uid: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._tasks[uid] = asyncio.get_running_loop().create_task(_reported(work))

    def _cancel(self, uid: str) -> None:
        if task := self._tasks.pop(uid, None):
            task.cancel()

    def _forget(self, uid: str) -> None:
        self._cancel(uid)
        worker = self._pods.pop(uid, None)
        for container in worker.containers if worker else ():
            container.log.end()

    async def stop(self) -> None:
        """End every task; the pods stay as they are."""
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        for worker in self._pods.values():
            for container in worker.containers:
                container.log.end()
        await asyncio.gather(*tasks, return_exceptions=True)

    # what the nodes have

    def has_image(self, node: str, image: str) -> bool:
        return (node, image) in self._images

    def keep_image(self, node: str, image: str) -> None:
        self._images.add((node, image))

    def address(self) -> str:
        """A new pod's address, in 10.244.0.0/16."""
        taken = {(pod.get("status") or {}).get("podIP") for pod in self.world.store.select(POD)}
        while True:
            self._addresses = self._addresses % 65000 + 1
            found = f"10.244.{self._addresses >> 8}.{self._addresses & 255}"
            if found not in taken:
                return found

    # what the API's streams ask

    def container(self, namespace: str, pod: str, name: str = "") -> Container:
        """A container of a pod; without a name the only one. Raises ApiError 400, 404."""
        found = self.world.store.peek(POD, namespace, pod)
        worker = self._pods.get(found["metadata"]["uid"])
        names = [item["name"] for item in [*_init(found), *found["spec"]["containers"]]]
        if not name:
            default = (found["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
            main = [item["name"] for item in found["spec"]["containers"]]
            if not default and len(main) > 1:
                choices = f"choose one of: [{' '.join(main)}]"
                raise bad_request(f"a container name must be specified for pod {pod}, {choices}")
            name = default or main[0]
        if name not in names:
            raise bad_request(f"container {name} is not valid for pod {pod}")
        if worker is None:
            raise bad_request(f"pod {pod} does not have a host assigned")
        return next(item for item in worker.containers if item.spec["name"] == name)


class PodWorker:
    """One pod on one node; the Host of its containers."""

    def __init__(self, kubelet: Kubelet, pod: Object) -> None:
        self.world = kubelet.world
        self.name: str = pod["metadata"]["name"]
        self.namespace: str = pod["metadata"]["namespace"]
        self.ending = False
        self._kubelet = kubelet
        self._pod = pod
        self._node: str = pod["spec"]["nodeName"]
        policy = pod["spec"].get("restartPolicy", "Always")
        known = {item["name"]: clone(item) for part in ("initContainerStatuses", "containerStatuses")
                 for item in (pod.get("status") or {}).get(part) or ()}  # fmt: skip
        self._init = [self._container(item, known, _init_policy(item, policy)) for item in _init(pod)]
        self._main = [self._container(item, known, policy) for item in pod["spec"]["containers"]]
        self._sandbox = bool((pod.get("status") or {}).get("podIP"))

    @property
    def containers(self) -> list[Container]:
        return [*self._init, *self._main]

    def _container(self, spec: Object, known: dict[str, Object], policy: str) -> Container:
        return Container(self, spec, policy, policy == "Always", known.get(spec["name"], {}))

    # the life of it

    async def live(self) -> None:
        if all("running" in item.status["state"] for item in self._main):
            await asyncio.gather(*(item.go_on() for item in self._main))
            return
        await self._volumes()
        if not self._sandbox:
            self._sandbox = True
            address = self._kubelet.address()
            self._set(podIP=address, podIPs=[{"ip": address}])
        self.publish()
        background = [asyncio.ensure_future(_reported(item.live)) for item in self._init if item.endless]
        try:
            if await self._initialize():
                await asyncio.gather(*(item.live() for item in self._main))
        finally:
            for task in background:
                task.cancel()
        self.publish()

    async def _initialize(self) -> bool:
        """Run the init containers one after another; False when one failed for good."""
        for item in self._init:
            if item.endless or item.status["state"].get("terminated", {}).get("exitCode") == 0:
                continue
            await item.live()
            if item.status["state"].get("terminated", {}).get("exitCode") != 0:
                return False
        return True

    async def _volumes(self) -> None:
        """Wait until what its volumes name is there."""
        self._set(
            hostIP=node_address(self._node), hostIPs=[{"ip": node_address(self._node)}], startTime=self.world.now(),
        )  # fmt: skip
        self.publish()
        while missing := self._missing_volume():
            volume, why = missing
            text = f'MountVolume.SetUp failed for volume "{volume}" : {why}'
            self.tell("FailedMount", text, warning=True)
            await self.world.sleep(SYNC)

    def _missing_volume(self) -> tuple[str, str] | None:
        for volume in self._pod["spec"].get("volumes") or ():
            for member, key, kind in (("secret", "secretName", "Secret"), ("configMap", "name", "ConfigMap")):
                source = volume.get(member)
                if source and not source.get("optional"):
                    name = source.get(key, "")
                    if not self.world.store.exists(kinds.named(kind), self.namespace, name):
                        return volume["name"], f'{kind.lower()} "{name}" not found'
        return None

    async def terminate(self) -> None:
        """SIGTERM, a moment, gone."""
        live = self.world.find(POD, self.namespace, self.name)
        grace = float((live or self._pod)["metadata"].get("deletionGracePeriodSeconds") or 0)
        for item in self._main:
            if "running" in item.status["state"]:
                self.tell("Killing", f"Stopping container {item.spec['name']}", item.spec["name"])
        await self.world.sleep(min(grace, _STOP_SECONDS))
        for item in self.containers:
            item.end()
        self.world.delete(POD, self._pod, grace=0)

    # Host

    def tell(self, reason: str, message: str, container: str = "", *, warning: bool = False) -> None:
        field = ""
        if container:
            part = "initContainers" if any(item.spec["name"] == container for item in self._init) else "containers"
            field = f"spec.{part}{{{container}}}"
        self.world.event(POD, self._pod, reason, message, "kubelet", warning=warning, host=self._node, field=field)

    def pulled(self, image: str) -> bool:
        return self._kubelet.has_image(self._node, image)

    def keep(self, image: str) -> None:
        self._kubelet.keep_image(self._node, image)

    def publish(self) -> None:
        """Phase, conditions and container statuses, as a kubelet derives them."""
        live = self.world.find(POD, self.namespace, self.name)
        if live is None or live["metadata"]["uid"] != self._pod["metadata"]["uid"]:
            return
        phase = self._phase()
        statuses = [clone(item.status) for item in self._main]
        self._set(
            phase=phase, conditions=self._reported_conditions(live, phase), containerStatuses=statuses,
            initContainerStatuses=[clone(item.status) for item in self._init] or None,
            observedGeneration=live["metadata"].get("generation", 1),
        )  # fmt: skip

    def _reported_conditions(self, live: Object, phase: str) -> list[Object]:
        """The conditions in a kubelet's order; those of others stay before them."""
        status, mine = live.get("status") or {}, self._conditions(phase)
        for type_, value, reason, message in mine:
            status = condition(status, type_, value, self.world.now(), reason=reason, message=message)
        order = [type_ for type_, *_ in mine]
        found = {item["type"]: item for item in status["conditions"]}
        marks = {"observedGeneration": live["metadata"].get("generation", 1), "lastProbeTime": None}
        others = [item for type_, item in found.items() if type_ not in order]
        return [*others, *({**found[type_], **marks} for type_ in order)]

    def _set(self, **changes: object) -> None:
        with suppress(ApiError):
            self.world.set_status(POD, self._pod, **changes)

    def _phase(self) -> str:
        states = [item.status["state"] for item in self._main]
        if any(
            "exitCode" in _final(item) and _final(item)["exitCode"] for item in self._init if item.policy == "Never"
        ):
            return "Failed"
        if all("terminated" in state for state in states):
            codes = [state["terminated"]["exitCode"] for state in states]
            policies = {item.policy for item in self._main}
            if "Always" not in policies and ("OnFailure" not in policies or not any(codes)):
                return "Failed" if any(codes) else "Succeeded"
        never = any("waiting" in item.status["state"] and not item.status["lastState"] for item in self._main)
        return "Pending" if never else "Running"

    def _conditions(self, phase: str) -> list[tuple[str, bool, str, str]]:
        waiting = [item.spec["name"] for item in self._init if not _passed(item)]
        unready = [item.spec["name"] for item in self._main if not item.status["ready"]]
        initialized = ("Initialized", not waiting, *_why("incomplete", waiting, "ContainersNotInitialized"))
        if phase in _ENDED:
            reason = "PodCompleted" if phase == "Succeeded" else "PodFailed"
            ready = (not unready, reason, "")
        else:
            ready = (not unready, *_why("unready", unready, "ContainersNotReady"))
        sandbox = self._sandbox and phase not in _ENDED
        return [
            ("PodReadyToStartContainers", sandbox, "", ""), initialized, ("Ready", *ready), ("ContainersReady", *ready),
            ("PodScheduled", True, "", ""),
        ]  # fmt: skip


def _why(word: str, names: list[str], reason: str) -> tuple[str, str]:
    return (reason, f"containers with {word} status: [{' '.join(names)}]") if names else ("", "")


def _final(container: Container) -> Object:
    found: Object = container.status["state"].get("terminated", {})
    return found


def _passed(container: Container) -> bool:
    if container.endless:
        return bool(container.status["started"])
    return _final(container).get("exitCode") == 0


def _init(pod: Object) -> list[Object]:
    return list(pod["spec"].get("initContainers") or ())


def _init_policy(spec: Object, policy: str) -> str:
    """An init container runs to its end, again on failure, unless it is a sidecar."""
    if spec.get("restartPolicy") == "Always":
        return "Always"
    return "Never" if policy == "Never" else "OnFailure"


async def _reported(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A defect of the simulation goes to the server's log, not into silence."""
    try:
        await work()
    except Exception:  # noqa: BLE001 - the other pods go on
        traceback.print_exc(file=sys.stderr)
