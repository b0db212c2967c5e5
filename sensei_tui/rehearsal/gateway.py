"""HTTPRoute of the Gateway API, the one custom resource that the charts can have, as far as they use it.

Members that the charts do not write are taken as they come; a real cluster checks them (gateway-api.sigs.k8s.io).
"""

from __future__ import annotations

from sensei_tui.rehearsal.fields import Member, Struct, Type

_ANY, _STRING = Type("any"), Type("string")
_META = {"apiVersion": _STRING, "kind": _STRING, "metadata": Type("struct", struct="V1ObjectMeta")}
_SPEC = {"parentRefs": Type("list", Type("struct", struct="V1HTTPRouteParent")), "hostnames": Type("list", _STRING),
         "rules": Type("list", Type("struct", struct="V1HTTPRouteRule"))}  # fmt: skip
_PARENT = dict.fromkeys(("group", "kind", "namespace", "name", "sectionName"), _STRING) | {"port": Type("integer")}
_RULE = {"name": _STRING} | {
    name: Type("list", _ANY) for name in ("matches", "filters", "backendRefs")
} | dict.fromkeys(("timeouts", "retry", "sessionPersistence"), _ANY)  # fmt: skip


def _struct(name: str, members: dict[str, Type], *required: str) -> Struct:
    found = {key: Member(key, type_, key in required, "") for key, type_ in members.items()}
    return Struct(name, f"V1{name}", "", found)


MODELS = {
    found.model: found
    for found in (
        _struct("HTTPRoute", {**_META, "spec": Type("struct", struct="V1HTTPRouteSpec"), "status": _ANY}, "spec"),
        _struct("HTTPRouteSpec", _SPEC), _struct("HTTPRouteParent", _PARENT, "name"), _struct("HTTPRouteRule", _RULE),
    )
}  # fmt: skip
"""By the model's name."""
