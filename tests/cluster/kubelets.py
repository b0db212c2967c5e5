"""Kubelets and a storage provisioner for a real control plane: those of the simulated cluster, on the real API.

The statuses and events they report are the ones that tests/fixtures/kubelet-1.36 holds the simulated cluster to; logs,
exec and port-forward are served as a kubelet serves them. No container runs.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from sensei_tui.base import clock
from sensei_tui.rehearsal import kinds, scenario, streams, tls
from sensei_tui.rehearsal.controllers.claims import CLAIM, CLASS, SELECTED_NODE, VOLUME, bound, volume_for
from sensei_tui.rehearsal.controllers.kubelet import Kubelet
from sensei_tui.rehearsal.controllers.loop import Key, Loop
from sensei_tui.rehearsal.controllers.nodes import NODE, node_object, storage_objects
from sensei_tui.rehearsal.controllers.owned import POD
from sensei_tui.rehearsal.controllers.world import EVENT, World
from sensei_tui.rehearsal.errors import ApiError
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, clone, key_of, timestamp
from sensei_tui.rehearsal.scenario import Fault, Scenario
from tests.cluster.mirror import MERGE, Api, Mirror, path_of
from tests.fixtures_cluster import Client

T = TypeVar("T")
SPEED = 10.0
"""How many times faster than real ones these kubelets pull, start, probe and back off."""
PROVISIONER = "csi.rehearsal.sensei"
_WATCHED = (POD, CLAIM, CLASS, VOLUME, kinds.named("Secret"), kinds.named("ConfigMap"))
_WEBSOCKETS = "ExtendWebSocketsToKubelet"
"""The feature by which a kubelet says that the API server may pass websockets on to it (Kubernetes 1.36)."""


class ApiWorld(World):
    """The world of one namespace's kubelets: read from the mirror, written through the API."""

    def __init__(self, mirror: Mirror, api: Api, found: Scenario) -> None:
        super().__init__(mirror, found, clock)  # type: ignore[arg-type]
        self._mirror = mirror
        self._api = api

    def set_status(self, kind: Kind, obj: Object, **changes: Any) -> None:
        live = self.find(kind, *key_of(obj))
        if live is None or live["metadata"]["uid"] != obj["metadata"]["uid"]:
            return
        status = {key: value for key, value in {**live.get("status", {}), **changes}.items() if value is not None}
        self._mirror.keep_status(kind, live, status)
        gone = {key: None for key, value in changes.items() if value is None}
        self._send(kind, live, "PATCH", {"status": {**status, **gone}}, "status")

    def change(self, kind: Kind, obj: Object, change: Callable[[Object], None], subresource: str = "") -> None:
        new = clone(obj)
        change(new)
        self._mirror.put(kind, new)
        self._send(kind, new, "PATCH", {key: value for key, value in new.items() if obj.get(key) != value}, subresource)

    def delete(self, kind: Kind, obj: Object, **options: Any) -> None:
        body: Object = {"preconditions": {"uid": obj["metadata"]["uid"]}}
        if "grace" in options:
            body["gracePeriodSeconds"] = options["grace"]
        self._send(kind, obj, "DELETE", body)

    def create(self, kind: Kind, obj: Object) -> Object:
        self._api.send(obj["metadata"]["name"], "POST", path_of(kind, obj["metadata"].get("namespace", "")), obj)
        return obj

    def _record(self, event: Object) -> None:
        self._mirror.put(EVENT, event)
        self.create(EVENT, event)

    def _send(self, kind: Kind, obj: Object, method: str, body: Object, subresource: str = "") -> None:
        namespace, name = key_of(obj)
        media = MERGE if method == "PATCH" else "application/json"
        self._api.send(
            obj["metadata"].get("uid") or name, method, path_of(kind, namespace, name, subresource), body, media
        )


class Kubelets:
    """A controller: hands each pod to the kubelets of its namespace, which have faults of their own."""

    def __init__(self, make: Callable[[str], Kubelet]) -> None:
        self._make = make
        self._by_namespace: dict[str, Kubelet] = {}

    def of(self, namespace: str) -> Kubelet:
        if namespace not in self._by_namespace:
            self._by_namespace[namespace] = self._make(namespace)
        return self._by_namespace[namespace]

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        return self.of(obj["metadata"]["namespace"]).concerns(kind, event, obj) if kind is POD else ()

    def reconcile(self, namespace: str, name: str) -> None:
        self.of(namespace).reconcile(namespace, name)

    async def stop(self) -> None:
        for kubelet in self._by_namespace.values():
            await kubelet.stop()


