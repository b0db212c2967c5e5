"""Who asks, and what they may do: bearer tokens, and RBAC over the stored roles and bindings."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.store import Store

ADMIN_GROUP = "system:masters"
_PUBLIC_PATHS = ("/healthz", "/livez", "/readyz", "/version", "/version/")
"""What the bootstrap role system:public-info-viewer gives to anybody."""


@dataclass(frozen=True)
class User:
    """A subject: a name and its groups."""

    name: str
    groups: tuple[str, ...] = ()


ADMIN = User("rehearsal-admin", (ADMIN_GROUP, "system:authenticated"))
ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


@dataclass(frozen=True)
class Access:
    """One question: may somebody do `verb`? Either a resource, or (with `path`) another address."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    def sentence(self, user: User) -> str:
        """The refusal in the words of kube-apiserver."""
        if self.path:
            return f'User "{user.name}" cannot {self.verb} path "{self.path}"'
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        where = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        return f'User "{user.name}" cannot {self.verb} resource "{resource}" in API group "{self.group}" {where}'


@dataclass(frozen=True)
class Denial:
    """What a scenario forbids to everybody: `*` means all; an empty namespace means every namespace."""

    verbs: tuple[str, ...] = ("*",)
    groups: tuple[str, ...] = ("*",)
    resources: tuple[str, ...] = ("*",)
    namespace: str = ""

    def covers(self, access: Access) -> bool:
        named = f"{access.resource}/{access.subresource}" if access.subresource else access.resource
        wanted = ((self.verbs, access.verb), (self.groups, access.group), (self.resources, named))
        return (
            not access.path
            and self.namespace in ("", access.namespace)
            and all("*" in allowed or value in allowed for allowed, value in wanted)
        )


@dataclass
class Authority:
    """Tokens and rights. The token given at the start is that of the administrator."""

    store: Store
    token: str
    denials: tuple[Denial, ...] = ()
    _issued: dict[str, User] = field(default_factory=dict)

    def user(self, authorization: str) -> User | None:
        """The sender of an Authorization header; None when its token is unknown."""
        if not authorization:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        if secrets.compare_digest(token.strip().encode(), self.token.encode()):
            return ADMIN
        return self._issued.get(token.strip())

    def issue(self, namespace: str, account: str) -> str:
        """A token for a ServiceAccount, valid until the server ends."""
        token = secrets.token_urlsafe(32)
        self._issued[token] = service_account(namespace, account)
        return token

    def allowed(self, user: User, access: Access) -> bool:
        if any(denial.covers(access) for denial in self.denials):
            return False
        if ADMIN_GROUP in user.groups:
            return True
        if access.path in _PUBLIC_PATHS:
            return True
        return any(_permits(rule, access) for rule in self.rules(user, access.namespace))

    def rules(self, user: User, namespace: str) -> Iterator[Object]:
        """The PolicyRules that hold for `user` in `namespace` ("" is the cluster scope)."""
        if ADMIN_GROUP in user.groups:
            yield {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
            yield {"verbs": ["*"], "nonResourceURLs": ["*"]}
        yield from self._bound(user, self.store.select(kinds.named("ClusterRoleBinding")))
        if namespace:
            yield from self._bound(user, self.store.select(kinds.named("RoleBinding"), namespace))

    def _bound(self, user: User, bindings: Iterable[Object]) -> Iterator[Object]:
        for binding in bindings:
            if any(_is_subject(user, subject) for subject in binding.get("subjects") or ()):
                role = binding["roleRef"]
                kind, namespace = kinds.named(role["kind"]), binding["metadata"].get("namespace", "")
                if self.store.exists(kind, namespace, role["name"]):
                    yield from self.store.peek(kind, namespace, role["name"]).get("rules") or ()


def service_account(namespace: str, name: str) -> User:
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return User(f"system:serviceaccount:{namespace}:{name}", groups)


def _is_subject(user: User, subject: Object) -> bool:
    if subject["kind"] == "Group":
        return subject["name"] in user.groups
    if subject["kind"] == "ServiceAccount":
        return user.name == f"system:serviceaccount:{subject.get('namespace', '')}:{subject['name']}"
    return bool(subject["name"] == user.name)


def _permits(rule: Object, access: Access) -> bool:
    def has(key: str, value: str) -> bool:
        allowed = rule.get(key) or ()
        return "*" in allowed or value in allowed

    if not has("verbs", access.verb):
        return False
    if access.path:
        patterns = rule.get("nonResourceURLs") or ()
        return any(
            access.path == one or (one.endswith("*") and access.path.startswith(one[:-1])) for one in patterns
        )  # fmt: skip
    resource = f"{access.resource}/{access.subresource}" if access.subresource else access.resource
    names = rule.get("resourceNames")
    return has("apiGroups", access.group) and has("resources", resource) and (not names or access.name in names)
