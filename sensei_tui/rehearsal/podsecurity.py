"""Pod Security admission: the levels baseline and restricted, chosen by labels of the namespace."""

from __future__ import annotations

from collections.abc import Callable

from sensei_tui.rehearsal import errors, kinds
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, metadata
from sensei_tui.rehearsal.store import Store

_POD, _NAMESPACE = kinds.named("Pod"), kinds.named("Namespace")
_LABEL = "pod-security.kubernetes.io/"
_USUAL = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
_VOLUMES = (
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret", "image",
)  # fmt: skip
_PROFILES = ("RuntimeDefault", "Localhost")

Check = Callable[[Object], str]
"""A complaint about a pod's specification, or ""."""


def admit(store: Store, kind: Kind, obj: Object) -> list[str]:
    """Warnings about a new pod, or about the pods of a new workload. Raises ApiError 403 for a pod."""
    if not kind.namespaced or not store.exists(_NAMESPACE, "", metadata(obj).get("namespace", "")):
        return []
    labels = store.peek(_NAMESPACE, "", metadata(obj)["namespace"])["metadata"].get("labels") or {}
    if not any(key.startswith(_LABEL) for key in labels):
        return []
    spec = obj.get("spec") or {}
    spec = spec if kind is _POD else _template(spec)
    if not spec.get("containers"):
        return []
    enforce = labels.get(f"{_LABEL}enforce", "privileged")
    if kind is _POD and (why := complaints(spec, enforce)):
        raise errors.forbidden(kind, metadata(obj).get("name", ""), f'violates PodSecurity "{enforce}:latest": {why}')
    warn = labels.get(f"{_LABEL}warn", enforce)
    why = complaints(spec, warn)
    return [f'would violate PodSecurity "{warn}:latest": {why}'] if why else []


def _template(spec: Object) -> Object:
    job = ((spec.get("jobTemplate") or {}).get("spec") or {}) if "jobTemplate" in spec else spec
    found: Object = (job.get("template") or {}).get("spec") or {}
    return found


def complaints(spec: Object, level: str) -> str:
    """What a level forbids, `reason (detail), ...`; "" when all is well."""
    replaced = _REPLACED if level == "restricted" else ()
    checks = [check for name, check in _BASELINE if name not in replaced] if level in ("baseline", "restricted") else []
    checks += [check for _, check in _RESTRICTED] if level == "restricted" else []
    return ", ".join(text for text in (check(spec) for check in checks) if text)


def _containers(spec: Object) -> list[Object]:
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _context(container: Object) -> Object:
    found: Object = container.get("securityContext") or {}
    return found


def _named(spec: Object, bad: Callable[[Object], bool]) -> str:
    """`container "a"`, `containers "a", "b"`, "" for none."""
    names = [one["name"] for one in _containers(spec) if bad(one)]
    return f"container{'s' * (len(names) > 1)} {_quoted(names)}" if names else ""


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


# baseline


def _capabilities(spec: Object) -> str:
    added = {one for item in _containers(spec) for one in (_context(item).get("capabilities") or {}).get("add") or ()}
    strange = added - _USUAL
    who = _named(spec, lambda one: bool(strange & {*((_context(one).get("capabilities") or {}).get("add") or ())}))
    if not who:
        return ""
    return f"non-default capabilities ({who} must not include {_quoted(sorted(strange))} in " + (
        "securityContext.capabilities.add)"
    )


def _host_namespaces(spec: Object) -> str:
    found = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    return f"host namespaces ({', '.join(found)})" if found else ""


def _host_paths(spec: Object) -> str:
    names = [one["name"] for one in spec.get("volumes") or () if "hostPath" in one]
    return f"hostPath volumes (volume{'s' * (len(names) > 1)} {_quoted(names)})" if names else ""


def _host_ports(spec: Object) -> str:
    def of(container: Object) -> list[int]:
        return [one["hostPort"] for one in container.get("ports") or () if one.get("hostPort")]

    ports = sorted({str(port) for one in _containers(spec) for port in of(one)})
    who = _named(spec, lambda one: bool(of(one)))
    if not who:
        return ""
    word = "use" if who.startswith("containers") else "uses"
    return f"hostPort ({who} {word} hostPort{'s' * (len(ports) > 1)} {', '.join(ports)})"


