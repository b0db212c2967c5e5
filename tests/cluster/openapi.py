"""Objects against the schemas that an API server publishes of its own kinds (`/openapi/v3`), closed to unknown fields."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tests.fixtures_cluster import Client

Node = Mapping[str, Any]
_FORMATS = FormatChecker(formats=())
_KIND = "x-kubernetes-group-version-kind"


@_FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


class Schemas:
    """Those of one server; each group's document is fetched when it is first asked for."""

    def __init__(self, admin: Client) -> None:
        self._admin = admin
        self._validators = functools.cache(self._validator)

    def problems(self, item: Node) -> Iterator[str]:
        """`spec.template: ...` for everything that the schema of the object's kind does not allow."""
        for error in self._validators(item["apiVersion"], item["kind"]).iter_errors(item):
            yield f"{'.'.join(map(str, error.absolute_path))}: {error.message}"

    def paths(self) -> Node:
        """The groups there are schemas of; that of a custom resource comes some time after its definition."""
        found: Node = self._document("/openapi/v3")["paths"]
        return found

    def _document(self, path: str) -> Node:
        body = self._admin.request("GET", path).body
        # The index comes as text/plain.
        found: Node = json.loads(body) if isinstance(body, str) else body
        return found

    def _validator(self, version: str, kind: str) -> Draft202012Validator:
        group = version if "/" in version else f"/{version}"
        wanted = {"group": group.partition("/")[0], "version": group.partition("/")[2], "kind": kind}
        path = f"apis/{version}" if "/" in version else f"api/{version}"
        found = self._document(self.paths()[path]["serverRelativeURL"])["components"]["schemas"]
        (name,) = [name for name, rule in found.items() if wanted in rule.get(_KIND, ())]
        root = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": closed(found)}}
        return Draft202012Validator(root, format_checker=_FORMATS)


def closed(rule: Any) -> Any:
    """A schema in which an object that lists its properties has no others. Kubernetes puts them together with `allOf` only to add
    a default or a description to one reference, so that closing each schema for itself refuses nothing that is right."""
    if isinstance(rule, list):
        return [closed(item) for item in rule]
    if not isinstance(rule, dict):
        return rule
    found = {key: _members(key, item) for key, item in rule.items()}
    if "properties" in rule and not rule.get("x-kubernetes-preserve-unknown-fields"):
        found.setdefault("additionalProperties", False)
    return found


def _members(key: str, item: Any) -> Any:
    """What is under a keyword; under `properties` there are names, one of which may be `properties` itself."""
    if key == "properties":
        return {name: closed(rule) for name, rule in item.items()}
    return item if key in ("default", "enum", "example") else closed(item)
