"""What can go wrong between us and the Kubernetes API, each with its cause and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from sensei_tui.base.errors import ExitCode, SenseiError
from sensei_tui.base.text import clip, one_line

_LONGEST = 400


class Cause(msgspec.Struct, frozen=True):
    """One entry of a Status' details: a field and what is wrong with it."""

    reason: str = ""
    message: str = ""
    field: str = ""


class ClusterError(SenseiError):
    """The API, or the way to it, failed. `status` is the HTTP status, 0 where no answer came."""

    code = "cluster"

    def __init__(
        self, what: str, *, where: str = "", why: str = "", remedy: str = "", status: int = 0, reason: str = "",
        causes: tuple[Cause, ...] = (), verb: str = "", resource: str = "",
    ) -> None:  # fmt: skip
        super().__init__(what, where=where, why=why, remedy=remedy)
        self.status = status
        self.reason = reason
        """Kubernetes' own word: `NotFound`, `AlreadyExists`, `Conflict`, `Expired`."""
        self.causes = causes
        self.verb = verb
        self.resource = resource


class KubeconfigError(ClusterError):
    """The kubeconfig is missing, cannot be read, or makes no sense."""

    code = "kubeconfig"
    exit_code = ExitCode.USAGE


class ContextNotFound(KubeconfigError):
    """The kubeconfig has no such context."""

    code = "kube-context"


class Unreachable(ClusterError):
    """Nobody listens there, or there is no way there."""

    code = "cluster-unreachable"


class ClusterTimeout(ClusterError):
    """No answer in time."""

    code = "cluster-timeout"


class TlsFailed(ClusterError):
    """The server's certificate is not trusted."""

    code = "cluster-tls"


class ConnectionLost(ClusterError):
    """The connection ended in the middle of an answer."""

    code = "cluster-lost"


class Unauthorized(ClusterError):
    """401: the credentials are not accepted."""

    code = "cluster-unauthorized"


class Forbidden(ClusterError):
    """403: we are known but may not; `verb` and `resource` say what is missing."""

    code = "cluster-forbidden"


class NotFound(ClusterError):
    """404."""

    code = "cluster-not-found"


class ConflictError(ClusterError):
    """409: it exists already, somebody was faster, or somebody else owns the field."""

    code = "cluster-conflict"

    @property
    def conflicts(self) -> tuple[tuple[str, str], ...]:
        """Pairs of manager and field that a server-side apply met; empty for the other kinds of conflict."""
        owned = [item for item in self.causes if item.reason == "FieldManagerConflict"]
        return tuple((_manager(item.message), item.field) for item in owned)


class Expired(ClusterError):
    """410: the place in the stream of changes is too old; list again."""

    code = "cluster-expired"


class Invalid(ClusterError):
    """422 or 400: the API refuses the object."""

    code = "cluster-invalid"


class ServerFailed(ClusterError):
    """429 and 5xx."""

    code = "cluster-server"


_FORBIDDEN = re.compile(
    r'cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"(?P<where>.*)'
)
_MANAGER = re.compile(r'conflict with "([^"]+)"')


def _manager(message: str) -> str:
    found = _MANAGER.search(message)
    return found[1] if found else "another manager"


def from_status(status: int, body: bytes, what: str, where: str) -> ClusterError:
    """The error for an HTTP answer that is none of 2xx. `body` is a Status object, or text from something else."""
    told = _decode(body)
    message = clip(one_line(str(told.get("message") or "")), _LONGEST) or f"HTTP {status}"
    details = told.get("details") or {}
    causes = tuple(msgspec.convert(item, Cause) for item in details.get("causes") or ())
    kind, remedy, extra = _KINDS.get(status, _failed)(message)
    return kind(
        what, where=where, why=message, remedy=remedy, status=status, reason=str(told.get("reason") or ""),
        causes=causes, **extra,
    )  # fmt: skip


def _decode(body: bytes) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {"message": body[:_LONGEST].decode(errors="replace")}
    return told if isinstance(told, dict) else {}


