"""One run at a time: a file lock for the site, a Lease for the namespace."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from sensei_tui.base import clock
from sensei_tui.base.errors import SenseiError
from sensei_tui.base.paths import PRIVATE_FILE, private_dir

LEASE = "sensei-run"
RENEW = 10.0
"""Seconds between renewals: a third of the duration, so that two may fail (client-go renews as often)."""
DURATION = 30.0
"""Seconds without a renewal after which a holder counts as dead."""
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


class RunInProgress(SenseiError):
    """Somebody else runs something here."""

    code = "run-in-progress"


class LeaseLost(SenseiError):
    """Another host holds the namespace now, or the cluster was not reached for too long to know."""

    code = "lease-lost"


class SiteLock:
    """`flock` on `.sensei/lock`: gone by itself when its process is gone, whatever killed it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1

    def acquire(self, holder: str) -> None:
        """Take it and write who holds it. Raises RunInProgress."""
        private_dir(self._path.parent)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = os.read(handle, 200).decode(errors="replace")
            os.close(handle)
            raise _busy(other, self._path) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, holder.encode(), 0)
        self._handle = handle

    def release(self) -> None:
        """Let go of it."""
        if self._handle >= 0:
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = -1


def site_lock_free(path: Path) -> bool:
    """Whether a run could start now."""
    try:
        lock = SiteLock(path)
        lock.acquire("")
    except RunInProgress:
        return False
    lock.release()
    return True


def _busy(other: str, path: Path) -> RunInProgress:
    run = other or "another run"
    remedy = "Watch it: sensei runs attach. Stop it: sensei runs cancel."
    return RunInProgress(f"This site is busy with {run}.", where=str(path), remedy=remedy)


class LeaseTaken(Exception):
    """The object was created or changed by somebody else in the meantime (HTTP 409)."""


class LeaseStore(Protocol):
    """Where the Lease lives. Bodies are `coordination.k8s.io/v1` Lease objects; other failures raise SenseiError."""

    def read(self) -> dict[str, Any] | None:
        """The object, or None."""

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Raises LeaseTaken."""

    def replace(self, body: dict[str, Any]) -> dict[str, Any]:
        """Replace the object whose resourceVersion `body` carries. Raises LeaseTaken."""

    def delete(self) -> None:
        """Take it away."""


class NamespaceLease:
    """Held by one runner in the whole cluster; renewed by a thread.

    A holder is `host/uid/site/run`. One of the same host and site is taken over at once, because the site lock
    proves that its runner is gone; any other one after it did not renew for `duration` seconds of our own clock.
    """

    def __init__(
        self, store: LeaseStore, holder: str, on_lost: Callable[[LeaseLost], None], *,
        renew: float = RENEW, duration: float = DURATION,
    ) -> None:  # fmt: skip
        self._store, self._holder, self._on_lost = store, holder, on_lost
        self._renew, self._duration = renew, duration
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._body: dict[str, Any] = {}

    def acquire(self, wait: Callable[[float], None], log: Callable[[str], None]) -> None:
        """Take it, and keep it until `release`. `wait` sleeps (and may raise). Raises RunInProgress."""
        found = self._store.read()
        other = _holder(found)
        if found and other and not self._ours(other):
            log(f"the namespace is reserved by {other}; watching whether it still runs")
            found = self._watch_dead(found, wait)
            log(f"{other} did not renew its lease for {self._duration:.0f} s: taken over")
        try:
            self._body = self._store.replace(self._taken(found)) if found else self._store.create(self._taken(None))
        except LeaseTaken as error:
            raise self._busy(_holder(self._store.read())) from error
        self._thread.start()

    def release(self) -> None:
        """Stop renewing and let go of it. Raises SenseiError if the cluster does not answer."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(self._renew)
            found = self._store.read()
            if _holder(found) == self._holder:
                self._store.delete()

    def _ours(self, other: str) -> bool:
        return other.rpartition("/")[0] == self._holder.rpartition("/")[0]

    def _busy(self, other: str) -> RunInProgress:
        return RunInProgress(
            "Another host installs into this namespace.", where=f"Lease/{LEASE}", why=f"held by {other}",
            remedy="Wait for that run, or cancel it there. It counts as dead 30 s after its last renewal.",
        )  # fmt: skip

    def _watch_dead(self, found: dict[str, Any], wait: Callable[[float], None]) -> dict[str, Any] | None:
        """Wait until the holder counts as dead: by our own clock, because two hosts' clocks may differ."""
        began = clock.monotonic()
        while clock.monotonic() - began < self._duration:
            wait(min(self._renew / 2, self._duration))
            now = self._store.read()
            if now is None or not _holder(now):
                return now
            if _renewed(now) != _renewed(found):
                raise self._busy(_holder(now))
        return found

    def _taken(self, found: dict[str, Any] | None) -> dict[str, Any]:
        now = clock.now().strftime(_TIME)
        metadata = dict(found["metadata"]) if found else {"name": LEASE}
        spec = {
            "holderIdentity": self._holder, "leaseDurationSeconds": max(1, int(self._duration)),
            "acquireTime": now, "renewTime": now,
        }  # fmt: skip
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}

    def _keep(self) -> None:
        last = clock.monotonic()
        while not self._stop.wait(self._renew):
            try:
                self._renew_once()
                last = clock.monotonic()
            except LeaseLost as lost:
                self._on_lost(lost)
                return
            except SenseiError as error:
                if clock.monotonic() - last > self._duration:
                    self._on_lost(self._unknown(error))
                    return

    def _renew_once(self) -> None:
        spec = {**self._body["spec"], "renewTime": clock.now().strftime(_TIME)}
        try:
            self._body = self._store.replace({**self._body, "spec": spec})
        except LeaseTaken:
            found = self._store.read()
            if _holder(found) != self._holder or found is None:
                raise self._stolen(_holder(found)) from None
            self._body = found

    def _stolen(self, other: str) -> LeaseLost:
        return LeaseLost(
            "The namespace was taken over by another run.", where=f"Lease/{LEASE}", why=f"held by {other or 'nobody'}",
            remedy="See what that run does before you resume this one.",
        )  # fmt: skip

    def _unknown(self, error: SenseiError) -> LeaseLost:
        age = timedelta(seconds=int(self._duration))
        return LeaseLost(
            "The cluster was not reached for too long.", where=f"Lease/{LEASE}",
            why=f"no renewal for {age}: {error.why or error.what}",
            remedy="When the cluster answers: sensei runs resume",
        )  # fmt: skip


def _holder(found: dict[str, Any] | None) -> str:
    return str((found or {}).get("spec", {}).get("holderIdentity") or "")


def _renewed(found: dict[str, Any]) -> tuple[str, str]:
    return str(found["spec"].get("renewTime")), str(found["metadata"].get("resourceVersion"))
