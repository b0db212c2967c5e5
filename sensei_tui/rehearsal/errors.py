"""Errors as the Kubernetes API reports them: an HTTP code and a `Status` object.

Reasons and wording follow k8s.io/apimachinery/pkg/api/errors; tools match on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sensei_tui.base.errors import SenseiError

if TYPE_CHECKING:
    from sensei_tui.rehearsal.kinds import Kind


class ApiError(SenseiError):
    """A refusal by the simulated API server.

    `code` of the HTTP answer is `status_code`; `reason` is one of metav1.StatusReason; `details` is the
    `details` member of the Status object (name, group, kind, causes, retryAfterSeconds).
    """

    code = "rehearsal-api"

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status_code = code
        self.reason = reason
        self.message = message
        self.details = details or {}
        self.generic = False
        """Whether the Status object has details even where there are none (NewGenericServerResponse)."""
        self.metadata: dict[str, Any] = {}
        """ListMeta of the Status object (an expired list gives a token to go on with)."""

    def status(self) -> dict[str, Any]:
        """The `Status` object to send."""
        body: dict[str, Any] = {
            "kind": "Status", "apiVersion": "v1", "metadata": self.metadata,
            "status": "Failure", "message": self.message, **({"reason": self.reason} if self.reason else {}),
        }  # fmt: skip
        if self.details or self.generic:
            body["details"] = self.details
        return {**body, "code": self.status_code}


def cause(reason: str, message: str, field: str = "") -> dict[str, str]:
    """One entry of `details.causes`: reason such as FieldValueInvalid, message, dotted field."""
    entry = {"reason": reason, "message": message}
    return {**entry, "field": field} if field else entry


def _about(kind: Kind, name: str, *, by_kind: bool = False) -> dict[str, Any]:
    named = {"name": name, "group": kind.group, "kind": kind.kind if by_kind else kind.plural}
    return {key: text for key, text in named.items() if text}


def not_found(kind: Kind, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{kind.resource} "{name}" not found', _about(kind, name))


def generic(code: int, reason: str, message: str) -> ApiError:
    """A refusal by the HTTP layer, about no object."""
    error = ApiError(code, reason, message)
    error.generic = True
    return error


def no_such_path() -> ApiError:
    """An address that no resource is served at."""
    return generic(404, "NotFound", "the server could not find the requested resource")


def already_exists(kind: Kind, name: str) -> ApiError:
    return ApiError(409, "AlreadyExists", f'{kind.resource} "{name}" already exists', _about(kind, name))


def conflict(kind: Kind, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return ApiError(409, "Conflict", message, _about(kind, name))


def conflict_of_kind(kind: Kind, name: str, why: str) -> ApiError:
    """A failed precondition of a deletion, which names the kind instead of the resource."""
    message = f'Operation cannot be fulfilled on {_label(kind)} "{name}": {why}'
    return ApiError(409, "Conflict", message, _about(kind, name, by_kind=True))


def _label(kind: Kind) -> str:
    return f"{kind.kind}.{kind.group}" if kind.group else kind.kind


STALE = "the object has been modified; please apply your changes to the latest version and try again"


def forbidden(kind: Kind, name: str, why: str) -> ApiError:
    quoted = f' "{name}"' if name else ""
    return ApiError(
        403, "Forbidden", f"{kind.resource}{quoted} is forbidden: {why}", _about(kind, name)
    )  # fmt: skip


def invalid(kind: Kind, name: str, causes: Sequence[dict[str, str]]) -> ApiError:
    """422 with one cause per wrong field (see `cause`)."""
    wrong = [f"{entry['field']}: {entry['message']}" if entry.get("field") else entry["message"] for entry in causes]
    text = wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]"
    details = {**_about(kind, name, by_kind=True), "causes": list(causes)}
    return ApiError(422, "Invalid", f'{_label(kind)} "{name}" is invalid: {text}', details)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def expired(message: str) -> ApiError:
    """410 with the reason Expired: a resource version or continue token that is no longer kept."""
    return ApiError(410, "Expired", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def method_not_allowed(
    message: str = "the server does not allow this method on the requested resource",
) -> ApiError:
    return generic(405, "MethodNotAllowed", message)


def unsupported_media_type(message: str) -> ApiError:
    return ApiError(415, "UnsupportedMediaType", message)


def internal(message: str) -> ApiError:
    details = {"causes": [{"message": message}]}
    return ApiError(500, "InternalError", f"Internal error occurred: {message}", details)


def success(kind: Kind, name: str, uid: str = "") -> dict[str, Any]:
    """The Status object that answers a completed deletion."""
    details = {**_about(kind, name), **({"uid": uid} if uid else {})}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
