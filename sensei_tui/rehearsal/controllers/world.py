"""What every controller works with: the store, time at the scenario's speed, and the recorder of Events."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from types import ModuleType
from typing import Any

from sensei_tui.rehearsal import admission, kinds, schemas
from sensei_tui.rehearsal.errors import ApiError
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, clone, random_suffix, timestamp
from sensei_tui.rehearsal.scenario import Scenario
from sensei_tui.rehearsal.store import Store

EVENT = kinds.named("Event")


class World:
    """One simulated cluster, seen from inside."""

    def __init__(self, store: Store, scenario: Scenario, clock: ModuleType) -> None:
        self.store = store
        self.scenario = scenario
        self.clock = clock
        self._seen: dict[tuple[str, ...], str] = {}

    # time

    def now(self) -> str:
        """As in an object's timestamps."""
        return timestamp(self.clock.now())

    def since(self, stamp: str) -> float:
        """Seconds, in the time of a real cluster, since a timestamp."""
        return float((self.clock.now() - self.clock.parse(stamp)).total_seconds()) * self.scenario.speed

    def after(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Call `action` after so many seconds of a real cluster's time."""
        return asyncio.get_running_loop().call_later(seconds / self.scenario.speed, action)

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds of a real cluster's time."""
        await asyncio.sleep(seconds / self.scenario.speed)

    # objects

    def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The stored object: read it, never change it."""
        return self.store.peek(kind, namespace, name) if self.store.exists(kind, namespace, name) else None

    def create(self, kind: Kind, obj: Object) -> Object:
        """Create as the API would: defaults and admission. Raises ApiError."""
        new: Object = clone(obj)
        identity = str(uuid.uuid4())
        schemas.default(kind, new)
        admission.on_create(self.store, kind, new, identity)
        admission.check(self.store, kind, new)
        schemas.complete(kind, new)
        return self.store.create(kind, new, uid=identity)

    def set_status(self, kind: Kind, obj: Object, **changes: Any) -> None:
        """Change members of the status, None removes one; nothing happens when the object is gone."""
        found = obj["metadata"]
        live = self.find(kind, found.get("namespace", ""), found["name"])
        if live is None or live["metadata"]["uid"] != found["uid"]:
            return
        status = {**live.get("status", {}), **changes}
        status = {key: value for key, value in status.items() if value is not None}
        self.store.update(kind, {**live, "status": status}, subresource="status")

    def change(self, kind: Kind, obj: Object, change: Callable[[Object], None], subresource: str = "") -> None:
        """Change a copy of the newest version and store it; nothing happens when the object is gone."""
        found = obj["metadata"]
        live = self.find(kind, found.get("namespace", ""), found["name"])
        if live is None or live["metadata"]["uid"] != found["uid"]:
            return
        new = clone(live)
        change(new)
        self.store.update(kind, new, subresource=subresource)

    def delete(self, kind: Kind, obj: Object, **options: Any) -> None:
        """Delete it, if it is still there."""
        found = obj["metadata"]
        try:
            self.store.delete(kind, found.get("namespace", ""), found["name"], uid=found["uid"], **options)
        except ApiError as refusal:
            if refusal.status_code not in (404, 409):
                raise

    # events

    def event(
        self, kind: Kind, obj: Object, reason: str, message: str, component: str,
        *, warning: bool = False, host: str = "", field: str = "",
    ) -> None:  # fmt: skip
        """Record an Event about an object; the same one again is counted, as client-go's recorder does."""
        found = obj["metadata"]
        namespace = found.get("namespace") or "default"
        key = (found["uid"], reason, message, component, field)
        known = self._seen.get(key)
        if known and self.store.exists(EVENT, namespace, known):
            self.change(EVENT, self.store.peek(EVENT, namespace, known), self._again)
            return
        self._seen[key] = name = f"{found['name']}.{random_suffix(16)}"
        about = {
            "kind": kind.kind, "apiVersion": kind.api_version, "name": found["name"], "uid": found["uid"],
            "resourceVersion": found.get("resourceVersion", ""), "namespace": found.get("namespace", ""),
            "fieldPath": field,
        }  # fmt: skip
        now = self.now()
        self._record({
            "metadata": {"name": name, "namespace": namespace}, "reason": reason, "message": message,
            "type": "Warning" if warning else "Normal", "count": 1, "firstTimestamp": now, "lastTimestamp": now,
            "involvedObject": {key: text for key, text in about.items() if text},
            "source": {"component": component, **({"host": host} if host else {})},
            "eventTime": None, "reportingComponent": component, "reportingInstance": host,
        })  # fmt: skip

    def report(
        self, kind: Kind, obj: Object, reason: str, message: str, component: str, action: str, *, warning: bool = False
    ) -> None:
        """Record an Event as the newer recorder (events.k8s.io) does, which the scheduler uses."""
        found = obj["metadata"]
        key = (found["uid"], reason, message, component, action)
        known = self._seen.get(key)
        if known and self.store.exists(EVENT, found["namespace"], known):
            self.change(EVENT, self.store.peek(EVENT, found["namespace"], known), self._seen_again)
            return
        self._seen[key] = name = f"{found['name']}.{random_suffix(16)}"
        about = {
            "kind": kind.kind, "apiVersion": kind.api_version, "name": found["name"], "uid": found["uid"],
            "resourceVersion": found.get("resourceVersion", ""), "namespace": found["namespace"],
        }  # fmt: skip
        self._record({
            "metadata": {"name": name, "namespace": found["namespace"]}, "reason": reason, "message": message,
            "type": "Warning" if warning else "Normal", "action": action, "involvedObject": about, "source": {},
            "eventTime": self._exactly(), "firstTimestamp": None, "lastTimestamp": None,
            "reportingComponent": component, "reportingInstance": f"{component}-rehearsal",
        })  # fmt: skip

    def _record(self, event: Object) -> None:
        try:
            self.store.create(EVENT, event)
        except ApiError as refusal:
            if refusal.status_code not in (403, 404):  # The namespace is going, or gone.
                raise

    def _exactly(self) -> str:
        """As metav1.MicroTime is written."""
        return str(self.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"))

    def _seen_again(self, event: Object) -> None:
        count = (event.get("series") or {}).get("count", 1)
        event["series"] = {"count": count + 1, "lastObservedTime": self._exactly()}

    def _again(self, event: Object) -> None:
        event["count"] = event.get("count", 1) + 1
        event["lastTimestamp"] = self.now()


def condition(
    status: Object, type_: str, value: bool | str, now: str, *, reason: str = "", message: str = ""
) -> Object:
    """The status' conditions with this one set; its transition time changes with its value only."""
    wanted = value if isinstance(value, str) else str(value)
    kept = [item for item in status.get("conditions") or () if item["type"] != type_]
    before: Object = next((item for item in status.get("conditions") or () if item["type"] == type_), {})
    same = before.get("status") == wanted
    new = {
        "type": type_, "status": wanted, "lastTransitionTime": before.get("lastTransitionTime", now) if same else now,
        **({"reason": reason} if reason else {}), **({"message": message} if message else {}),
    }  # fmt: skip
    position = next((i for i, item in enumerate(status.get("conditions") or ()) if item["type"] == type_), len(kept))
    return {**status, "conditions": [*kept[:position], new, *kept[position:]]}


def condition_is(obj: Object, type_: str, value: str = "True") -> bool:
    """Whether a condition of the object has this value."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(item["type"] == type_ and item["status"] == value for item in conditions)
