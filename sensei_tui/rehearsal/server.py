"""The API server over HTTP: authentication, rights, faults, dispatch, and the form of answers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import format_datetime
from typing import Any, Protocol

import msgspec
import yaml
from aiohttp import web

from sensei_tui.base import clock
from sensei_tui.rehearsal import discovery, kinds, requests, reviews, schemas, subresources, watch_stream
from sensei_tui.rehearsal.auth import Access, Authority, User
from sensei_tui.rehearsal.errors import ApiError, forbidden, generic, method_not_allowed, no_such_path, unauthorized
from sensei_tui.rehearsal.faults_http import DroppedError, HttpFaults
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.requests import Form, Place
from sensei_tui.rehearsal.resources import Answer, Call, Resources
from sensei_tui.rehearsal.store import Store

LARGEST_BODY = 3 * 1024 * 1024
"""Bytes; the limit of kube-apiserver (MaxRequestBodyBytes)."""

_STREAMED = ("exec", "log", "portforward")


class Streams(Protocol):
    """The kubelet's side of `log`, `exec` and `portforward`."""

    async def log(self, request: web.Request, namespace: str, pod: str) -> web.StreamResponse: ...
    async def exec(self, request: web.Request, namespace: str, pod: str) -> web.StreamResponse: ...
    async def portforward(self, request: web.Request, namespace: str, pod: str) -> web.StreamResponse: ...


