"""Reviews: questions that are answered and not stored."""

from __future__ import annotations

from typing import Any

from sensei_tui.rehearsal import wording
from sensei_tui.rehearsal.auth import Access, Authority, User
from sensei_tui.rehearsal.errors import ApiError, bad_request
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.ownership import track_update


def answer(authority: Authority, user: User, kind: Kind, review: Object, manager: str) -> Object:
    """The review with its status. Raises ApiError 400."""
    spec = review.get("spec") or {}
    status: Object
    if kind.kind == "SelfSubjectReview":
        status = {"userInfo": _info(user)}
    elif kind.kind == "TokenReview":
        status = _token(authority, spec.get("token", ""))
    elif kind.kind == "SelfSubjectRulesReview":
        status = _rules(authority, user, spec.get("namespace", ""))
    elif kind.kind in ("SelfSubjectAccessReview", "SubjectAccessReview", "LocalSubjectAccessReview"):
        if not kind.kind.startswith("Self") and not spec.get("user") and not spec.get("groups"):
            raise _invalid("spec.user", "", "at least one of user or group must be specified")
        subject = user if kind.kind.startswith("Self") else User(spec.get("user", ""), tuple(spec.get("groups") or ()))
        status = {"allowed": authority.allowed(subject, _access(spec))}
    else:
        raise bad_request(f"{kind.kind} is not simulated")
    tracked = track_update(kind.kind, None, {**review, "metadata": review.get("metadata") or {}}, manager)
    return {**tracked, "status": status}


def _access(spec: Object) -> Access:
    if other := spec.get("nonResourceAttributes"):
        return Access(other.get("verb", ""), path=other.get("path", ""))
    asked = spec.get("resourceAttributes")
    if not asked:
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise _invalid("spec", None, why)
    return Access(
        asked.get("verb", ""), asked.get("group", ""), asked.get("resource", ""), asked.get("subresource", ""),
        asked.get("namespace", ""), asked.get("name", ""),
    )  # fmt: skip


def _invalid(field: str, value: Any, why: str) -> ApiError:
    """A refusal that names the group alone."""
    told = wording.invalid(field, value, why)
    message = f'.authorization.k8s.io "" is invalid: {field}: {told["message"]}'
    return ApiError(422, "Invalid", message, {"group": "authorization.k8s.io", "causes": [told]})


def _info(user: User) -> Object:
    return {"username": user.name, "groups": list(user.groups)}


def _token(authority: Authority, token: str) -> Object:
    owner = authority.user(f"Bearer {token}")
    return {"authenticated": True, "user": _info(owner)} if owner else {"error": "invalid bearer token", "user": {}}


def _rules(authority: Authority, user: User, namespace: str) -> Object:
    rules = list(authority.rules(user, namespace))
    status: Object = {
        "resourceRules": [rule for rule in rules if rule.get("resources")],
        "nonResourceRules": [rule for rule in rules if rule.get("nonResourceURLs")],
        "incomplete": bool(authority.denials),
    }
    if authority.denials:
        status["evaluationError"] = "the scenario forbids some of this"
    return status