def _privileged(spec: Object) -> str:
    who = _named(spec, lambda one: bool(_context(one).get("privileged")))
    return f"privileged ({who} must not set securityContext.privileged=true)" if who else ""


# restricted


def _escalation(spec: Object) -> str:
    who = _named(spec, lambda one: _context(one).get("allowPrivilegeEscalation") is not False)
    detail = f"{who} must set securityContext.allowPrivilegeEscalation=false"
    return f"allowPrivilegeEscalation != false ({detail})" if who else ""


def _dropped(spec: Object) -> str:
    def of(container: Object, part: str) -> list[str]:
        return (_context(container).get("capabilities") or {}).get(part) or []

    parts = []
    if who := _named(spec, lambda one: "ALL" not in of(one, "drop")):
        parts.append(f'{who} must set securityContext.capabilities.drop=["ALL"]')
    strange = sorted({name for one in _containers(spec) for name in of(one, "add")} - {"NET_BIND_SERVICE"})
    if who := _named(spec, lambda one: bool({*strange} & {*of(one, "add")})):
        parts.append(f"{who} must not include {_quoted(strange)} in securityContext.capabilities.add")
    return f"unrestricted capabilities ({'; '.join(parts)})" if parts else ""


def _volume_types(spec: Object) -> str:
    bad = {one["name"]: next((key for key in one if key not in ("name", *_VOLUMES)), "")
           for one in spec.get("volumes") or ()}  # fmt: skip
    bad = {name: kind for name, kind in bad.items() if kind}
    if not bad:
        return ""
    types, many = sorted({*bad.values()}), len(bad) > 1
    return f"restricted volume types (volume{'s' * many} {_quoted([*bad])} {'use' if many else 'uses'} restricted " + (
        f"volume type{'s' * (len(types) > 1)} {_quoted(types)})"
    )


def _not_root(spec: Object) -> str:
    whole = _context(spec).get("runAsNonRoot")
    bad = [*(["pod"] if whole is False else []),
           *filter(None, [_named(spec, lambda one: _context(one).get("runAsNonRoot") is False)])]  # fmt: skip
    if bad:
        return f"runAsNonRoot != true ({' and '.join(bad)} must not set securityContext.runAsNonRoot=false)"
    who = "" if whole else _named(spec, lambda one: "runAsNonRoot" not in _context(one))
    return f"runAsNonRoot != true (pod or {who} must set securityContext.runAsNonRoot=true)" if who else ""


def _not_user_zero(spec: Object) -> str:
    bad = [*(["pod"] if _context(spec).get("runAsUser") == 0 else []),
           *filter(None, [_named(spec, lambda one: _context(one).get("runAsUser") == 0)])]  # fmt: skip
    return f"runAsUser=0 ({' and '.join(bad)} must not set runAsUser=0)" if bad else ""


def _seccomp(spec: Object) -> str:
    def of(holder: Object) -> str:
        return str((_context(holder).get("seccompProfile") or {}).get("type", ""))

    bad = [*(["pod"] if of(spec) and of(spec) not in _PROFILES else []),
           *filter(None, [_named(spec, lambda one: bool(of(one)) and of(one) not in _PROFILES)])]  # fmt: skip
    if bad:
        values = sorted({of(one) for one in (spec, *_containers(spec))} - {"", *_PROFILES})
        return f"seccompProfile ({' and '.join(bad)} must not set securityContext.seccompProfile.type to " + (
            f"{_quoted(values)})"
        )
    who = "" if of(spec) else _named(spec, lambda one: not of(one))
    wanted = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return f"seccompProfile (pod or {who} {wanted})" if who else ""


_REPLACED = ("capabilities", "hostPath")
"""Checks of the baseline that the restricted level has stricter ones for."""
_BASELINE: tuple[tuple[str, Check], ...] = (
    ("capabilities", _capabilities), ("hostNamespaces", _host_namespaces), ("hostPath", _host_paths),
    ("hostPorts", _host_ports), ("privileged", _privileged),
)  # fmt: skip
_RESTRICTED: tuple[tuple[str, Check], ...] = (
    ("allowPrivilegeEscalation", _escalation), ("capabilities", _dropped), ("volumes", _volume_types),
    ("runAsNonRoot", _not_root), ("runAsUser", _not_user_zero), ("seccompProfile", _seccomp),
)  # fmt: skip
