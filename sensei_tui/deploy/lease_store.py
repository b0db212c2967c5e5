"""The run's Lease in the cluster, and holding it for the length of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sensei_tui.base.errors import SenseiError
from sensei_tui.cluster.client import Cluster
from sensei_tui.cluster.errors import ClusterError
from sensei_tui.runs.context import StepContext
from sensei_tui.runs.lock import LEASE, LeaseTaken, NamespaceLease


class ClusterLeases:
    """`runs.lock.LeaseStore` over the API."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def read(self) -> dict[str, Any] | None:
        """The object, or None."""
        try:
            found: dict[str, Any] = self._cluster.object("Lease", LEASE, self._namespace)
        except ClusterError as error:
            if error.status == 404:
                return None
            raise
        return found

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Raises LeaseTaken."""
        metadata = {**body["metadata"], "namespace": self._namespace}
        return self._write(lambda: self._cluster.create({**body, "metadata": metadata}))

    def replace(self, body: dict[str, Any]) -> dict[str, Any]:
        """Raises LeaseTaken."""
        return self._write(lambda: self._cluster.replace(body))

    def delete(self) -> None:
        """Take it away."""
        self._cluster.delete("Lease", LEASE, self._namespace)

    def _write(self, request: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return request()
        except ClusterError as error:
            if error.status == 409:
                raise LeaseTaken from error
            raise


@contextmanager
def held_lease(cluster: Cluster, namespace: str, holder: str, context: StepContext) -> Iterator[None]:
    """Hold the namespace's lease; losing it stops the run at the next safe point. Raises RunInProgress."""
    lease = NamespaceLease(ClusterLeases(cluster, namespace), holder, context.abort)
    lease.acquire(context.sleep, lambda text: context.log("runner", text))
    try:
        yield
    finally:
        try:
            lease.release()
        except SenseiError as error:
            context.log(
                "runner",
                f"the lease of the namespace was not given back ({error.why or error.what}); it runs out by itself",
            )
