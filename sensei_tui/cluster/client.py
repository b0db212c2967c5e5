"""One connection to one cluster: reads, writes, permissions, logs, exec, port-forward.

Everything is raw bytes decoded by msgspec; no typed models (see transport). Any thread may call any method.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from sensei_tui.base import clock
from sensei_tui.base.text import plain
from sensei_tui.cluster.errors import ClusterError, Invalid, NotFound
from sensei_tui.cluster.forward import Forward, http_get, open_forward
from sensei_tui.cluster.kinds import Kind, Kinds
from sensei_tui.cluster.remote_exec import run_in_pod
from sensei_tui.cluster.stream import LineStream
from sensei_tui.cluster.target import Target
from sensei_tui.cluster.transport import APPLY_PATCH, MERGE_PATCH, Query, Transport

T = TypeVar("T")
_Strings = list[str]
PAGE = 500
"""Objects asked for at once: the first page of 10,000 pods comes after 45 ms, and no page costs much memory."""
MANAGER = "sensei-tui"
NO_LOG = "unable to retrieve container logs"
"""What a kubelet answers, with status 200, instead of a log that is gone."""
FOLLOW_TIMEOUT = 3600.0


class _ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _RawList(msgspec.Struct):
    metadata: _ListMeta = _ListMeta()
    items: list[msgspec.Raw] = []


class Page(msgspec.Struct, frozen=True):
    """A whole list and the place in the stream of changes where it was read."""

    items: list[Any]
    resource_version: str
    unreadable: tuple[str, ...] = ()
    """Objects that do not have the shape we know, with the reason; the rest is there."""


def connect(target: Target, *, timeout: float = 10) -> Cluster:
    """A connection that has answered once. `timeout` is for every single request, in seconds. Raises ClusterError."""
    cluster = Cluster(target, timeout)
    try:
        cluster.version()
    except ClusterError:
        cluster.close()
        raise
    return cluster


class Cluster:
    """A connection; `connect` makes one."""

    def __init__(self, target: Target, timeout: float = 10) -> None:
        """Reads the kubeconfig, does not touch the network. Raises KubeconfigError."""
        self.target = target
        self.transport = Transport(target, timeout)
        self._kinds = Kinds(self.get)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self.transport.close()

    # The server.

    def version(self) -> str:
        """`v1.36.2`."""
        return str(self.get("/version")["gitVersion"])

    def latency(self) -> float:
        """Seconds for one small request on a connection that is open already."""
        self.version()
        started = clock.monotonic()
        self.version()
        return clock.monotonic() - started

    def server_time_skew(self) -> float:
        """Seconds by which the server's clock is ahead of ours (whole seconds: HTTP says no more)."""
        answer = self.transport.open("GET", "/version")
        date = answer.headers.get("date", "")
        answer.drain_conn()
        answer.release_conn()
        return (parsedate_to_datetime(date) - clock.now()).total_seconds() if date else 0.0

    # Reads.

    def get_bytes(self, path: str, **params: str | int | bool) -> bytes:
        """The answer to a GET, undecoded. `timeout=` is in seconds. Raises ClusterError."""
        timeout = float(params.pop("timeout", 0)) or None
        return self.transport.request("GET", path, params, timeout=timeout)

    def get(self, path: str, **params: str | int | bool) -> Any:
        """The answer to a GET, decoded from JSON. Raises ClusterError."""
        return _decoded(self.get_bytes(path, **params), path)

    def list(self, path: str, type: type[T], **params: str | int | bool) -> Iterator[T]:
        """Every object of a collection, page by page; those of an unknown shape are left out. Raises ClusterError."""
        for page in self._pages(path, params):
            yield from _read(page.items, type)[0]

    def read_list(self, path: str, type: type[Any], **params: str | int | bool) -> Page:
        """The whole collection at once, and where to watch on from. Raises ClusterError."""
        items: list[Any] = []
        unreadable: list[str] = []
        version = ""
        for page in self._pages(path, params):
            found, failed = _read(page.items, type)
            items += found
            unreadable += failed
            version = page.metadata.resource_version
        return Page(items, version, tuple(unreadable))

    def _pages(self, path: str, params: Query) -> Iterator[_RawList]:
        query: dict[str, str | int | bool] = {"limit": PAGE, **params}
        while True:
            page = _decoded(self.get_bytes(path, **query), path, _RawList)
            yield page
            if not page.metadata.continue_:
                return
            query["continue"] = page.metadata.continue_

    def exists(self, kind: str, name: str, namespace: str = "") -> bool:
        """Whether there is such an object; `namespace` defaults to the target's. Raises ClusterError."""
        try:
            self.get_bytes(self._path(kind, "", namespace, name))
        except NotFound:
            return False
        return True

    def object(self, kind: str, name: str, namespace: str = "", *, version: str = "") -> Any:
        """One object as it is. Raises NotFound and other ClusterErrors."""
        return self.get(self._path(kind, version, namespace, name))

    def allowed(
        self, verb: str, group: str, resource: str, *, namespace: str = "", name: str = "", subresource: str = ""
    ) -> bool:
        """Whether we may do this (a SelfSubjectAccessReview). An empty namespace asks for all of them."""
        asked = {
            "verb": verb, "group": group, "resource": resource, "namespace": namespace, "name": name,
            "subresource": subresource,
        }  # fmt: skip
        body = {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
        }  # fmt: skip
        answer = self.transport.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)
        return bool(_decoded(answer, "selfsubjectaccessreviews")["status"].get("allowed"))

    # Writes.

    def apply(
        self, obj: Mapping[str, Any], *, field_manager: str = MANAGER, force: bool = False, dry_run: bool = False
    ) -> dict[str, Any]:
        """Server-side apply: create it, or own the fields given. Returns the object as it is then.

        Raises ConflictError (with `causes`) where another manager owns a field and `force` is not set, Invalid for
        fields that the API does not know, and other ClusterErrors.
        """
        query: dict[str, str | int | bool] = {
            "fieldManager": field_manager, "force": force, "fieldValidation": "Strict",
        }  # fmt: skip
        path = self._path_of(obj)
        what = f"{obj['kind']}/{obj['metadata']['name']} could not be applied."
        return self._write("PATCH", path, query, obj, media=APPLY_PATCH, dry_run=dry_run, what=what)

    def create(self, obj: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Raises ConflictError where it exists, and other ClusterErrors."""
        what = f"{obj['kind']}/{obj['metadata'].get('name', '')} could not be created."
        query: dict[str, str | int | bool] = {"fieldManager": MANAGER}
        return self._write("POST", self._path_of(obj, collection=True), query, obj, dry_run=dry_run, what=what)

    def replace(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Put it in place of the one there; a `resourceVersion` in it must be the newest. Raises ConflictError."""
        what = f"{obj['kind']}/{obj['metadata']['name']} could not be replaced."
        return self._write("PUT", self._path_of(obj), {"fieldManager": MANAGER}, obj, what=what)

    def patch(self, kind: str, name: str, changes: Mapping[str, Any], namespace: str = "") -> dict[str, Any]:
        """Merge patch (RFC 7396). Raises ClusterError."""
        path = self._path(kind, "", namespace, name)
        what = f"{kind}/{name} could not be changed."
        return self._write("PATCH", path, {"fieldManager": MANAGER}, changes, media=MERGE_PATCH, what=what)

    def delete(self, kind: str, name: str, namespace: str = "", *, version: str = "", grace: int | None = None) -> bool:
        """Delete it and what it owns (in the background). False where it was not there. Raises ClusterError."""
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        what = f"{kind}/{name} could not be deleted."
        try:
            self.transport.request("DELETE", self._path(kind, version, namespace, name), body=body, what=what)
        except NotFound:
            return False
        return True

    def _write(
        self, method: str, path: str, query: Mapping[str, str | int | bool], body: Mapping[str, Any], *,
        media: str = "application/json", dry_run: bool = False, what: str = "",
    ) -> dict[str, Any]:  # fmt: skip
        asked = {**query, **({"dryRun": "All"} if dry_run else {})}
        found: dict[str, Any] = _decoded(
            self.transport.request(method, path, asked, body, media=media, what=what), path
        )
        return found

    # Pods.

    def logs(self, pod: str, container: str = "", tail: int = 200, previous: bool = False) -> _Strings:
        """The last lines of a container's log; none where the kubelet has none. Raises ClusterError."""
        query: dict[str, str | int | bool] = {"container": container, "tailLines": tail, "previous": previous}
        text = self.get_bytes(f"{_pod_path(self.target.namespace, pod)}/log", **query).decode(errors="replace")
        return [] if text.startswith(NO_LOG) else plain(text).splitlines()

    @contextmanager
    def follow_logs(self, pod: str, container: str = "", tail: int = 200) -> Iterator[Iterator[str]]:
        """The lines of a log as they come; leaving the block ends it, also while another thread waits for a line."""
        query: dict[str, str | int | bool] = {"container": container, "tailLines": tail, "follow": True}
        limits = (self.transport.timeout, FOLLOW_TIMEOUT)
        path = f"{_pod_path(self.target.namespace, pod)}/log"
        with LineStream(self.transport, path, query, limits) as stream:
            yield (plain(line.decode(errors="replace")).rstrip("\n") for line in stream)

    def exec(self, pod: str, command: _Strings, *, container: str = "", timeout: float = 30) -> tuple[int, str, str]:
        """Run a command in a container: exit code, standard output, standard error. Raises ClusterError."""
        path = f"{_pod_path(self.target.namespace, pod)}/exec"
        return run_in_pod(self.transport, path, command, container, timeout)

    def forward(self, service_or_pod: str, port: int, *, local_port: int = 0) -> AbstractContextManager[Forward]:
        """A listener on 127.0.0.1 whose connections end in a pod. `service/NAME` (or NAME) or `pod/NAME`.

        Raises ClusterError where the service has no ready pod.
        """
        return open_forward(self, service_or_pod, port, local_port)

    def http_get_service(self, service: str, port: int, path: str, timeout: float = 10) -> tuple[int, bytes]:
        """Status and body of a GET to a service, through a port-forward. Raises ClusterError."""
        with self.forward(f"service/{service}", port) as forward:
            return http_get(forward, path, timeout)

    # Paths.

    def _path(self, kind: str, version: str, namespace: str, name: str) -> str:
        return self.kind(kind, version).path(namespace or self.target.namespace, name)

    def _path_of(self, obj: Mapping[str, Any], *, collection: bool = False) -> str:
        metadata = obj["metadata"]
        name = "" if collection else metadata["name"]
        return self._path(obj["kind"], obj["apiVersion"], metadata.get("namespace", ""), name)

    def kind(self, name: str, version: str = "") -> Kind:
        """Where objects of this kind live. Raises Invalid where the cluster has no such kind."""
        try:
            found = self._kinds.find(name, version)
        except NotFound:
            found = None
        if found is None:
            raise Invalid(
                f"The cluster knows no {name} in {version or 'any known group'}.", where=self.transport.url,
                remedy="A resource definition (CRD) or a newer Kubernetes is needed.",
            )  # fmt: skip
        return found


def _pod_path(namespace: str, pod: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{pod}"


def _decoded(content: bytes, path: str, type: Any = Any) -> Any:
    try:
        return msgspec.json.decode(content, type=type)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(
            f"The answer to {path} is not what an API server says.", why=str(error),
            remedy="Check that the kubeconfig's address is an API server and no proxy's login page.",
        ) from error  # fmt: skip


def _read(items: list[msgspec.Raw], type: type[T]) -> tuple[list[T], list[str]]:
    decoder, found, failed = msgspec.json.Decoder(type), [], []
    for item in items:
        try:
            found.append(decoder.decode(item))
        except msgspec.ValidationError as error:
            failed.append(str(error))
    return found, failed
