"""One simulated container of a pod: pulled, started, probed, ended, started again. No process runs."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Protocol

from sensei_tui.base import clock
from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers.logs import ContainerLog
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.scenario import Fault, FaultKind

_SECRET, _CONFIG = kinds.named("Secret"), kinds.named("ConfigMap")
PULL_SECONDS = (1.0, 6.0)
"""What pulling an image takes, from a registry nearby."""
START_SECONDS = 0.8
RUN_SECONDS = 3.0
"""How long a container that runs to its end takes."""
CRASH_SECONDS = 2.0
FIRST_BACK_OFF, LONGEST_BACK_OFF = 10.0, 300.0
"""Seconds, as the kubelet's: doubled each time."""
SYNC = 15.0
"""Seconds until a pod whose configuration is incomplete is looked at again."""


class Host(Protocol):
    """What a container needs of its pod."""

    world: World
    name: str
    namespace: str

    def tell(self, reason: str, message: str, container: str = "", *, warning: bool = False) -> None:
        """Record an Event about the pod."""
        ...

    def publish(self) -> None:
        """Write the pod's status."""
        ...

    def pulled(self, image: str) -> bool:
        """Whether the node has the image."""
        ...

    def keep(self, image: str) -> None:
        """The node has the image from now on."""
        ...


