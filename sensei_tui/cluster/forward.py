"""Port-forward: a listener on 127.0.0.1, each of whose connections is bridged to a pod by a websocket of its own."""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sensei_tui.cluster.errors import ClusterError, ClusterTimeout, NotFound, from_exception
from sensei_tui.cluster.kinds import ENDPOINT_SLICE
from sensei_tui.cluster.remote_exec import websocket_error, websocket_errors
from sensei_tui.cluster.snapshot import EndpointSlice, Pod, Service, ServicePort

if TYPE_CHECKING:
    from sensei_tui.cluster.client import Cluster

_PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
_CHUNK = 1 << 16


class Forward:
    """An open port-forward; `local_port` on 127.0.0.1."""

    def __init__(self, cluster: Cluster, pod: str, port: int, local_port: int) -> None:
        """Raises OSError when the local port is taken."""
        self.pod = pod
        self.port = port
        self.failure: ClusterError | None = None
        """Why the last connection failed, where one did."""
        self._cluster = cluster
        self._listener = socket.create_server(("127.0.0.1", local_port))
        self.local_port = int(self._listener.getsockname()[1])
        self._stop, self._stopped = socket.socketpair()
        threading.Thread(target=self._accept, name=f"forward {pod}:{port}", daemon=True).start()

    def close(self) -> None:
        """End the listener and every connection."""
        self._stop.close()

    def _accept(self) -> None:
        with self._listener, self._stopped:
            while True:
                ready, _, _ = select.select([self._listener, self._stopped], [], [])
                if self._stopped in ready:
                    return
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), name="forwarded", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                remote = self._dial()
                try:
                    _bridge(connection, remote, self._stop)
                finally:
                    remote.close(timeout=1)
            except ClusterError as error:
                self.failure = error
            except websocket_errors() as error:
                self.failure = from_exception(error, self._what, self._cluster.transport.url)

    @property
    def _what(self) -> str:
        return f"No connection to Pod/{self.pod} port {self.port}."

    def _dial(self) -> Any:
        from kubernetes.stream.ws_client import create_websocket, get_websocket_url

        transport = self._cluster.transport
        path = f"/api/v1/namespaces/{self._cluster.target.namespace}/pods/{self.pod}/portforward"
        url = get_websocket_url(transport.url + path, [("ports", str(self.port))])
        headers = transport.headers() | {"sec-websocket-protocol": _PROTOCOL}
        try:
            return create_websocket(transport.configuration, url, headers)
        except websocket_errors() as error:
            raise websocket_error(error, self._what, transport.url) from error


def _bridge(local: socket.socket, remote: Any, stop: socket.socket) -> None:
    """Bytes both ways until one side ends. Raises ClusterError for what the kubelet says on the error channel."""
    greeted = {_DATA: False, _ERROR: False}
    while stop.fileno() >= 0:
        ready = [remote] if _pending(remote) else select.select([local, remote], [], [], 0.5)[0]
        if remote in ready and not _from_remote(local, remote, greeted):
            return
        if local in ready:
            data = local.recv(_CHUNK)
            if not data:
                return
            remote.send_binary(bytes([_DATA]) + data)


def _pending(remote: Any) -> bool:
    """TLS may have decrypted more than was read; select cannot see it."""
    return isinstance(remote.sock, ssl.SSLSocket) and bool(remote.sock.pending())


def _from_remote(local: socket.socket, remote: Any, greeted: dict[int, bool]) -> bool:
    """One frame. False when the other side has ended."""
    opcode, frame = remote.recv_data_frame(True)
    if opcode == 0x8:
        return False
    if opcode != 0x2 or not frame.data:
        return True
    channel, data = frame.data[0], frame.data[1:]
    if not greeted.get(channel, True):
        greeted[channel] = True  # The first frame of each channel only repeats the port number.
    elif channel == _DATA:
        local.sendall(data)
    elif channel == _ERROR and data:
        raise ClusterError("The port-forward failed.", why=data.decode(errors="replace").strip())
    return True


@contextmanager
def open_forward(cluster: Cluster, service_or_pod: str, port: int, local_port: int) -> Iterator[Forward]:
    """Raises ClusterError where there is no pod to forward to."""
    kind, _, name = service_or_pod.rpartition("/")
    pod, target = (name, port) if kind == "pod" else _behind(cluster, name, port)
    try:
        forward = Forward(cluster, pod, target, local_port)
    except OSError as error:
        raise ClusterError(f"Port {local_port} of this host cannot be used.", why=str(error)) from error
    try:
        yield forward
    finally:
        forward.close()


def _behind(cluster: Cluster, service: str, port: int) -> tuple[str, int]:
    """A ready pod of the service, and the container's port there."""
    spaced = cluster.target.namespace
    selector = f"kubernetes.io/service-name={service}"
    found = cluster.get_bytes(f"/api/v1/namespaces/{spaced}/services/{service}")
    wanted = _service_port(found, service, port)
    slices = cluster.list(ENDPOINT_SLICE.path(spaced), EndpointSlice, labelSelector=selector)
    ready = [
        item.target_ref.name
        for part in slices for item in part.endpoints or ()
        if item.conditions.ready is not False and item.target_ref and item.target_ref.kind == "Pod"
    ]  # fmt: skip
    if not ready:
        raise NotFound(
            f"Service/{service} has no ready pod.", where=f"namespace {spaced}", remedy="See the health board for why.",
        )  # fmt: skip
    return ready[0], _container_port(cluster, ready[0], wanted)


def _service_port(found: bytes, service: str, port: int) -> ServicePort:
    import msgspec

    spec = msgspec.json.decode(found, type=Service).spec
    for item in spec.ports:
        if item.port == port:
            return item
    has = ", ".join(str(item.port) for item in spec.ports) or "none"
    raise NotFound(f"Service/{service} has no port {port}.", why=f"its ports: {has}")


def _container_port(cluster: Cluster, pod: str, wanted: ServicePort) -> int:
    if isinstance(wanted.target_port, int):
        return wanted.target_port or wanted.port
    import msgspec

    path = f"/api/v1/namespaces/{cluster.target.namespace}/pods/{pod}"
    spec = msgspec.json.decode(cluster.get_bytes(path), type=Pod).spec
    for container in spec.containers:
        for item in container.ports:
            if item.name == wanted.target_port:
                return item.container_port
    raise NotFound(f"Pod/{pod} has no port named {wanted.target_port}.")


def http_get(forward: Forward, path: str, timeout: float) -> tuple[int, bytes]:
    """One GET through an open forward. Raises ClusterError."""
    connection = http.client.HTTPConnection("127.0.0.1", forward.local_port, timeout=timeout)
    what = f"Pod/{forward.pod} port {forward.port} does not answer."
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except TimeoutError as error:
        raise ClusterTimeout(what, why=f"no answer within {timeout:g} s") from error
    except (OSError, http.client.HTTPException) as error:
        raise forward.failure or ClusterError(what, why=str(error) or type(error).__name__) from error
    finally:
        connection.close()
