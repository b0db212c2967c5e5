"""PodDisruptionBudgets: how many pods may be evicted now."""

from __future__ import annotations

from collections.abc import Iterable

from sensei_tui.rehearsal import kinds
from sensei_tui.rehearsal.controllers import owned
from sensei_tui.rehearsal.controllers.loop import Key
from sensei_tui.rehearsal.controllers.owned import POD
from sensei_tui.rehearsal.controllers.world import World, condition
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object
from sensei_tui.rehearsal.selectors import label_matcher, selector_text
from sensei_tui.rehearsal.shareof import share

BUDGET = kinds.named("PodDisruptionBudget")


class Budgets:
    def __init__(self, world: World) -> None:
        self._world = world

    def concerns(self, kind: Kind, event: str, obj: Object) -> Iterable[Key]:
        namespace = obj["metadata"].get("namespace", "")
        if kind is BUDGET and event != "DELETED":
            return [(namespace, obj["metadata"]["name"])]
        if kind is POD:
            chosen = (one for one in self._world.store.select(BUDGET, namespace) if _matches(one, obj))
            return [(namespace, one["metadata"]["name"]) for one in chosen]
        return ()

    def reconcile(self, namespace: str, name: str) -> None:
        budget = self._world.find(BUDGET, namespace, name)
        if budget is None:
            return
        pods = [pod for pod in self._world.store.select(POD, namespace) if _matches(budget, pod) and owned.alive(pod)]
        healthy, expected = sum(owned.ready(pod) for pod in pods), len(pods)
        spec = budget["spec"]
        if not pods and not (budget.get("status") or {}).get("conditions"):
            self._world.event(BUDGET, budget, "NoPods", "No matching pods found", "controllermanager")
        if spec.get("maxUnavailable") is not None:
            desired = max(0, expected - share(spec["maxUnavailable"], expected, up=True))
        else:
            desired = share(spec.get("minAvailable", 1), expected, up=True)
        allowed = max(0, healthy - desired)
        reason = "SufficientPods" if allowed else "InsufficientPods"
        generation = budget["metadata"].get("generation", 1)
        status = condition(
            budget.get("status") or {}, "DisruptionAllowed", bool(allowed), self._world.now(), reason=reason
        )
        for item in status["conditions"]:
            item.setdefault("message", "")
            item["observedGeneration"] = generation
        self._world.set_status(
            BUDGET, budget, currentHealthy=healthy, desiredHealthy=desired, expectedPods=expected,
            disruptionsAllowed=allowed, observedGeneration=generation, conditions=status["conditions"],
        )  # fmt: skip


def _matches(budget: Object, pod: Object) -> bool:
    return bool(label_matcher(selector_text(budget["spec"].get("selector") or {}))(pod))
