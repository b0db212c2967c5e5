"""What is made from the source, and where it goes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.charts.kinds import always
from tools.charts.rules import rules
from tools.charts.settings import GROUPS, tree

Node = dict[str, Any]

ROOT = Path(__file__).parents[2]
CHARTS = tuple(ROOT / "charts" / name for name in ("sensei-full", "dependencies"))
SHARED = ("_common.tpl",)
"""Templates that both charts have: those of sensei-full are copied, since a chart must be complete in itself."""
_HEAD = """\
# Values of both charts, dependencies and sensei-full: one file, one schema (values.schema.json).
# The rule for every key is in the schema; a key that is not there is refused.
"""
_PAGE = """\
# Values

Every setting of the charts, in the order of `values.yaml`. [Configure](configure.md) shows them as a form; `sensei config set PATH VALUE` sets
one. Where the default is not what the site needs, write the key into the site's `values.yaml`, and nothing else. A key that is not listed is
refused, and so is `null`: leave the key out instead. Sizes are written as Kubernetes writes them (`500m` is half a core, `8Gi` is 8 times 1024^3
bytes); memory is 16Mi or more, a volume 1G or more. Where Helm alone refuses a value it prints a regular expression: what that means is said here.
"""


def schema() -> Node:
    """The schema of the values."""
    settings = tree()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of Sensei",
        "description": "One set of values serves both charts, dependencies and sensei-full.", "type": "object",
        "additionalProperties": False, "x-groups": GROUPS, "properties": settings,
        "required": always(settings), "allOf": rules(),
    }  # fmt: skip


def outputs() -> dict[Path, str]:
    """Every generated file and what it must hold."""
    root = schema()
    rule, values = json.dumps(root, indent=2, ensure_ascii=False) + "\n", "\n".join(values_lines(root)) + "\n"
    found = {ROOT / "docs/guide/values.md": page(root)}
    for chart in CHARTS:
        found |= {chart / "values.schema.json": rule, chart / "values.yaml": values}
        found |= {chart / "templates" / name: (CHARTS[0] / "templates" / name).read_text() for name in SHARED}
    return found


def values_lines(node: Node, depth: int = 0) -> Iterator[str]:
    """values.yaml: the defaults, each under its description."""
    if not depth:
        yield from _HEAD.splitlines()
    pad = "  " * depth
    for key, sub in node["properties"].items():
        if not depth:
            yield ""
        yield f"{pad}# {sub['description']}"
        if "enum" in sub and len(sub["enum"]) > 1:
            yield f"{pad}# One of: {', '.join(map(str, sub['enum']))}."
        if "properties" in sub:
            yield f"{pad}{key}:"
            yield from values_lines(sub, depth + 1)
        else:
            yield f"{pad}{key}: {json.dumps(sub.get('default'))}"


def page(root: Node) -> str:
    """The guide's page: a table for each top-level key."""
    parts = [_PAGE]
    for key, sub in root["properties"].items():
        parts += [f"## {key}", sub["description"], "", "| key | default | what it is |", "| --- | --- | --- |"]
        parts += [f"| `{path}` | {_default(rule)} | {_told(rule)} |" for path, rule in leaves(sub, key)]
        parts.append("")
    return "\n".join([*parts, *_between(root)])


def leaves(node: Node, at: str) -> Iterator[tuple[str, Node]]:
    """Dotted path and rule of every setting under a group."""
    for key, sub in node["properties"].items():
        if "properties" in sub:
            yield from leaves(sub, f"{at}.{key}")
        else:
            yield f"{at}.{key}", sub


def _default(rule: Node) -> str:
    default = rule.get("default")
    if default in ("", [], None):
        return "empty"
    unit = str(rule.get("x-unit", ""))
    text = f"`{json.dumps(default)}`" if isinstance(default, bool) else f"`{default}`"
    return f"{text} {unit}" if isinstance(default, int) and unit else text


def _told(rule: Node) -> str:
    words = [rule["description"]]
    if len(rule.get("enum", ())) > 1:
        words.append(f"One of: {', '.join(f'`{item}`' for item in rule['enum'])}.")
    if "minimum" in rule:
        words.append(f"{rule['minimum']} to {rule['maximum']}{' ' + rule['x-unit'] if 'x-unit' in rule else ''}.")
    elif "x-unit" in rule:
        words.append(f"In {rule['x-unit']}.")
    if "x-form" in rule and "x-unit" not in rule:
        words.append(f"Written as {rule['x-form']}.")
    if "x-secret" in rule:
        words.append("A secret.")
    if "x-when" in rule:
        told = ", ".join(f"`{path}` is `{json.dumps(value).strip(chr(34))}`" for path, value in rule["x-when"].items())
        words.append(f"Read where {told}.")
    return " ".join(words).replace("|", "\\|")


def _between(root: Node) -> list[str]:
    return ["## What settings demand of each other", "", *(f"- {rule['$comment']}" for rule in root["allOf"]), ""]


def main(arguments: list[str]) -> int:
    """0, or 1 where `--check` finds a file that is not as the source has it."""
    stale = [path for path, text in outputs().items() if not path.is_file() or path.read_text() != text]
    for path in stale:
        if "--check" not in arguments:
            path.write_text(outputs()[path])
        sys.stdout.write(f"{'stale' if '--check' in arguments else 'written'}: {path.relative_to(ROOT)}\n")
    return 1 if stale and "--check" in arguments else 0
