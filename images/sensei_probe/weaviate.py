"""Weaviate's REST interface: what a check, an export and an import need.

https://docs.weaviate.io/weaviate/api/rest
"""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

from sensei_probe.settings import Failure, Vectors
from sensei_probe.web import Answer, Server, expect

PAGE = 200
"""Objects of one request: a vector of 1536 numbers is some 30 kB of JSON, so a page is some MB."""


_NOT_TOLD = (401, 403, 404)


class Weaviate:
    """A client."""

    def __init__(self, vectors: Vectors) -> None:
        self._server = Server(vectors.url)
        self._base = urllib.parse.urlsplit(vectors.url).path.rstrip("/")
        self._headers = {"authorization": f"Bearer {vectors.key}"} if vectors.key else {}

    def close(self) -> None:
        """End its connection."""
        self._server.close()

    def _ask(self, method: str, path: str, body: Any = None, tries: int = 5) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, **({"content-type": "application/json"} if data else {})}
        return self._server.ask(method, f"{self._base}/v1/{path}", headers, data, tries)

    def ready(self) -> bool:
        """Whether it takes requests. Raises Unreachable."""
        answer = self._ask("GET", ".well-known/ready", tries=1)
        answer.read()
        return answer.status == 200

    def meta(self) -> dict[str, Any]:
        """Version and modules; needs the key. Raises Refused, Unreachable."""
        found = expect(self._ask("GET", "meta"), "Weaviate").json()
        return found if isinstance(found, dict) else {}

    def classes(self) -> list[dict[str, Any]]:
        """The schema. Raises Refused, Unreachable."""
        found = expect(self._ask("GET", "schema"), "Weaviate's schema").json()
        return list((found or {}).get("classes") or [])

    def nodes(self) -> dict[str, str]:
        """Name -> HEALTHY or what else, of those that are there; none where the key may not ask. Raises Refused."""
        answer = self._ask("GET", "nodes")
        if answer.status in _NOT_TOLD:
            answer.read()
            return {}
        found = expect(answer, "Weaviate's nodes").json() or {}
        return {str(item["name"]): str(item.get("status")) for item in found.get("nodes") or ()}

    def tenants(self, name: str) -> list[dict[str, Any]]:
        """Those of a class with multi-tenancy. Raises Refused, Unreachable."""
        found = expect(self._ask("GET", f"schema/{_path(name)}/tenants"), f"the tenants of {name}").json()
        return list(found or [])

    def set_status(self, name: str, tenant: str, status: str) -> None:
        """`HOT` before a tenant is read, `COLD` again afterwards. Raises Refused, Unreachable."""
        body = [{"name": tenant, "activityStatus": status}]
        expect(self._ask("PUT", f"schema/{_path(name)}/tenants", body), f"tenant {tenant} of {name}").read()

    def objects(self, name: str, tenant: str = "") -> Iterator[dict[str, Any]]:
        """Every object with its vectors, in the order of their ids. Raises Refused, Unreachable."""
        query = {"class": name, "limit": str(PAGE), "include": "vector", **({"tenant": tenant} if tenant else {})}
        while True:
            answer = self._ask("GET", f"objects?{urllib.parse.urlencode(query)}")
            page = list((expect(answer, f"the objects of {name}").json() or {}).get("objects") or [])
            yield from page
            if len(page) < PAGE:
                return
            query["after"] = page[-1]["id"]

    def drop(self, name: str) -> None:
        """Take a class away with everything in it. Raises Refused, Unreachable."""
        expect(self._ask("DELETE", f"schema/{_path(name)}"), f"class {name} can't be removed").read()

    def make(self, definition: dict[str, Any]) -> None:
        """Create a class. Raises Refused, Unreachable."""
        expect(self._ask("POST", "schema", definition), f"class {definition.get('class')} can't be made").read()

    def add_property(self, name: str, definition: dict[str, Any]) -> None:
        """To a class that is there. Raises Refused, Unreachable."""
        expect(self._ask("POST", f"schema/{_path(name)}/properties", definition), f"a property of {name}").read()

    def add_tenants(self, name: str, tenants: list[dict[str, Any]]) -> None:
        """Raises Refused, Unreachable."""
        expect(self._ask("POST", f"schema/{_path(name)}/tenants", tenants), f"the tenants of {name}").read()

    def write(self, objects: list[dict[str, Any]]) -> None:
        """Create or replace. Raises Failure naming the first object that was not taken."""
        answer = expect(self._ask("POST", "batch/objects", {"objects": objects}), "Weaviate takes no objects")
        _all_taken(answer.json(), "id")

    def refer(self, references: list[dict[str, Any]]) -> None:
        """Add `{"from": ..., "to": ...}` each. Raises Failure naming the first that was not taken."""
        answer = expect(self._ask("POST", "batch/references", references), "Weaviate takes no references")
        _all_taken(answer.json(), "from")


def _all_taken(items: Any, name: str) -> None:
    """A batch is answered with 200 whatever became of each. Raises Failure."""
    for item in items or []:
        result = item.get("result") or {}
        if errors := (result.get("errors") or {}).get("error"):
            raise Failure(f"Weaviate does not take {item.get(name)}: {errors[0].get('message')}")


def _path(name: str) -> str:
    return urllib.parse.quote(name, safe="")
