"""Into pods: exec and port-forward over the API server's websockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sensei_tui.cluster.errors import ClusterError, unreachable
from sensei_tui.cluster.resources import path_of

if TYPE_CHECKING:
    from sensei_tui.cluster.client import Cluster

CHUNK = 65536


def run_in_pod(cluster: Cluster, pod: str, command: list[str], container: str, timeout: float) -> tuple[int, str, str]:
    """See Cluster.exec."""
    from kubernetes.stream.ws_client import websocket_call
    from websocket import WebSocketException

    pairs = [("command", part) for part in command] + [("stdout", "true"), ("stderr", "true")]
    pairs += [("container", container)] if container else []
    url = f"{cluster.server}{path_of('Pod', pod, cluster.target.namespace)}/exec?{urlencode(pairs)}"
    try:
        client = websocket_call(
            cluster.api.configuration, "GET", url, headers=_websocket_headers(cluster), _preload_content=False,
            _request_timeout=timeout,
        )  # fmt: skip
        client.run_forever(timeout=timeout)
    except (WebSocketException, OSError) as error:
        raise unreachable(error, cluster.server) from error
    except Exception as error:
        raise _refused(error, f"exec in pod {pod}") from error
    return int(client.returncode or 0), client.read_channel(1), client.read_channel(2)


def _websocket_headers(cluster: Cluster) -> dict[str, str]:
    return {key.lower(): value for key, value in cluster.headers().items()}


def _refused(error: Exception, what: str) -> ClusterError:
    from kubernetes.client.exceptions import ApiException

    if isinstance(error, ApiException):
        return ClusterError(f"The cluster refused {what}.", status=int(error.status or 0), why=str(error.reason))
    raise error


class Forward:
    """A port on 127.0.0.1 whose connections lead to a port of a Pod, or of a ready Pod behind a Service."""

    def __init__(self, cluster: Cluster, kind: str, name: str, port: int) -> None:
        self._cluster = cluster
        self._pod, self._port = (name, port) if kind == "Pod" else _behind(cluster, name, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.local_port: int = self._listener.getsockname()[1]
        self.trouble = ""
        """Why the last connection did not come through."""

    def __enter__(self) -> Forward:
        threading.Thread(target=self._accept, name="forward", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; connections that are open end with their clients."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(client,), name="forward", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                remote = self._open()
            except ClusterError as error:
                self.trouble = error.why or error.what
                return
            with contextlib.closing(remote):
                back = threading.Thread(target=_copy, args=(remote, client), daemon=True)
                back.start()
                _copy(client, remote)
                back.join()

    def _open(self) -> Any:
        from kubernetes.stream.ws_client import portforward_call
        from websocket import WebSocketException

        cluster = self._cluster
        url = f"{cluster.server}{path_of('Pod', self._pod, cluster.target.namespace)}/portforward?ports={self._port}"
        try:
            tunnel = portforward_call(
                cluster.api.configuration, "GET", url, headers=_websocket_headers(cluster), _preload_content=False
            )
        except (WebSocketException, OSError) as error:
            raise unreachable(error, cluster.server) from error
        except Exception as error:
            raise _refused(error, f"a port-forward to pod {self._pod}") from error
        return tunnel.socket(self._port)


def _copy(source: Any, target: Any) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _behind(cluster: Cluster, service: str, port: int) -> tuple[str, int]:
    """A ready pod behind the service, and the port of that pod. Raises ClusterError if there is none."""
    spec = cluster.object("Service", service)["spec"]
    wanted = next((item for item in spec.get("ports", []) if item["port"] == port), None)
    if wanted is None:
        raise ClusterError(f"Service {service} has no port {port}.", where=f"Service/{service}")
    name = wanted.get("name", "")
    path = f"/apis/discovery.k8s.io/v1/namespaces/{cluster.target.namespace}/endpointslices"
    for piece in cluster.get(path, labelSelector=f"kubernetes.io/service-name={service}")["items"]:
        number = next((item["port"] for item in piece.get("ports") or [] if item.get("name", "") == name), None)
        for endpoint in piece.get("endpoints") or []:
            target = endpoint.get("targetRef") or {}
            if (endpoint.get("conditions") or {}).get("ready") and target.get("kind") == "Pod" and number:
                return str(target["name"]), int(number)
    raise ClusterError(
        f"Service {service} has no ready endpoint.", where=f"Service/{service}",
        why="no pod behind it is ready", remedy="The health board says why.",
    )  # fmt: skip
