"""What the cluster can fail with: what, where, why, what to do."""

from __future__ import annotations

import re
import socket
import ssl
from typing import Any

import msgspec

from sensei_tui.base.errors import SenseiError, UsageError
from sensei_tui.base.text import one_line

_CONFLICT = re.compile(r'conflict with "([^"]+)"')


class KubeconfigError(UsageError):
    """The kubeconfig, or the context in it, cannot be used."""

    code = "kubeconfig"


class ClusterError(SenseiError):
    """The API server refused, or was not reached. `status` is the HTTP status, 0 if there was no answer."""

    code = "cluster"

    def __init__(
        self, what: str, *, status: int = 0, reason: str = "", where: str = "", why: str = "", remedy: str = ""
    ) -> None:
        super().__init__(what, where=where, why=why, remedy=remedy)
        self.status = status
        self.reason = reason


class Unreachable(ClusterError):
    """No answer."""

    code = "unreachable"


class ConflictError(ClusterError):
    """409: somebody else owns a field, or the object changed meanwhile."""

    code = "conflict"

    def __init__(self, what: str, *, conflicts: tuple[tuple[str, str], ...], **fields: Any) -> None:
        super().__init__(what, **fields)
        self.conflicts = conflicts
        """Pairs of manager and field."""


def from_status(status: int, body: bytes, method: str, path: str) -> ClusterError:
    """The error for an answer of 400 or more. The body may be a Status object, or plain text."""
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        answer = None
    told = answer if isinstance(answer, dict) else {}
    message = one_line(str(told.get("message") or body[:300].decode(errors="replace"))) or f"HTTP {status}"
    reason = str(told.get("reason", ""))
    fields: dict[str, Any] = {"status": status, "reason": reason, "where": f"{method} {path}", "why": message}
    if status == 409:
        causes = (told.get("details") or {}).get("causes") or []
        pairs = tuple(_conflict(cause) for cause in causes if cause.get("reason") == "FieldManagerConflict")
        return ConflictError("The object is owned or was changed by somebody else.", conflicts=pairs, **fields)
    if status == 401:
        return ClusterError(
            "The cluster does not accept these credentials.", **fields,
            remedy="Renew the token or the client certificate in the kubeconfig.",
        )  # fmt: skip
    if status == 403:
        return ClusterError(
            "This user is not allowed to do that.", **fields,
            remedy="Ask for the Role that 'sensei preflight' prints under rbac.deploy.",
        )  # fmt: skip
    what = {404: "It does not exist.", 422: "The cluster refused the object as not valid."}.get(status)
    return ClusterError(what or "The cluster refused the request.", **fields)


def _conflict(cause: dict[str, Any]) -> tuple[str, str]:
    manager = _CONFLICT.search(str(cause.get("message", "")))
    return (manager.group(1) if manager else "another manager", str(cause.get("field", "")))


def unreachable(error: BaseException, server: str) -> Unreachable:
    """The error for no answer, with the cause in words."""
    why, remedy = _cause(error)
    return Unreachable("The cluster does not answer.", where=server, why=why, remedy=remedy)


def _cause(error: BaseException) -> tuple[str, str]:
    chain = list(_chain(error))
    text = " ".join(str(item) for item in chain)
    if any(isinstance(item, ssl.SSLCertVerificationError) for item in chain) or "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            "its certificate is not signed by the CA of the kubeconfig",
            "Check certificate-authority-data in the kubeconfig.",
        )
    if any(isinstance(item, ConnectionRefusedError) for item in chain) or "refused" in text:
        return "connection refused", "Check that the API server runs, and the address and port in the kubeconfig."
    if any(isinstance(item, TimeoutError | socket.timeout) for item in chain) or "timed out" in text:
        return "no answer in time", "Check the route and the firewall from this host to the API server."
    if any(isinstance(item, socket.gaierror) for item in chain) or "resolve" in text:
        return "its name does not resolve", "Check DNS, or use the address in the kubeconfig."
    return one_line(str(error)), "Check the route from this host to the API server."


def _chain(error: BaseException | None) -> Any:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        reason = getattr(error, "reason", None)
        error = reason if isinstance(reason, BaseException) else error.__cause__ or error.__context__
