"""What the rendered charts ask of a cluster: pods with their requests, volumes, permissions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sensei_tui.base.quantity import whole
from sensei_tui.cluster.kinds import Kind
from sensei_tui.cluster.snapshot import Pod, PodSpec
from sensei_tui.health.nodes import GPU, pod_requests
from sensei_tui.helm import manifest
from sensei_tui.helm.engine import render_offline
from sensei_tui.preflight import access
from sensei_tui.preflight.facts import ClaimNeed, Needs, Permission, PodNeed
from sensei_tui.preflight.references import claims_named, runtimes_named
from sensei_tui.preflight.secret_needs import secret_needs
from sensei_tui.site.charts import CHARTS, chart_dir
from sensei_tui.site.resolve import resolve
from sensei_tui.site.site import Site
from sensei_tui.site.values import Values


def needs_of(site: Site, values: Values, kind_of: Any) -> Needs:
    """What the rendered charts ask for. `kind_of(kind, apiVersion)` gives the Kind, or raises where the API has none.

    Raises UsageError, HelmError.
    """
    charts, namespace = {name: chart_dir(chart, site) for name, chart in CHARTS.items()}, site.config.namespace
    resolved = resolve(site, values)
    manifests = render_offline(charts, resolved.helm_values, namespace)
    objects = [item for text in manifests.values() for item in manifest.objects(text)]
    pods = tuple(pod for item in objects for pod in _pods(item))
    kinds = {(item["kind"], item["apiVersion"]) for item in objects}
    needed = {item for name, version in kinds for item in _of_kind(kind_of(name, version), namespace)}
    needed |= set(access.permissions(namespace))
    rest = {
        item for item in access.rest_of_charts(namespace) if msgspec.structs.replace(item, optional=False) not in needed
    }
    return Needs(
        pods=pods,
        claims=tuple(claim for item in objects for claim in _claims(item)),
        permissions=tuple(sorted(needed | rest)),
        gpus=max((pod.amounts[GPU] for pod in pods), default=0),
        secrets=tuple(secret_needs(objects, {item.name: item.keep for item in resolved.secrets}, values)),
        claims_named=tuple(claims_named(objects, values)),
        runtimes=tuple(runtimes_named(objects, values)),
    )


def _pods(item: Mapping[str, Any]) -> Iterator[PodNeed]:
    if item["kind"] not in manifest.WORKLOADS:
        return
    spec = item["spec"]["template"]["spec"]
    need = PodNeed(
        owner=manifest.key(dict(item)),
        amounts=pod_requests(Pod(spec=msgspec.convert(spec, PodSpec))),
        node_selector=spec.get("nodeSelector") or {},
        tolerations=tuple(spec.get("tolerations") or ()),
    )
    yield from [need] * _replicas(item)


def _replicas(item: Mapping[str, Any]) -> int:
    return 1 if item["kind"] == "Job" else int(item["spec"].get("replicas") or 1)


def _claims(item: Mapping[str, Any]) -> Iterator[ClaimNeed]:
    if item["kind"] == "PersistentVolumeClaim":
        yield _claim(item["metadata"]["name"], item["spec"])
    for template in item.get("spec", {}).get("volumeClaimTemplates") or ():
        for number in range(_replicas(item)):
            yield _claim(f"{template['metadata']['name']}-{item['metadata']['name']}-{number}", template["spec"])


def _claim(name: str, spec: Mapping[str, Any]) -> ClaimNeed:
    return ClaimNeed(name, whole(spec["resources"]["requests"]["storage"]), spec.get("storageClassName") or "")


def _of_kind(kind: Kind, namespace: str) -> Iterator[Permission]:
    group = kind.version.rpartition("/")[0]
    yield from access.chart_permissions(group, kind.plural, namespace if kind.namespaced else "")
