"""Reviews: questions that are answered and not stored."""

from __future__ import annotations

from sensei_tui.rehearsal.auth import Access, Authority, User
from sensei_tui.rehearsal.errors import bad_request
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object


def answer(authority: Authority, user: User, kind: Kind, review: Object) -> Object:
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
        subject = user if kind.kind.startswith("Self") else User(spec.get("user", ""), tuple(spec.get("groups") or ()))
        status = {"allowed": authority.allowed(subject, _access(spec))}
    else:
        raise bad_request(f"{kind.kind} is not simulated")
    return {**review, "metadata": review.get("metadata") or {"creationTimestamp": None}, "status": status}


def _access(spec: Object) -> Access:
    if other := spec.get("nonResourceAttributes"):
        return Access(other.get("verb", ""), path=other.get("path", ""))
    asked = spec.get("resourceAttributes")
    if not asked:
        raise bad_request("exactly one of nonResourceAttributes or resourceAttributes must be specified")
    return Access(
        asked.get("verb", ""), asked.get("group", ""), asked.get("resource", ""), asked.get("subresource", ""),
        asked.get("namespace", ""), asked.get("name", ""),
    )  # fmt: skip


def _info(user: User) -> Object:
    return {"username": user.name, "groups": list(user.groups)}


def _token(authority: Authority, token: str) -> Object:
    owner = authority.user(f"Bearer {token}")
    return {"authenticated": True, "user": _info(owner)} if owner else {"authenticated": False}


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
