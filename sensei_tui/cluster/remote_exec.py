"""Commands in containers, over the API's websocket (v5, v4 channel protocols)."""

from __future__ import annotations

from typing import Any

import msgspec

from sensei_tui.base import clock
from sensei_tui.cluster.errors import ClusterError, ClusterTimeout, from_exception, from_status
from sensei_tui.cluster.transport import Transport

_STDOUT, _STDERR, _STATUS = 1, 2, 3


def run_in_pod(
    transport: Transport, path: str, command: list[str], container: str, timeout: float
) -> tuple[int, str, str]:
    """Exit code, standard output, standard error. Raises ClusterError."""
    from kubernetes.stream.ws_client import WSClient, get_websocket_url

    query = [("command", part) for part in command] + [("stdout", "true"), ("stderr", "true")]
    url = get_websocket_url(transport.url + path, query + ([("container", container)] if container else []))
    what = f"{command[0]} could not be run in {path.split('/')[-2]}."
    try:
        client = WSClient(transport.configuration, url, transport.headers(), capture_all=False)
    except websocket_errors() as error:
        raise websocket_error(error, what, transport.url) from error
    try:
        return _collect(client, what, transport.url, timeout)
    finally:
        client.close()


def _collect(client: Any, what: str, where: str, timeout: float) -> tuple[int, str, str]:
    deadline = clock.monotonic() + timeout
    while client.is_open():
        left = deadline - clock.monotonic()
        if left <= 0:
            raise ClusterTimeout(what, where=where, why=f"it did not end within {timeout:g} s")
        try:
            client.update(timeout=left)
        except websocket_errors() as error:
            raise from_exception(error, what, where) from error
    told, out, err = (client.read_channel(channel) for channel in (_STATUS, _STDOUT, _STDERR))
    return _exit_code(told, what, where), out, err


def _exit_code(told: str, what: str, where: str) -> int:
    """From the Status object that the API sends at the end."""
    status = msgspec.json.decode(told or "{}")
    if status.get("status") == "Success":
        return 0
    for cause in (status.get("details") or {}).get("causes") or ():
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise ClusterError(what, where=where, why=status.get("message", "the connection ended early"))


def websocket_errors() -> tuple[type[Exception], ...]:
    """What the websocket client raises."""
    import websocket

    return (websocket.WebSocketException, OSError)


def websocket_error(error: Exception, what: str, where: str) -> ClusterError:
    """A handshake that was answered with an HTTP error tells its Status."""
    status, body = getattr(error, "status_code", 0), getattr(error, "resp_body", b"") or b""
    return from_status(status, bytes(body), what, where) if status else from_exception(error, what, where)
