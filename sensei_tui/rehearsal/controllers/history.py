"""ControllerRevisions: the templates that a StatefulSet or DaemonSet has had."""

from __future__ import annotations

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers import owned
from sensei_tui.rehearsal.controllers.world import World
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, clone

REVISION = "controller-revision-hash"
"""The label by which a pod tells its revision."""

_HISTORY = kinds.named("ControllerRevision")


def keep(world: World, kind: Kind, owner: Object, mark: str, annotations: Object | None = None) -> str:
    """The name of the current template's revision, which is created where it is missing; label `mark` has its hash."""
    found, template = owner["metadata"], owner["spec"]["template"]
    hashed = owned.template_hash(template)
    name = f"{found['name']}-{hashed}"
    if "deletionTimestamp" in found or world.store.exists(_HISTORY, found["namespace"], name):
        return name
    labels = {**(template.get("metadata", {}).get("labels") or {}), mark: hashed}
    number = 1 + max((item["revision"] for item in owned.owned(world, _HISTORY, owner)), default=0)
    world.create(_HISTORY, {
        "metadata": {
            "name": name, "namespace": found["namespace"], "labels": labels,
            "ownerReferences": [owned.reference(kind, owner)], **({"annotations": annotations} if annotations else {}),
        },
        "data": {"spec": {"template": {**clone(template), "$patch": "replace"}}}, "revision": number,
    })  # fmt: skip
    return name
