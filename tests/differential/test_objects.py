"""Objects written and read: stored forms, defaults, conflicts."""

from __future__ import annotations

from tests.differential.suite import MERGE, case, delete, differential, get, patch, post, put

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1", "y": "2"}}

CASES = [
    case("a create answers the stored form", post("configmaps", CONFIG), get("configmaps/a")),
    case("a second create conflicts", post("configmaps", CONFIG), post("configmaps", CONFIG)),
    case("a merge patch removes what is null",
         post("configmaps", CONFIG), patch("configmaps/a", {"data": {"x": None}}, MERGE)),
    case("a put with an old resource version conflicts",
         post("configmaps", CONFIG), put("configmaps/a", {**CONFIG, "metadata": {"name": "a", "resourceVersion": "1"}})),
    case("what is not there can't be read or deleted", get("configmaps/none"), delete("configmaps/none")),
]  # fmt: skip

test_objects = differential(CASES)