class Provisioner:
    """A controller: makes and removes the volumes of claims, as an external provisioner does."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._made: set[str] = set()

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        return [("", obj["metadata"]["name"])] if kind is VOLUME else [key_of(obj)] if kind is CLAIM else ()

    def reconcile(self, namespace: str, name: str) -> None:
        if not namespace:
            self._remove(name)
        elif claim := self._world.find(CLAIM, namespace, name):
            self._provision(claim)

    def _remove(self, name: str) -> None:
        volume = self._world.find(VOLUME, "", name)
        if volume and volume["status"].get("phase") == "Released":
            self._world.delete(VOLUME, volume)

    def _provision(self, claim: Object) -> None:
        storage = self._world.find(CLASS, "", claim["spec"].get("storageClassName") or "")
        if storage is None or storage["provisioner"] != PROVISIONER or bound(claim):
            return
        uid, annotations = claim["metadata"]["uid"], claim["metadata"].get("annotations") or {}
        waits = storage.get("volumeBindingMode") == "WaitForFirstConsumer"
        if uid not in self._made and (not waits or SELECTED_NODE in annotations):
            self._made.add(uid)
            self._world.create(VOLUME, volume_for(claim, storage))
            text = f"Successfully provisioned volume pvc-{uid}"
            self._world.event(CLAIM, claim, "ProvisioningSucceeded", text, PROVISIONER)


class FakeNodes:
    """Nodes, storage and kubelets on a control plane, in a thread of their own."""

    def __init__(self, admin: Client, directory: Path, version: str) -> None:
        self._admin = admin
        self._directory = directory
        self._version = version
        self._faults: dict[str, tuple[Fault, ...]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kubelets", daemon=True)

    def start(self) -> None:
        """Register everything and begin to run pods."""
        self._thread.start()
        self._call(self._start())

    def stop(self) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def rest(self) -> None:
        """The kubelets do nothing more; pods stay as they are."""
        self._call(self._end_work())

    def fail(self, namespace: str, *faults: Fault) -> None:
        """Faults that strike the pods of a namespace; say it before its first pod."""
        self._faults[namespace] = faults

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _start(self) -> None:
        port = await self._serve()
        self._api = Api(self._admin)
        self._mirror = Mirror(self._api, _WATCHED)
        for method, path, body in self._registrations(port):
            status, answer = await self._api.ask(method, path, body)
            assert status in (200, 201, 409), answer
        await self._mirror.start()
        self._kubelets = Kubelets(self._kubelet)
        self._work = Loop(self._world(""), [self._kubelets, Provisioner(self._world(""))])
        self._work.start()

    async def _end_work(self) -> None:
        self._work.stop()
        await self._kubelets.stop()
        await self._mirror.stop()

    async def _stop(self) -> None:
        await self._end_work()
        await self._api.close()
        await self._runner.cleanup()

    def _world(self, namespace: str) -> ApiWorld:
        found = msgspec.structs.replace(scenario.default(), speed=SPEED, faults=self._faults.get(namespace, ()))
        return ApiWorld(self._mirror, self._api, found)

    def _kubelet(self, namespace: str) -> Kubelet:
        return Kubelet(self._world(namespace))

    def _registrations(self, port: int) -> Iterable[tuple[str, str, Object]]:
        now, found = timestamp(clock.now()), scenario.default()
        for spec in found.nodes:
            for name in spec.names():
                node = node_object(spec, name, now)
                status = node["status"]
                status["addresses"][0]["address"] = "127.0.0.1"
                status["daemonEndpoints"]["kubeletEndpoint"]["Port"] = port
                status["nodeInfo"]["kubeletVersion"] = self._version
                status["declaredFeatures"] = [_WEBSOCKETS]
                yield "POST", path_of(NODE), {"apiVersion": "v1", "kind": "Node", **node}
        for number, storage in enumerate(found.storage_classes):
            for kind, obj in storage_objects(storage, number):
                place = path_of(kind, obj["metadata"].get("namespace", ""))
                yield "POST", place, {"apiVersion": kind.api_version, "kind": kind.kind, **obj}

    # the kubelets' own server

    async def _serve(self) -> int:
        app = web.Application()
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._logs)
        app.router.add_route("*", "/exec/{namespace}/{pod}/{container}", self._exec)
        app.router.add_route("*", "/portForward/{namespace}/{pod}", self._forward)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        _, certificate, key = tls.ensure(self._directory / "kubelet-tls")
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls.server_context(certificate, key))
        await site.start()
        return int(self._runner.addresses[0][1])

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, "log", {"container": request.match_info["container"]})

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        more = {"container": request.match_info["container"], "stdin": request.query.get("input", "")}
        return await self._stream(request, "exec", more)

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        return await self._stream(request, "portforward", {"ports": request.query.get("port", "")})

    async def _stream(self, request: web.Request, method: str, more: dict[str, str]) -> web.StreamResponse:
        """Ask the simulated kubelet's streams in the API's words."""
        namespace, pod = request.match_info["namespace"], request.match_info["pod"]
        asked = request.clone(rel_url=request.rel_url.extend_query(more))
        answer: Callable[..., Coroutine[Any, Any, web.StreamResponse]]
        answer = getattr(streams.Streams(self._kubelets.of(namespace)), method)
        try:
            return await answer(asked, namespace, pod)
        except ApiError as refusal:
            return web.Response(status=refusal.status_code, text=refusal.message)
