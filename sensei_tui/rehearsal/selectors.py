"""Label and field selectors, parsed and refused as the API server does (apimachinery pkg/labels and pkg/fields)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from sensei_tui.rehearsal import wording
from sensei_tui.rehearsal.errors import ApiError, bad_request
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object

Matcher = Callable[[Object], bool]
Labels = dict[str, str]
Requirement = Callable[[Labels], bool]

_TOKEN = re.compile(r"\s*(==|!=|[=!(),<>]|[^\s=!(),<>]+)")
_SYMBOLS = frozenset(["==", "!=", "=", "!", "(", ")", ",", "<", ">"])
_OPERATORS = ("in", "notin", "=", "==", "!=", ">", "<")
_OPERATOR_WORDS = "in, notin, =, ==, !=, gt, lt"


@functools.lru_cache(maxsize=1024)
def label_matcher(text: str) -> Matcher:
    """`a=b,c!=d,e in (f,g),!h` as a test of an object's labels. Raises ApiError 400."""
    requirements = _Parser(text).requirements()

    def matches(obj: Object) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(meets(labels) for meets in requirements)

    return matches


class _Parser:
    """Recursive descent over the tokens of a label selector."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = [*_TOKEN.findall(text), ""]
        self._at = 0

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        while self._next:
            if not found and not self._is_name() and self._next != "!":
                raise bad_request(f"found '{self._next}', expected: !, identifier, or 'end of string'")
            found.append(self._requirement())
            if not self._next:
                break
            if self._next != ",":
                raise bad_request(f"found '{self._next}', expected: ',' or 'end of string'")
            self._take()
            if not self._is_name() and self._next != "!":
                raise bad_request(f"found '{self._next}', expected: identifier after ','")
        return found

    @property
    def _next(self) -> str:
        return self._tokens[self._at]

    def _take(self) -> str:
        token = self._next
        self._at += 1
        return token

    def _is_name(self, *, value: bool = False) -> bool:
        """Whether an identifier comes next; `in` and `notin` are words only as values."""
        return bool(self._next) and self._next not in _SYMBOLS and (value or self._next not in ("in", "notin"))

    def _requirement(self) -> Requirement:
        absent = self._next == "!"
        if absent:
            self._take()
        if not self._is_name():
            raise _unparsed(f"found '{self._next}', expected: identifier")
        key = self._take()
        _check_key(key)
        if absent:
            return lambda labels: key not in labels
        if self._next in ("", ","):
            return lambda labels: key in labels
        if self._next not in _OPERATORS:
            raise _unparsed(f"found '{self._next}', expected: {_OPERATOR_WORDS}")
        operator = self._take()
        values = self._values() if operator in ("in", "notin") else {self._value()}
        return _requirement(key, operator, values)

    def _value(self) -> str:
        if self._next in ("", ","):
            return ""
        if not self._is_name(value=True):
            raise _unparsed(f"found '{self._next}', expected: identifier")
        return self._take()

    def _values(self) -> set[str]:
        if self._next != "(":
            raise _unparsed(f"found '{self._next}' expected: '('")
        self._take()
        values = {self._listed()}
        while self._next == ",":
            self._take()
            values.add(self._listed())
        if self._next != ")":
            raise _unparsed(f"found '{self._next}', expected: ',' or ')'")
        self._take()
        return values

    def _listed(self) -> str:
        if self._next in (",", ")"):
            return ""
        if not self._is_name(value=True):
            raise _unparsed(f"found '{self._next}', expected: ',', ')' or identifier")
        return self._take()


def _unparsed(why: str) -> ApiError:
    return bad_request(f"unable to parse requirement: {why}")


def _check_key(key: str) -> None:
    if wrong := wording.qualified(key):
        raise _unparsed(f'<nil>: Invalid value: "{key}": {"; ".join(wrong)}')


def _requirement(key: str, operator: str, values: set[str]) -> Requirement:
    (value,) = values if len(values) == 1 else ("",)
    if operator in ("<", ">"):
        if not re.fullmatch(r"[+-]?\d+", value):
            why = "for 'Gt', 'Lt' operators, the value must be an integer"
            raise _unparsed(f'values[0]: Invalid value: "{value}": {why}')
        return lambda labels: _compares(labels.get(key, ""), operator, int(value))
    for text in values:
        for wrong in wording.label_value(text):
            raise _unparsed(f'values[0][{key}]: Invalid value: "{text}": {wrong}')
    if operator in ("!=", "notin"):
        return lambda labels: labels.get(key) not in values
    return lambda labels: labels.get(key) in values


def _compares(label: str, operator: str, limit: int) -> bool:
    if not re.fullmatch(r"[+-]?\d+", label):
        return False
    return int(label) > limit if operator == ">" else int(label) < limit


_COMMON = ("metadata.name", "metadata.namespace")
_FIELDS: dict[str, tuple[str, ...]] = {
    "Pod": ("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
            "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName"),
    "Event": ("involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
              "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
              "reportingComponent", "source", "type"),
    "Node": ("spec.unschedulable",), "Namespace": ("status.phase",), "Secret": ("type",),
    "ReplicationController": ("status.replicas",), "ReplicaSet": ("status.replicas",), "Job": ("status.successful",),
    "StatefulSet": ("status.successful",), "Service": ("spec.clusterIP", "spec.type"),
}  # fmt: skip
"""What each kind can be selected by, besides its name and namespace (its AddFieldLabelConversionFunc)."""

_ELSEWHERE = {"source": "source.component", "status.successful": "status.succeeded"}
_BOOLEAN = ("spec.unschedulable", "spec.hostNetwork")
_NUMBER = ("status.replicas", "status.successful")
_TERM = re.compile(r"(?P<path>(?:\\.|[^\\=!])*?)(?P<sign>!=|==|=)(?P<value>(?:\\[\\,=]|[^\\,=])*)")
_TERMS = re.compile(r"(?<!\\),")


def field_matcher(kind: Kind, text: str) -> Matcher:
    """`status.phase!=Running,spec.nodeName=n` as a test of an object. Raises ApiError 400."""
    tests = [_field_test(kind, part, text) for part in _TERMS.split(text) if part]
    return lambda obj: all(test(obj) for test in tests)


def _field_test(kind: Kind, part: str, text: str) -> Matcher:
    found = _TERM.fullmatch(part)
    if not found:
        raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
    path, value, wanted = found["path"].strip(), re.sub(r"\\(.)", r"\1", found["value"]), found["sign"] != "!="
    own = _FIELDS.get(kind.kind)
    if path not in (*_COMMON, *(own or ())):
        if own is None:
            known = '"metadata.name", "metadata.namespace"'
            raise bad_request(f'"{path}" is not a known field selector: only {known}')
        raise bad_request(f"field label not supported: {path}")
    if path == "status.podIPs":
        return lambda obj: (value in _pod_addresses(obj)) == wanted
    return lambda obj: (_text(obj, path) == value) == wanted


def _pod_addresses(pod: Object) -> list[str]:
    return [entry.get("ip", "") for entry in (pod.get("status") or {}).get("podIPs") or ()]


def _text(obj: Any, path: str) -> str:
    """A field as the selector's language writes it: an absent one is "", false or 0."""
    for part in _ELSEWHERE.get(path, path).split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    if path in _BOOLEAN:
        return "true" if obj else "false"
    return str(obj or 0) if path in _NUMBER else str(obj or "")


def selector_text(selector: Object) -> str:
    """A LabelSelector, or the plain map of labels of a Service, as text (sorted by key, as the API prints it)."""
    if not set(selector) <= {"matchLabels", "matchExpressions"}:
        return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    parts = {key: f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()}
    listed = [*parts.items(), *((item["key"], _expression(item)) for item in selector.get("matchExpressions") or ())]
    return ",".join(text for _, text in sorted(listed))


def _expression(item: Object) -> str:
    key, values = item["key"], ",".join(sorted(item.get("values") or ()))
    forms: dict[str, str] = {
        "In": f"{key} in ({values})",
        "NotIn": f"{key} notin ({values})",
        "Exists": key,
        "DoesNotExist": f"!{key}",
    }
    return forms[item["operator"]]
