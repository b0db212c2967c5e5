"""Validation of what has a pod template: Deployments and the like, Jobs."""

from __future__ import annotations

import re
from typing import Any

from sensei_tui.rehearsal import wording as say
from sensei_tui.rehearsal.objects import Object, metadata
from sensei_tui.rehearsal.rules_pods import pod_spec
from sensei_tui.rehearsal.selectors import label_matcher, selector_text
from sensei_tui.rehearsal.wording import Causes

_OWN_SELECTOR = "batch.kubernetes.io/controller-uid"


def pod(obj: Object) -> Causes:
    yield from pod_spec(obj.get("spec") or {}, "spec")


def pod_template(obj: Object) -> Causes:
    yield from pod_spec(obj["template"].get("spec") or {}, "template.spec")


def deployment(obj: Object) -> Causes:
    spec = obj["spec"]
    yield from say.not_negative(spec.get("replicas"), "spec.replicas")
    yield from _template(obj, "deployment")
    yield from _strategy(spec.get("strategy") or {}, "spec.strategy")
    yield from say.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= (spec.get("minReadySeconds") or 0):
        yield say.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


def replica_set(obj: Object) -> Causes:
    yield from say.not_negative(obj["spec"].get("replicas"), "spec.replicas")
    yield from _template(obj, "deployment")


def stateful_set(obj: Object) -> Causes:
    yield from say.one_of(obj["spec"].get("podManagementPolicy"), "OrderedReady Parallel", "spec.podManagementPolicy")
    yield from say.not_negative(obj["spec"].get("replicas"), "spec.replicas")
    yield from _template(obj, "statefulset")


def daemon_set(obj: Object) -> Causes:
    yield from _template(obj, "daemonset")


def job(obj: Object) -> Causes:
    spec = obj["spec"]
    for member in ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"):
        yield from say.not_negative(spec.get(member), f"spec.{member}")
    yield from say.one_of(spec.get("completionMode"), "NonIndexed Indexed", "spec.completionMode")
    yield from _own_selector(obj)
    pods = spec["template"].get("spec") or {}
    yield from pod_spec(pods, "spec.template.spec")
    if pods.get("restartPolicy") == "Always":
        yield say.required("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')


def _own_selector(obj: Object) -> Causes:
    """The selector of a Job is its own, unless it says otherwise."""
    selector = obj["spec"].get("selector") or {}
    labels = (obj["spec"]["template"].get("metadata") or {}).get("labels") or {}
    if "selector" not in obj["spec"]:
        return
    if not obj["spec"].get("manualSelector") and set(selector.get("matchLabels") or ()) != {_OWN_SELECTOR}:
        yield say.invalid("spec.selector", selector, "`selector` not auto-generated")
    yield from _matches(selector, labels)


def _template(obj: Object, name: str) -> Causes:
    spec = obj["spec"]
    selector, template = spec.get("selector"), spec["template"]
    labels = (template.get("metadata") or {}).get("labels") or {}
    wrong = [*label_selector(selector, "spec.selector")]
    yield from wrong
    if selector == {}:
        yield say.invalid("spec.selector", {}, f"empty selector is invalid for {name}")
    elif wrong:
        yield say.invalid("spec.selector", selector, "invalid label selector")
    else:
        yield from _matches(selector, labels)
    yield from say.labels(labels, "spec.template.metadata.labels")
    claims = {metadata(claim).get("name") for claim in spec.get("volumeClaimTemplates") or ()}
    pods = template.get("spec") or {}
    yield from pod_spec(pods, "spec.template.spec", claims)
    if pods.get("restartPolicy") not in (None, "Always"):
        yield say.unsupported("spec.template.spec.restartPolicy", pods["restartPolicy"], "Always")


def _matches(selector: Object | None, labels: dict[str, str]) -> Causes:
    """Nothing is chosen without a selector."""
    chosen = selector is not None and label_matcher(selector_text(selector))({"metadata": {"labels": labels}})
    if not chosen:
        yield say.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")


def label_selector(selector: Object | None, path: str) -> Causes:
    """Of a LabelSelector."""
    if not selector:
        return
    yield from say.labels(selector.get("matchLabels"), f"{path}.matchLabels")
    for index, item in enumerate(selector.get("matchExpressions") or ()):
        where, operator = f"{path}.matchExpressions[{index}]", item.get("operator")
        if operator in ("In", "NotIn") and not item.get("values"):
            yield say.required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in ("Exists", "DoesNotExist") and item.get("values"):
            yield say.forbidden(f"{where}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
        elif operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
            yield say.invalid(f"{where}.operator", operator, "not a valid selector operator")
        yield from say.every(say.qualified(item.get("key") or ""), item.get("key"), f"{where}.key")


def _strategy(strategy: Object, path: str) -> Causes:
    rolling, named = strategy.get("rollingUpdate"), strategy.get("type")
    if named not in ("Recreate", "RollingUpdate"):
        value = {"Type": named, "RollingUpdate": None}
        yield say.unsupported(path, value, "Recreate RollingUpdate")
    elif named == "Recreate" and rolling is not None:
        yield say.forbidden(f"{path}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
    elif rolling:
        for member in ("maxUnavailable", "maxSurge"):
            yield from count_or_percent(rolling.get(member), f"{path}.rollingUpdate.{member}")
        if rolling.get("maxSurge") in (0, "0%") and rolling.get("maxUnavailable") in (0, "0%"):
            yield say.invalid(f"{path}.rollingUpdate.maxUnavailable", 0, "may not be 0 when `maxSurge` is 0")


def count_or_percent(value: Any, path: str) -> Causes:
    """Of an IntOrString that is a number or a share."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]+%", value):
        yield say.invalid(path, value, say.PERCENT_RULE)
    yield from say.not_negative(value, path)
