"""The options of a write, from its parameters and body, checked as apimachinery's validation of them does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from sensei_tui.rehearsal import requests
from sensei_tui.rehearsal.errors import ApiError, bad_request, cause
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object

Causes = Iterator[dict[str, str]]
_LONGEST_MANAGER = 128
_NAMES = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
_VALIDATION = ("", "Ignore", "Strict", "Warn")
_POLICIES = ("Foreground", "Background", "Orphan")
_KEEPS_DEPENDENTS = ("Job", "ReplicationController")
"""Kinds whose dependents are orphaned unless the request says otherwise (DefaultGarbageCollectionPolicy)."""


def check(verb: str, parameters: Mapping[str, str], *, applies: bool = False) -> None:
    """Raises ApiError 422 for options of a create, update or patch that are none."""
    causes = [*_of_patch(parameters, applies)] if verb == "patch" else []
    causes += [*_manager(parameters.get("fieldManager", "")), *_dry_run(parameters.get("dryRun"))]
    wanted = parameters.get("fieldValidation", "")
    if wanted not in _VALIDATION:
        causes.append(_unsupported("fieldValidation", wanted, _VALIDATION))
    _refuse(_NAMES[verb], causes)


def check_list(parameters: Mapping[str, str], *, watch: bool) -> None:
    """Raises ApiError 400 (no numbers) and 422 for options of a list or a watch that are none."""
    for name in ("limit", "timeoutSeconds"):
        if not re.fullmatch(r"[+-]?\d+|", text := parameters.get(name, "")):
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    _refuse("ListOptions", [*(_of_watch(parameters) if watch else _of_list(parameters))])


def _of_list(parameters: Mapping[str, str]) -> Causes:
    match, version = parameters.get("resourceVersionMatch", ""), parameters.get("resourceVersion", "")
    if match and not version:
        yield _forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided")
    elif match not in ("", "Exact", "NotOlderThan"):
        yield _unsupported("resourceVersionMatch", match, ("Exact", "NotOlderThan", ""))
    elif match == "Exact" and version == "0":
        yield _forbidden("resourceVersionMatch", 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    if "sendInitialEvents" in parameters:
        yield _forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")


def _of_watch(parameters: Mapping[str, str]) -> Causes:
    match, initial = parameters.get("resourceVersionMatch", ""), "sendInitialEvents" in parameters
    if match and not initial:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        yield _forbidden("resourceVersionMatch", why)
    if initial and match != "NotOlderThan":
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        yield _forbidden("resourceVersionMatch", why)
        if match:
            yield _unsupported("resourceVersionMatch", match, ("NotOlderThan",))


def _forbidden(field: str, why: str) -> dict[str, str]:
    return cause("FieldValueForbidden", f"Forbidden: {why}", field)


def deletion(parameters: Mapping[str, str], body: bytes, content_type: str) -> Object:
    """DeleteOptions from the body or, where there is none, from the parameters. Raises ApiError 400, 422."""
    found = requests.decode(body, content_type) if body.strip() else _from_parameters(parameters)
    if (named := found.get("kind", "DeleteOptions")) != "DeleteOptions":
        where = f'version "{found.get("apiVersion", "v1")}" in scheme "pkg/runtime/scheme.go:111"'
        raise bad_request(f'no kind "{named}" is registered for {where}')
    policy, causes = found.get("propagationPolicy"), []
    if policy is not None and found.get("orphanDependents") is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        causes.append(cause("FieldValueInvalid", f'Invalid value: "{policy}": {why}', "propagationPolicy"))
    if policy not in (None, *_POLICIES):
        causes.append(_unsupported("propagationPolicy", policy, (*_POLICIES, "nil")))
    dry_run = next(iter(found.get("dryRun") or ()), None)
    _refuse("DeleteOptions", [*causes, *_dry_run(dry_run)])
    return found


def propagation(kind: Kind, options: Object) -> str:
    """Foreground, Background or Orphan."""
    policy = options.get("propagationPolicy")
    if policy is not None:
        return str(policy)
    if options.get("orphanDependents") is not None:
        return "Orphan" if options["orphanDependents"] else "Background"
    return "Orphan" if kind.kind in _KEEPS_DEPENDENTS else "Background"


def _from_parameters(parameters: Mapping[str, str]) -> Object:
    asked = {
        "gracePeriodSeconds": requests.number(parameters, "gracePeriodSeconds"),
        "propagationPolicy": parameters.get("propagationPolicy"),
        "dryRun": [parameters["dryRun"]] if parameters.get("dryRun") else None,
    }
    return {key: value for key, value in asked.items() if value is not None}


def _of_patch(parameters: Mapping[str, str], applies: bool) -> Causes:
    if applies and not parameters.get("fieldManager"):
        yield cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
    if not applies and "force" in parameters:
        yield cause("FieldValueForbidden", "Forbidden: may not be specified for non-apply patch", "force")


def _manager(name: str) -> Causes:
    if len(name) > _LONGEST_MANAGER:
        yield cause("FieldValueTooLong", f"Too long: may not be more than {_LONGEST_MANAGER} bytes", "fieldManager")
    for at, letter in enumerate(name):
        if not letter.isprintable():
            why = f"invalid character U+{ord(letter):04X} (at position {at})"
            yield cause("FieldValueInvalid", f"Invalid value: {json.dumps(name)}: {why}", "fieldManager")


def _dry_run(wanted: str | None) -> Causes:
    if wanted not in (None, "", "All"):
        message = f'Unsupported value: ["{wanted}"]: supported values: "All"'
        yield cause("FieldValueNotSupported", message, "dryRun")


def _unsupported(field: str, value: str, supported: tuple[str, ...]) -> dict[str, str]:
    listed = ", ".join(f'"{one}"' for one in supported)
    return cause("FieldValueNotSupported", f'Unsupported value: "{value}": supported values: {listed}', field)


def _refuse(name: str, causes: list[dict[str, str]]) -> None:
    if not causes:
        return
    wrong = [f"{one['field']}: {one['message']}" for one in causes]
    text = wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]"
    details = {"group": "meta.k8s.io", "kind": name, "causes": causes}
    raise ApiError(422, "Invalid", f'{name}.meta.k8s.io "" is invalid: {text}', details)