@dataclass
class Container:
    """`status` is a v1.ContainerStatus. `restarts_always`: see `Host`'s restart policy."""

    host: Host
    spec: Object
    policy: str
    """restartPolicy: Always, OnFailure, Never."""
    endless: bool
    """It serves until it is ended (else it runs to its end)."""
    status: Object = field(default_factory=dict)
    log: ContainerLog = field(default_factory=lambda: ContainerLog(""))
    previous: ContainerLog | None = None
    struck: dict[FaultKind, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        image = self.spec["image"]
        self.status = self.status or {
            "name": self.spec["name"], "image": image, "imageID": "", "lastState": {}, "ready": False,
            "restartCount": 0, "started": False, "state": {"waiting": {"reason": "ContainerCreating"}},
        }  # fmt: skip

    # the life of it

    async def live(self) -> None:
        """Run it: until the pod's task is cancelled, or to an end after which it is not started again."""
        back_off = FIRST_BACK_OFF
        while True:
            await self._pull()
            await self._configure()
            await self._start()
            code = await self._run()
            if self.policy == "Never" or (self.policy == "OnFailure" and code == 0):
                return
            if code:
                await self._back_off(back_off)
                back_off = min(back_off * 2, LONGEST_BACK_OFF)
            self.status["restartCount"] += 1

    async def go_on(self) -> None:
        """Like `live`, for a container that runs already (the simulated cluster was stopped meanwhile)."""
        self._new_log()
        self._say("the simulated cluster was started again")
        await self._run(started=True)
        self.status["restartCount"] += 1
        await self.live()

    def end(self, code: int = 0) -> None:
        """The pod is being deleted."""
        if "running" in self.status["state"]:
            self._say("received SIGTERM, shutting down")
            self._terminated(code, "Completed" if code == 0 else "Error")

    # steps

    async def _pull(self) -> None:
        image, back_off = self.spec["image"], FIRST_BACK_OFF
        if self.host.pulled(image) and self.spec.get("imagePullPolicy") != "Always" and not self._strikes("image-pull"):
            present = f'Container image "{image}" already present on machine and can be accessed by the pod'
            self.host.tell("Pulled", present, self.spec["name"])
            return
        while True:
            self.host.tell("Pulling", f'Pulling image "{image}"', self.spec["name"])
            seconds, size = _pull_cost(image)
            await self.host.world.sleep(seconds)
            fault = self._fault("image-pull")
            if fault is None:
                break
            self._pull_failed(image, fault)
            await self.host.world.sleep(back_off)
            back_off = min(back_off * 2, LONGEST_BACK_OFF)
        self.host.keep(image)
        text = f'Successfully pulled image "{image}" in {seconds:.3f}s ({seconds:.3f}s including waiting). '
        self.host.tell("Pulled", f"{text}Image size: {size} bytes.", self.spec["name"])

    def _pull_failed(self, image: str, fault: Fault) -> None:
        registry, _, path = image.partition("/")
        repository, _, tag = path.rpartition(":")
        cause = fault.message or (
            f'failed to resolve reference "{image}": failed to do request: Head '
            f'"https://{registry}/v2/{repository or path}/manifests/{tag}": dial tcp: lookup {registry}: no such host'
        )
        why, name = f'failed to pull and unpack image "{image}": {cause}', self.spec["name"]
        self.host.tell("Failed", f'Failed to pull image "{image}": {why}', name, warning=True)
        self.host.tell("Failed", "Error: ErrImagePull", name, warning=True)
        self._waiting("ErrImagePull", why)
        self.host.world.after(2.0, lambda: self._pull_waits(image, why))

    def _pull_waits(self, image: str, why: str) -> None:
        if self.status["state"].get("waiting", {}).get("reason") != "ErrImagePull":
            return
        text = f'Back-off pulling image "{image}"'
        self.host.tell("BackOff", text, self.spec["name"])
        self.host.tell("Failed", "Error: ImagePullBackOff", self.spec["name"], warning=True)
        self._waiting("ImagePullBackOff", f"{text}: ErrImagePull: {why}")

    async def _configure(self) -> None:
        """Wait until every Secret and ConfigMap that its environment names is there."""
        while missing := self._missing():
            self._waiting("CreateContainerConfigError", missing)
            self.host.tell("Failed", f"Error: {missing}", self.spec["name"], warning=True)
            await self.host.world.sleep(SYNC)

    def _missing(self) -> str:
        for kind, source in _sources(self.spec):
            name, key = source.get("name", ""), source.get("key")
            if source.get("optional"):
                continue
            found = self.host.world.find(kind, self.host.namespace, name)
            if found is None:
                return f'{kind.kind.lower()} "{name}" not found'
            if key is not None and key not in {**(found.get("data") or {}), **(found.get("binaryData") or {})}:
                return f"couldn't find key {key} in {kind.kind} {self.host.namespace}/{name}"
        return ""

    async def _start(self) -> None:
        await self.host.world.sleep(START_SECONDS)
        name = self.spec["name"]
        self.host.tell("Created", "Container created", name)
        self.host.tell("Started", "Container started", name)
        self._new_log()
        if "terminated" in self.status["state"]:
            self.status["lastState"] = self.status["state"]
        self.status.update(
            state={"running": {"startedAt": self.host.world.now()}}, started="startupProbe" not in self.spec,
            containerID=f"containerd://{self.log.id}", ready=self.endless and not _probes(self.spec),
            imageID=f"sha256:{hashlib.sha256(self.spec['image'].encode()).hexdigest()}",
        )  # fmt: skip
        self._say(f"{self.spec['image']} started (simulated: no process runs)")
        self.host.publish()

    async def _run(self, *, started: bool = False) -> int:
        """The exit code, once it ends. A container that serves ends by a fault only."""
        for kind in ("crash-loop", "oom"):
            if fault := self._fault(kind):
                await self.host.world.sleep(CRASH_SECONDS)
                return self._crash(fault)
        if not self.endless:
            await self.host.world.sleep(RUN_SECONDS)
            self._say("done")
            self._terminated(0, "Completed")
            return 0
        if not started:
            await self._get_ready()
        await self.host.world.sleep(float("inf"))
        return 0

    def _crash(self, fault: Fault) -> int:
        oom = fault.kind == "oom"
        lines = fault.log or (() if oom else ("fatal: scripted failure of this rehearsal",))
        for line in lines:
            self._say(line)
        code = 137 if oom else fault.exit_code
        self._terminated(code, "OOMKilled" if oom else "Error")
        return code

    async def _get_ready(self) -> None:
        """The startup and readiness probes."""
        probe = self.spec.get("readinessProbe") or self.spec.get("startupProbe")
        if slow := self._fault("slow-start"):
            await self._unhealthy(probe, slow.seconds, "connect: connection refused")
        while fault := self._fault("unready"):
            why = fault.message or "HTTP probe failed with statuscode: 503"
            await self._unhealthy(probe, float((probe or {}).get("periodSeconds", 10)), why)
        if probe:
            await self.host.world.sleep(float(probe.get("initialDelaySeconds") or 0) + 1.0)
        self._say("ready to serve")
        self.status.update(started=True, ready=True)
        self.host.publish()

    async def _unhealthy(self, probe: Object | None, seconds: float, why: str) -> None:
        """Fail the probe now and then for so long."""
        period, word = float((probe or {}).get("periodSeconds", 10)), "Readiness"
        if not self.status["started"] and "startupProbe" in self.spec:
            word = "Startup"
        while seconds > 0:
            await self.host.world.sleep(min(period, seconds))
            seconds -= period
            if probe:
                text = f"{word} probe failed: {_probe_words(probe, why)}"
                self.host.tell("Unhealthy", text, self.spec["name"], warning=True)

    async def _back_off(self, seconds: float) -> None:
        uid = self.host.world.find(kinds.named("Pod"), self.host.namespace, self.host.name)
        place = f"{self.host.name}_{self.host.namespace}({uid['metadata']['uid'] if uid else ''})"
        name = self.spec["name"]
        self.host.tell("BackOff", f"Back-off restarting failed container {name} in pod {place}", name, warning=True)
        await self.host.world.sleep(1.0)
        self.status["lastState"] = self.status["state"]
        told = f"back-off {seconds:g}s restarting failed container={name} pod={place}"
        self._waiting("CrashLoopBackOff", told)
        await self.host.world.sleep(seconds)

    # small things

    def _fault(self, kind: FaultKind) -> Fault | None:
        """The fault of this kind that strikes now; it is counted."""
        if fault := self._strikes(kind):
            self.struck[kind] = self.struck.get(kind, 0) + 1
        return fault

    def _strikes(self, kind: FaultKind) -> Fault | None:
        for fault in self.host.world.scenario.faults:
            if fault.kind == kind and fault.strikes(self.host.name, self.spec["image"], self.struck.get(kind, 0)):
                return fault
        return None

    def _waiting(self, reason: str, message: str) -> None:
        self.status.update(state={"waiting": {"reason": reason, "message": message}}, ready=False, started=False)
        self.host.publish()

    def _terminated(self, code: int, reason: str) -> None:
        started = self.status["state"].get("running", {}).get("startedAt") or self.host.world.now()
        self.log.end()
        told = {"message": self.log.tail()} if code and self.spec["terminationMessagePolicy"] != "File" else {}
        self.status.update(ready=False, started=False, state={"terminated": {
            "exitCode": code, "reason": reason, "startedAt": started, "finishedAt": self.host.world.now(),
            "containerID": f"containerd://{self.log.id}", **told,
        }})  # fmt: skip
        self.host.publish()

    def _new_log(self) -> None:
        self.previous = self.log if self.log.id else None
        self.log = ContainerLog(secrets.token_hex(32))

    def _say(self, text: str) -> None:
        self.log.say(clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f000Z"), text)


def _pull_cost(image: str) -> tuple[float, int]:
    """(seconds, bytes): the same for the same image."""
    share = hashlib.sha256(image.encode()).digest()[0] / 255
    low, high = PULL_SECONDS
    return low + (high - low) * share, int((40 + 400 * share) * (1 << 20))


def _probes(spec: Object) -> bool:
    return "readinessProbe" in spec or "startupProbe" in spec


def _probe_words(probe: Object, why: str) -> str:
    if "httpGet" in probe:
        port = probe["httpGet"]["port"]
        if "refused" in why:
            return f'Get "http://10.244.0.1:{port}{probe["httpGet"].get("path", "/")}": dial tcp 10.244.0.1: {why}'
        return why
    return (
        f"dial tcp 10.244.0.1:{probe['tcpSocket']['port']}: {why}" if "tcpSocket" in probe else f"command failed: {why}"
    )


def _sources(spec: Object) -> list[tuple[kinds.Kind, Object]]:
    """The Secrets and ConfigMaps that the environment of a container reads."""
    found = []
    for item in spec.get("env") or ():
        source = item.get("valueFrom") or {}
        found += [(_SECRET, source["secretKeyRef"])] if source.get("secretKeyRef") else []
        found += [(_CONFIG, source["configMapKeyRef"])] if source.get("configMapKeyRef") else []
    for item in spec.get("envFrom") or ():
        found += [(_SECRET, item["secretRef"])] if item.get("secretRef") else []
        found += [(_CONFIG, item["configMapRef"])] if item.get("configMapRef") else []
    return found
