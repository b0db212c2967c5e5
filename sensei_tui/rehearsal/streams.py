"""Logs, exec and port-forward of simulated pods."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from sensei_tui.base import clock
from sensei_tui.rehearsal import commands, kinds
from sensei_tui.rehearsal.errors import bad_request
from sensei_tui.rehearsal.requests import flag, number

if TYPE_CHECKING:
    from sensei_tui.rehearsal.controllers.containers import Container
    from sensei_tui.rehearsal.controllers.kubelet import Kubelet
    from sensei_tui.rehearsal.controllers.logs import ContainerLog

_POD = kinds.named("Pod")
_EXEC_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_FORWARD_PROTOCOL = "v4.channel.k8s.io"
_STDIN, _STDOUT, _STDERR, _STATUS, _CLOSE = 0, 1, 2, 3, 255
_NO_PREVIOUS = 'previous terminated container "{}" in pod "{}" not found'


class Streams:
    """What a kubelet's own server would answer."""

    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet

    async def log(self, request: web.Request, namespace: str, pod: str) -> web.StreamResponse:
        """GET .../log. Raises ApiError 400."""
        query = request.query
        container = self._kubelet.container(namespace, pod, query.get("container", ""))
        log = _previous(container, pod) if flag(query, "previous") else container.log
        if log is None:
            return web.Response(text=f"unable to retrieve container logs for {_last_id(container)}")
        if not log.id:
            raise bad_request(_not_started(container, pod))
        lines, seen = list(log.lines), log.total
        if since := number(query, "sinceSeconds"):
            first = clock.stamp(clock.now() - timedelta(seconds=since))
            lines = [line for line in lines if line[0] >= first]
        tail = number(query, "tailLines")
        lines = lines if tail is None else lines[len(lines) - min(tail, len(lines)) :]
        stamped = flag(query, "timestamps")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(b"".join(_line(line, stamped) for line in lines))
        if flag(query, "follow"):
            async for line in log.follow(seen):
                await response.write(_line(line, stamped))
        await response.write_eof()
        return response

    async def exec(self, request: web.Request, namespace: str, pod: str) -> web.StreamResponse:
        """A command over a websocket (channel protocols v4 and v5). Raises ApiError 400."""
        container = self._kubelet.container(namespace, pod, request.query.get("container", ""))
        if "running" not in container.status["state"]:
            raise bad_request(f'container not found ("{container.spec["name"]}")')
        socket = _upgraded(request, _EXEC_PROTOCOLS)
        await socket.prepare(request)
        stdin = _stdin(socket) if flag(request.query, "stdin") else _nothing()
        command = request.query.getall("command", [])
        done = await commands.run(command, container.spec, pod, stdin)
        for channel, content in ((_STDOUT, done.out), (_STDERR, done.err)):
            if content:
                await socket.send_bytes(bytes([channel]) + content)
        await socket.send_bytes(bytes([_STATUS]) + json.dumps(_exit_status(done.code, done.failure)).encode())
        await socket.close()
        return socket

    async def portforward(self, request: web.Request, namespace: str, pod: str) -> web.StreamResponse:
        """Ports over a websocket: two channels for each, data and errors. Raises ApiError 400."""
        ports = [int(port) for text in request.query.getall("ports", []) for port in text.split(",")]
        if not ports:
            raise bad_request("you must specify at least 1 port")
        containers = self._kubelet.world.store.peek(_POD, namespace, pod)["spec"]["containers"]
        served = {item["containerPort"]: one for one in containers for item in one.get("ports") or ()}
        socket = _upgraded(request, (_FORWARD_PROTOCOL,))
        await socket.prepare(request)
        for index, port in enumerate(ports):
            for channel in (2 * index, 2 * index + 1):
                await socket.send_bytes(bytes([channel]) + struct.pack("<H", port))
            if port not in served:
                await socket.send_bytes(bytes([2 * index + 1]) + _refused(port, pod))
        received: dict[int, bytes] = {}
        async for message in socket:
            if message.type is not WSMsgType.BINARY or not message.data:
                continue
            channel = message.data[0]
            port = ports[channel // 2] if channel // 2 < len(ports) else 0
            received[channel] = received.get(channel, b"") + message.data[1:]
            if channel % 2 == 0 and port in served and b"\r\n\r\n" in received[channel]:
                await socket.send_bytes(bytes([channel]) + commands.page(received.pop(channel), served[port], pod))
                break
        await socket.close()
        return socket


def _last_id(container: Container) -> str:
    """The ID of the container that ran before: `containerd://...`, "" for none."""
    return str((container.status["lastState"].get("terminated") or {}).get("containerID", ""))


def _previous(container: Container, pod: str) -> ContainerLog | None:
    """The log of the container that ran before; None when its remains are gone: the kubelet keeps one ended container.

    Raises ApiError 400 when none has ended yet.
    """
    last = _last_id(container)
    if not last:
        raise bad_request(_NO_PREVIOUS.format(container.spec["name"], pod))
    if "terminated" in container.status["state"]:
        return None
    return container.log if last.endswith(container.log.id) else container.previous


def _line(line: tuple[str, str], stamped: bool) -> bytes:
    stamp, text = line
    return f"{stamp} {text}\n".encode() if stamped else f"{text}\n".encode()


def _not_started(container: Container, pod: str) -> str:
    waiting = container.status["state"].get("waiting") or {}
    reason = waiting.get("reason", "ContainerCreating")
    name = container.spec["name"]
    if reason in ("ErrImagePull", "ImagePullBackOff"):
        return f'container "{name}" in pod "{pod}" is waiting to start: trying and failing to pull image'
    return f'container "{name}" in pod "{pod}" is waiting to start: {reason}'


def _upgraded(request: web.Request, protocols: tuple[str, ...]) -> web.WebSocketResponse:
    """Raises ApiError 400 for a plain request and for protocols that are not spoken here."""
    asked = request.headers.get("Sec-WebSocket-Protocol", "").replace(" ", "").split(",")
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise bad_request("Upgrade request required")
    if not set(asked) & set(protocols):
        raise bad_request(f"unable to upgrade: the client asks for {', '.join(asked)}, served: {', '.join(protocols)}")
    return web.WebSocketResponse(protocols=protocols)


async def _nothing() -> AsyncIterator[bytes]:
    none: tuple[bytes, ...] = ()
    for part in none:
        yield part


async def _stdin(socket: web.WebSocketResponse) -> AsyncIterator[bytes]:
    """What the client sends, until it closes its end."""
    async for message in socket:
        if message.type is not WSMsgType.BINARY or not message.data:
            continue
        if message.data[0] == _CLOSE:
            return
        if message.data[0] == _STDIN:
            yield message.data[1:]


def _exit_status(code: int, failure: str) -> object:
    if failure:
        told = f"Internal error occurred: error executing command in container: {failure}"
        return {
            "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
            "message": f"Internal error occurred: {told}",
        }  # fmt: skip
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }  # fmt: skip


def _refused(port: int, pod: str) -> bytes:
    text = f"error forwarding port {port} to pod {pod}: failed to connect to localhost:{port} inside namespace: "
    return f"{text}dial tcp4 127.0.0.1:{port}: connect: connection refused".encode()
