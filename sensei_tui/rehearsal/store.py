"""The object store: resource versions, optimistic locking, finalizers, graceful deletion, watches.

It belongs to one asyncio loop and is called from it alone. It has the rules that every writer must meet (API
clients and controllers alike); validation, defaults and field ownership are the API's work, done before.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sensei_tui.base import clock
from sensei_tui.rehearsal import errors, kinds
from sensei_tui.rehearsal.kinds import Kind
from sensei_tui.rehearsal.objects import Object, clone, key_of, metadata, random_suffix, timestamp
from sensei_tui.rehearsal.watch import Change, History, Watch, too_old

Subscriber = Callable[[Kind, str, Object], None]
Matcher = Callable[[Object], bool]

_NAMESPACE = kinds.named("Namespace")
_POD = kinds.named("Pod")
_KEPT = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)
"""Metadata that no update changes."""

_PROPAGATION_FINALIZER = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


class Store:
    """Objects by kind, namespace and name. What it returns is a copy unless said otherwise."""

    def __init__(self, now: Callable[[], datetime] = clock.now) -> None:
        self._now = now
        self._revision = 1
        self._objects: dict[Kind, dict[tuple[str, str], Object]] = {kind: {} for kind in kinds.KINDS}
        self._history: dict[Kind, History] = {kind: History(1) for kind in kinds.KINDS}
        self._subscribers: list[Subscriber] = []
        self._undelivered: deque[tuple[Kind, Change]] = deque()
        self._delivering = False

    # reading

    @property
    def resource_version(self) -> str:
        """The resource version of the latest write."""
        return str(self._revision)

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """A copy of the object. Raises ApiError 404."""
        return clone(self.peek(kind, namespace, name))  # type: ignore[no-any-return]

    def peek(self, kind: Kind, namespace: str, name: str) -> Object:
        """The stored object itself: read it, never change it. Raises ApiError 404."""
        found = self._objects[kind].get((namespace if kind.namespaced else "", name))
        if found is None:
            raise errors.not_found(kind, name)
        return found

    def exists(self, kind: Kind, namespace: str, name: str) -> bool:
        return (namespace if kind.namespaced else "", name) in self._objects[kind]

    def list(
        self, kind: Kind, namespace: str | None = None, label_selector: str = "", field_selector: str = ""
    ) -> list[Object]:
        """Copies by namespace and name; `namespace` None means all. Raises ApiError 400 (bad selector)."""
        return [clone(obj) for obj in self.select(kind, namespace, label_selector, field_selector)]

    def select(
        self, kind: Kind, namespace: str | None = None, label_selector: str = "", field_selector: str = "",
        *, at: int | None = None,
    ) -> Iterator[Object]:  # fmt: skip
        """Like `list`, but the stored objects themselves: read them, never change them.

        `at` gives the state at an earlier resource version. Raises ApiError 410 when it is no longer known.
        """
        matches = matcher(kind, label_selector, field_selector)
        table = self._objects[kind] if at is None else self._table_at(kind, at)
        for key, obj in sorted(table.items(), key=lambda item: item[0]):
            if namespace in (None, key[0]) and matches(obj):
                yield obj

    def watch(self, kind: Kind, namespace: str | None, since: int | str) -> Watch:
        """The changes after resource version `since`. Raises ApiError 410 when they are no longer kept."""
        return self._history[kind].watch(namespace, int(since))

    def subscribe(self, callback: Subscriber) -> None:
        """`callback(kind, "ADDED" | "MODIFIED" | "DELETED", object)` after each write, in order, in the loop.

        The object is the stored one: never change it. The callback may write; that is delivered afterwards.
        """
        self._subscribers.append(callback)

    def compact(self) -> None:
        """Forget the history: watches from before now get 410."""
        for history in self._history.values():
            history.forget(self._revision)

    # writing

    def create(self, kind: Kind, obj: Object, *, uid: str = "", dry_run: bool = False) -> Object:
        """Store a new object, its status too (`uid` if it must have a certain one).

        Raises ApiError 404 and 403 (its namespace), 409, 422.
        """
        new: Object = clone(obj)
        found = metadata(new)
        new["apiVersion"], new["kind"] = kind.api_version, kind.kind
        self._check_namespace(kind, found)
        if not found.get("name") and found.get("generateName"):
            found["name"] = found["generateName"] + random_suffix()
        if not found.get("name"):
            causes = [
                errors.cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")
            ]
            raise errors.invalid(kind, "", causes)
        if self.exists(kind, *key_of(new)):
            raise errors.already_exists(kind, found["name"])
        found["uid"] = uid or str(uuid.uuid4())
        found["creationTimestamp"] = timestamp(self._now())
        if kind.generation:
            found["generation"] = 1
        if kind is _NAMESPACE:
            _new_namespace(new)
        return self._write(kind, "ADDED", new, None, dry_run)

    def update(self, kind: Kind, obj: Object, *, subresource: str = "", dry_run: bool = False) -> Object:
        """Replace an object; raises ApiError 404, and 409 when its resourceVersion or uid is given and stale.

        With subresource "status" only the status (and managedFields) is taken; without one, the status of a kind that
        has the subresource is kept; "binding" does not count as a new wish. An update that changes nothing writes
        nothing. Removing the last finalizer of an object that is being deleted deletes it.
        """
        live = self.peek(kind, *key_of(obj))
        _check_preconditions(kind, live, metadata(obj).get("uid"), metadata(obj).get("resourceVersion"))
        new = _merged(kind, live, clone(obj), subresource)
        if _significant(new) == _significant(live):
            return clone(live)  # type: ignore[no-any-return]
        if kind.generation and subresource != "binding" and _desired(new) != _desired(live):
            new["metadata"]["generation"] = live["metadata"].get("generation", 0) + 1
        if _finished(kind, new):
            return self._remove(kind, new, live, dry_run)
        return self._write(kind, "MODIFIED", new, live, dry_run)

    def delete(
        self, kind: Kind, namespace: str, name: str, *, propagation: str = "Background",
        grace: int | None = None, uid: str | None = None, resource_version: str | None = None,
        dry_run: bool = False,
    ) -> Object:  # fmt: skip
        """Delete, or mark as being deleted while finalizers or a pod's grace period (seconds) hold it.

        Returns the object in its last state (`exists` tells whether it is gone). Raises ApiError 404, 409.
        """
        live = self.peek(kind, namespace, name)
        _check_preconditions(kind, live, uid, resource_version, precondition=True)
        new: Object = clone(live)
        found = new["metadata"]
        if finalizer := _PROPAGATION_FINALIZER.get(propagation):
            found["finalizers"] = [*dict.fromkeys([*found.get("finalizers", ()), finalizer])]
        seconds = _grace(kind, live, grace)
        first = "deletionTimestamp" not in found
        if first or seconds < found.get("deletionGracePeriodSeconds", 0):
            found["deletionTimestamp"] = timestamp(self._now() + timedelta(seconds=seconds))
            if kind is not _NAMESPACE:
                found["deletionGracePeriodSeconds"] = seconds
        if first and found.get("generation"):
            found["generation"] += 1
        if kind is _NAMESPACE:
            new["status"] = {**new.get("status", {}), "phase": "Terminating"}
        if _finished(kind, new):
            if kind is _POD and new != live:  # A pod is told of its end before it goes.
                self._write(kind, "MODIFIED", new, live, dry_run)
                live = live if dry_run else new
            return self._remove(kind, live, live, dry_run)
        return clone(live) if new == live else self._write(kind, "MODIFIED", new, live, dry_run)

    # keeping

    def dump(self) -> Object:
        """Everything as one JSON value, for `load`."""
        objects = [obj for table in self._objects.values() for obj in table.values()]
        return {"resourceVersion": self._revision, "objects": objects}

    def load(self, saved: Object) -> None:
        """Take over what `dump` gave. Sends no events; older watches get 410; unknown kinds are left out."""
        self._revision = int(saved["resourceVersion"])
        for obj in saved["objects"]:
            if kind := kinds.by_kind(obj["apiVersion"], obj["kind"]):
                self._objects[kind][key_of(obj)] = obj
        self.compact()

    # inside

    def _table_at(self, kind: Kind, revision: int) -> dict[tuple[str, str], Object]:
        """The objects as they were: the later changes, undone from the last to the first."""
        history = self._history[kind]
        if revision < history.oldest:
            raise too_old(revision, history.oldest)
        table = dict(self._objects[kind])
        for change in reversed(history.changes):
            if change.revision <= revision:
                break
            if change.previous is None:
                del table[key_of(change.object)]
            else:
                table[key_of(change.object)] = change.previous
        return table

    def _check_namespace(self, kind: Kind, found: Object) -> None:
        if not kind.namespaced:
            found.pop("namespace", None)
            return
        namespace = found.get("namespace", "")
        holder = self.peek(_NAMESPACE, "", namespace)
        if "deletionTimestamp" in holder["metadata"] and kind is not kinds.named("Event"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            refusal = errors.forbidden(kind, found.get("name", ""), why)
            message = f"namespace {namespace} is being terminated"
            refusal.details["causes"] = [errors.cause("NamespaceTerminating", message, "metadata.namespace")]
            raise refusal

    def _write(self, kind: Kind, event: str, new: Object, live: Object | None, dry_run: bool) -> Object:
        if not dry_run:
            self._revision += 1
            new["metadata"]["resourceVersion"] = str(self._revision)
            self._objects[kind][key_of(new)] = new
            self._deliver(kind, Change(self._revision, event, new, live))
        return clone(new)  # type: ignore[no-any-return]

    def _remove(self, kind: Kind, new: Object, live: Object, dry_run: bool) -> Object:
        if not dry_run:
            self._revision += 1
            # The last that was stored: a watch sees the finalizer whose removal ended the object.
            gone = {**live, "metadata": {**live["metadata"], "resourceVersion": str(self._revision)}}
            del self._objects[kind][key_of(live)]
            self._deliver(kind, Change(self._revision, "DELETED", gone, live))
        return clone(new)  # type: ignore[no-any-return]

    def _deliver(self, kind: Kind, change: Change) -> None:
        self._history[kind].append(change)
        self._undelivered.append((kind, change))
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._undelivered:
                about, item = self._undelivered.popleft()
                for subscriber in self._subscribers:
                    subscriber(about, item.type, item.object)
        finally:
            self._delivering = False


def matcher(kind: Kind, label_selector: str, field_selector: str) -> Matcher:
    """Whether an object is selected; an empty selector selects all. Raises ApiError 400."""
    if not label_selector and not field_selector:
        return bool
    from sensei_tui.rehearsal import selectors

    labels = selectors.label_matcher(label_selector)
    fields = selectors.field_matcher(kind, field_selector)
    return lambda obj: labels(obj) and fields(obj)


def _new_namespace(new: Object) -> None:
    name = new["metadata"]["name"]
    new["metadata"]["labels"] = {**new["metadata"].get("labels", {}), "kubernetes.io/metadata.name": name}
    new["spec"] = {"finalizers": ["kubernetes"]}
    new["status"] = {"phase": "Active"}


def _check_preconditions(
    kind: Kind, live: Object, uid: str | None, version: str | None, *, precondition: bool = False
) -> None:
    name, found = live["metadata"]["name"], live["metadata"]
    if uid and uid != found["uid"]:
        if precondition:
            why = f"the UID in the precondition ({uid}) does not match the UID in record ({found['uid']}). "
            raise errors.conflict_of_kind(kind, name, f"{why}The object might have been deleted and then recreated")
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {found['uid']}"
        where = f"Key: {_storage_key(kind, found)}, ResourceVersion: 0"
        raise errors.conflict(kind, name, f"StorageError: invalid object, Code: 4, {where}, AdditionalErrorMsg: {why}")
    if version and version != found["resourceVersion"]:
        if precondition:
            ours = f"the ResourceVersion in record ({found['resourceVersion']}). The object might have been modified"
            raise errors.conflict_of_kind(
                kind, name, f"the ResourceVersion in the precondition ({version}) does not match {ours}"
            )
        raise errors.conflict(kind, name, errors.STALE)


def _storage_key(kind: Kind, found: Object) -> str:
    """Where etcd would have the object: errors name it."""
    folders = {"Service": "services/specs", "Endpoints": "services/endpoints", "Node": "minions"}
    return "/".join(
        [
            "/registry",
            folders.get(kind.kind, kind.plural),
            *([found["namespace"]] if kind.namespaced else []),
            found["name"],
        ]
    )


def _merged(kind: Kind, live: Object, new: Object, subresource: str) -> Object:
    """What an update through `subresource` leaves: the rest of the object stays as it lives."""
    found = metadata(new)
    if subresource == "status":
        merged: Object = {**clone(live), "status": new.get("status", {})}
        if "managedFields" in found:
            merged["metadata"]["managedFields"] = found["managedFields"]
        return merged
    for key in _KEPT:
        found.pop(key, None)
        if key in live["metadata"]:
            found[key] = live["metadata"][key]
    found["resourceVersion"] = live["metadata"]["resourceVersion"]
    new["apiVersion"], new["kind"] = kind.api_version, kind.kind
    kept = ["status"] if kind.has_status else []
    if kind is _NAMESPACE and subresource != "finalize":
        kept.append("spec")
    for part in kept:
        new.pop(part, None)
        if part in live:
            new[part] = clone(live[part])
    return new


def _significant(obj: Object) -> Object:
    """The object without the times of its managedFields: a change of those alone is no change."""
    fields = obj["metadata"].get("managedFields", ())
    timeless = [{key: value for key, value in entry.items() if key != "time"} for entry in fields]
    return {**obj, "metadata": {**obj["metadata"], "managedFields": timeless}}


def _desired(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status")}


def _finished(kind: Kind, obj: Object) -> bool:
    """Whether nothing holds an object that is being deleted."""
    found = obj["metadata"]
    if "deletionTimestamp" not in found or found.get("finalizers"):
        return False
    if kind is _NAMESPACE and obj.get("spec", {}).get("finalizers"):
        return False
    return not found.get("deletionGracePeriodSeconds")


def _grace(kind: Kind, live: Object, asked: int | None) -> int:
    """Seconds until a deletion takes effect: only a pod that runs on a node is given any."""
    if kind is not _POD or asked == 0:
        return 0
    spec, phase = live.get("spec", {}), live.get("status", {}).get("phase")
    if not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
        return 0
    default: Any = spec.get("terminationGracePeriodSeconds", 30)
    return int(default if asked is None else asked)