class ApiServer:
    """Answers requests on one store. `seen` is the time of the latest request (base.clock.monotonic)."""

    def __init__(
        self, store: Store, authority: Authority, *, streams: Streams | None = None, faults: HttpFaults | None = None
    ) -> None:
        self.store = store
        self.authority = authority
        self.things = Resources(store)
        self.streams = streams
        self.faults = faults or HttpFaults()
        self.address = ""
        self.started = self.seen = clock.monotonic()
        self._open: set[asyncio.Task[Any]] = set()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self.handle)
        app.on_response_prepare.append(self._headers)
        return app

    def hang_up(self) -> None:
        """End every watch and stream, so that the server can stop."""
        for task in tuple(self._open):
            task.cancel()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request. Refusals become Status objects; a dropped connection ends without an answer."""
        self.seen = clock.monotonic()
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self.faults.suffer(request.method, request.path, self.seen - self.started)
            return await self._respond(request)
        except ApiError as refusal:
            return _json(refusal.status(), refusal.status_code)
        except DroppedError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        finally:
            self._open.discard(task)

    async def _headers(self, request: web.Request, response: web.StreamResponse) -> None:
        told = clock.now() + timedelta(seconds=self.faults.clock_skew)
        response.headers["Date"] = format_datetime(told, usegmt=True)
        response.headers["Audit-Id"] = str(uuid.uuid4())
        response.headers.setdefault("Cache-Control", "no-cache, private")

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        user = self._user(request)
        if not _is_resource(request.path):
            access = Access(request.method.lower(), path=request.path)
            if not self.authority.allowed(user, access):
                raise generic(403, "Forbidden", f"forbidden: {access.sentence(user)}")
            return self._other(request)
        place = requests.locate(request.path)
        verb = requests.verb(request.method, place, request.query)
        self._authorize(user, place, verb)
        if place.subresource in _STREAMED:
            return await self._stream(request, place)
        if verb == "watch" or (verb == "get" and requests.flag(request.query, "watch")):
            form = requests.negotiate(request.headers.get("Accept", ""))
            return await watch_stream.serve(request, watch_stream.Stream(self.store, place, request.query, form))
        call = await _read(request, place)
        answer = self._answer(call, verb, user)
        return _answered(answer, call.form)

    def _user(self, request: web.Request) -> User:
        user = self.authority.user(request.headers.get("Authorization", ""))
        if user is None:
            raise unauthorized()
        name = request.headers.get("Impersonate-User")
        if not name:
            return user
        if not self.authority.allowed(user, Access("impersonate", resource="users", name=name)):
            sentence = Access("impersonate", resource="users", name=name).sentence(user)
            raise ApiError(403, "Forbidden", f'users "{name}" is forbidden: {sentence}')
        groups = request.headers.getall("Impersonate-Group", [])
        return User(name, (*groups, *_implied_groups(name), "system:authenticated"))

    def _authorize(self, user: User, place: Place, verb: str) -> None:
        access = requests.access(place, verb)
        if not self.authority.allowed(user, access):
            raise forbidden(place.kind, place.name, access.sentence(user))

    def _answer(self, call: Call, verb: str, user: User) -> Answer:
        kind = call.place.kind
        if kind.kind == "Binding":
            return subresources.bind(self.store, call)
        if kind.create_only:
            if verb != "create":
                raise method_not_allowed()
            return Answer(reviews.answer(self.authority, user, kind, _review(call), call.manager), 201)
        if call.place.subresource:
            return subresources.dispatch(self.things, self.authority, call, verb)
        if verb not in kind.verbs:
            raise method_not_allowed()
        verbs: dict[str, Callable[[Call], Answer]] = {
            "create": self.things.create,
            "delete": self.things.delete,
            "deletecollection": self.things.deletecollection,
            "get": self.things.get,
            "list": self.things.list,
            "patch": self.things.patch,
            "update": self.things.update,
        }
        return verbs[verb](call)

    async def _stream(self, request: web.Request, place: Place) -> web.StreamResponse:
        self.store.peek(place.kind, place.namespace, place.name)
        if self.streams is None:
            raise ApiError(503, "ServiceUnavailable", "no kubelet is simulated here")
        serve = {"log": self.streams.log, "exec": self.streams.exec, "portforward": self.streams.portforward}
        return await serve[place.subresource](request, place.namespace, place.name)

    def _other(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/") or "/"
        if path in ("/healthz", "/livez", "/readyz") or path.startswith(("/healthz/", "/livez/", "/readyz/")):
            return web.Response(text="ok", headers={"X-Content-Type-Options": "nosniff"})
        if path == "/version":
            return _json(discovery.VERSION)
        value, media = self._described(path, request)
        if value is None and _is_group(path):
            raise no_such_path()
        if value is None:
            return web.Response(status=404, text="404 page not found\n")
        return _json(value, media=media)

    def _described(self, path: str, request: web.Request) -> tuple[Any, str]:
        """Discovery and OpenAPI documents, with their media type."""
        plain = "application/json"
        wants_aggregate = _wants_aggregate(request.headers.get("Accept", ""))
        parts = path.strip("/").split("/")
        if path in ("/api", "/apis") and wants_aggregate:
            return discovery.aggregated(core=path == "/api"), discovery.AGGREGATED
        if parts[0] == "openapi":
            return _openapi(parts), plain
        documents: dict[str, Callable[[], Any]] = {
            "/": _paths,
            "/api": lambda: discovery.core_versions(self.address),
            "/apis": discovery.group_list,
            "/api/v1": lambda: discovery.resource_list("", "v1"),
        }
        if path in documents:
            return documents[path](), plain
        if parts[0] == "apis" and len(parts) == 2:
            return discovery.group(parts[1]), plain
        if parts[0] == "apis" and len(parts) == 3:
            return discovery.resource_list(parts[1], parts[2]), plain
        return None, plain


def _is_group(path: str) -> bool:
    """Whether an address is below a group that is served, be it in another version."""
    parts = path.strip("/").split("/")
    served = {group for group, _, _ in kinds.groups()}
    return len(parts) > 2 and (parts[0] == "api" or (parts[0] == "apis" and parts[1] in served))


def _is_resource(path: str) -> bool:
    """Whether an address is below a group version that is served."""
    parts = path.strip("/").split("/")
    if parts[0] == "api":
        return len(parts) > 2 and parts[1] == "v1"
    served = {(group, version) for group, version, _ in kinds.groups()}
    return parts[0] == "apis" and len(parts) > 3 and (parts[1], parts[2]) in served


def _implied_groups(name: str) -> tuple[str, ...]:
    parts = name.split(":")
    if parts[:2] == ["system", "serviceaccount"] and len(parts) == 4:
        return "system:serviceaccounts", f"system:serviceaccounts:{parts[2]}"
    return ()


async def _read(request: web.Request, place: Place) -> Call:
    return Call(
        place, request.query, requests.negotiate(request.headers.get("Accept", "")), await request.read(),
        request.headers.get("Content-Type", ""), request.headers.get("User-Agent", ""),
    )  # fmt: skip


def _review(call: Call) -> Object:
    review = requests.decode(call.body, call.content_type)
    return {**review, "kind": call.place.kind.kind, "apiVersion": call.place.kind.api_version}


def _wants_aggregate(accept: str) -> bool:
    """Whether the first discovery form the client names that we have is the aggregated one."""
    for item in accept.split(","):
        if "as=APIGroupDiscoveryList" in item:
            if "v=v2;" in f"{item};" and "g=apidiscovery.k8s.io" in item:
                return True
        elif item.partition(";")[0].strip() in ("application/json", "*/*"):
            return False
    return False


def _paths() -> dict[str, Any]:
    groups = [f"/apis/{group}/{version}" for group, version, _ in kinds.groups() if group]
    return {"paths": ["/api", "/api/v1", "/apis", *groups, "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]}


def _openapi(parts: list[str]) -> Any:
    """/openapi/v3 (what there is) and /openapi/v3/api/v1, /openapi/v3/apis/GROUP/VERSION."""
    if parts == ["openapi", "v3"]:
        served = (f"apis/{group}/{version}" if group else "api/v1" for group, version, _ in kinds.groups())
        return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash=rehearsal"} for path in served}}
    for group, version, _ in kinds.groups():
        if parts[2:] == (["apis", group, version] if group else ["api", "v1"]):
            return schemas.openapi_v3(group, version)
    return None


def _answered(answer: Answer, form: Form) -> web.Response:
    warnings = [("Warning", f'299 - "{_quoted(text)}"') for text in answer.warnings]
    if form.yaml:
        text = yaml.safe_dump(answer.value, sort_keys=False)
        return web.Response(text=text, status=answer.code, content_type="application/yaml", headers=warnings)
    return _json(answer.value, answer.code, headers=warnings)


def _quoted(text: str) -> str:
    clean = "".join(letter if letter.isprintable() else " " for letter in text)
    return clean.replace("\\", "\\\\").replace('"', '\\"')


def _json(
    value: Mapping[str, Any], code: int = 200, *, media: str = "application/json", headers: Any = ()
) -> web.Response:
    response = web.Response(body=msgspec.json.encode(value), status=code, headers=headers)
    response.headers["Content-Type"] = media
    return response