_Judged = tuple[type[ClusterError], str, dict[str, str]]


def _forbidden(message: str) -> _Judged:
    match = _FORBIDDEN.search(message)
    if not match:
        return Forbidden, "Ask the cluster's administrator for the permission.", {}
    resource = f"{match['resource']}.{match['group']}" if match["group"] else match["resource"]
    remedy = f"Ask the cluster's administrator for the permission to {match['verb']} {resource}."
    return Forbidden, remedy, {"verb": match["verb"], "resource": resource}


def _failed(_message: str) -> _Judged:
    return ServerFailed, "Look at the API server's own state (kubectl get --raw /readyz?verbose), then try again.", {}


_KINDS: dict[int, Callable[[str], _Judged]] = {
    400: lambda _: (Invalid, "", {}),
    401: lambda _: (Unauthorized, "Renew the credentials in the kubeconfig (a token may have expired).", {}),
    403: _forbidden,
    404: lambda _: (NotFound, "", {}),
    409: lambda _: (ConflictError, "", {}),
    410: lambda _: (Expired, "", {}),
    422: lambda _: (Invalid, "", {}),
}


def from_exception(error: Exception, what: str, where: str) -> ClusterError:
    """The error for an exception of urllib3, of the websocket client or of a socket."""
    text, names = one_line(str(error)), {kind.__name__ for kind in type(error).__mro__}
    for matches, build in _TRANSPORT:
        if matches(text, names):
            return build(what, where, clip(text, _LONGEST))
    return ConnectionLost(what, where=where, why=clip(text, _LONGEST) or type(error).__name__, remedy="Try again.")


def _tls(what: str, where: str, text: str) -> ClusterError:
    if "IP address mismatch" in text or "ostname mismatch" in text or "doesn't match" in text:
        why, remedy = "the certificate is for another name", "Use a name that the certificate has, or tls-server-name."
    elif "expired" in text:
        why, remedy = "the certificate has expired", "Renew the API server's certificate; check both clocks."
    elif "CERTIFICATE_VERIFY_FAILED" in text:
        why = "the certificate is signed by an authority that the kubeconfig does not name"
        remedy = "Put the cluster's CA into the kubeconfig (certificate-authority-data)."
    else:
        why, remedy = text, "Check that the address speaks TLS (https) on this port."
    return TlsFailed(what, where=where, why=why, remedy=remedy)


def _timeout(what: str, where: str, _text: str) -> ClusterError:
    remedy = "Check that the address is right and that no firewall drops the traffic."
    return ClusterTimeout(what, where=where, why="no answer in time", remedy=remedy)


def _refused(what: str, where: str, _text: str) -> ClusterError:
    remedy = "Check that the API server runs and that the address in the kubeconfig is right."
    return Unreachable(what, where=where, why="connection refused", remedy=remedy)


def _unresolved(what: str, where: str, _text: str) -> ClusterError:
    remedy = "Check the server's name in the kubeconfig, and this host's DNS."
    return Unreachable(what, where=where, why="the server's name cannot be resolved", remedy=remedy)


def _no_route(what: str, where: str, _text: str) -> ClusterError:
    return Unreachable(what, where=where, why="there is no way to the server", remedy="Check the network.")


_TRANSPORT: tuple[tuple[Callable[[str, set[str]], bool], Callable[[str, str, str], ClusterError]], ...] = (
    (lambda _, names: bool(names & {"SSLError", "SSLCertVerificationError"}), _tls),
    (lambda text, names: "NameResolutionError" in names or "Name or service not known" in text, _unresolved),
    (lambda text, names: "ConnectionRefusedError" in names or "Connection refused" in text, _refused),
    (lambda text, _: "unreachable" in text or "No route to host" in text, _no_route),
    (lambda text, names: bool(names & {"TimeoutError", "WebSocketTimeoutException"}) or "timed out" in text, _timeout),
)
