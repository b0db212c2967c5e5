"""What the steps of a run share: the prepared site, the cluster, the Helm engine, one picture of the namespace."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from types import TracebackType

from sensei_tui.base.redaction import Redactor
from sensei_tui.cluster.client import Cluster, connect
from sensei_tui.cluster.snapshot import Snapshot
from sensei_tui.cluster.store import ClusterStore
from sensei_tui.deploy.narrator import Narrator
from sensei_tui.deploy.prepare import TIMEOUT, Prepared, digest, prepare
from sensei_tui.helm.engine import Engine, open_engine
from sensei_tui.helm.images import Pulled, needed
from sensei_tui.helm.loglines import LogLine
from sensei_tui.runs.model import Plan
from sensei_tui.site.site import Site
from sensei_tui.site.target import target_of
from sensei_tui.site.values import load_values


class World:
    """Everything is opened when it is first used, and closed at the end."""

    def __init__(self, site: Site, plan: Plan, run_id: str) -> None:
        self.site = site
        self.plan = plan
        self.run_id = run_id
        self.redact = Redactor()
        self.narrator = Narrator()
        self.changed = threading.Event()
        """Set whenever the picture of the namespace changes."""
        self.on_picture: Callable[[Snapshot], None] = _nobody
        """Told of every new picture, in the store's thread."""
        self._open = ExitStack()

    def __enter__(self) -> World:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def namespace(self) -> str:
        """Where everything goes."""
        return self.plan.namespace

    @property
    def timeout(self) -> int:
        """Seconds for one release's objects to be sent and its hooks to run, and again for it to become ready."""
        return int(self.plan.parameters.get("timeout", TIMEOUT))

    @property
    def holder(self) -> str:
        """`host/uid/site/run`: who reserves the namespace."""
        place = digest(str(self.site.root.resolve())).removeprefix("sha256:")[:8]
        return f"{socket.gethostname()}/{os.getuid()}/{place}/{self.run_id}"

    @cached_property
    def prepared(self) -> Prepared:
        """The site, checked. From here on its secrets are masked. Raises UsageError."""
        prepared = prepare(self.site)
        self.redact.add(prepared.resolved.hidden)
        return prepared

    @cached_property
    def pulled(self) -> tuple[Pulled, ...]:
        """What the charts pull with the site's values: both are rendered, once for all steps, and without secrets: a
        load needs none. Raises UsageError, HelmError."""
        return needed(load_values(self.site).tree, self.site)

    @cached_property
    def cluster(self) -> Cluster:
        """The connection. Raises ClusterError, NoCluster."""
        cluster = connect(target_of(self.site))
        self._open.callback(cluster.close)
        return cluster

    @cached_property
    def engine(self) -> Engine:
        """Helm. Raises HelmError."""
        return self._open.enter_context(open_engine(target_of(self.site), self._helm_said))

    @cached_property
    def store(self) -> ClusterStore:
        """The namespace as it is now, watched."""
        store = ClusterStore(self.cluster, self.namespace, self._cluster_changed)
        store.start()
        self._open.callback(store.stop)
        return store

    @contextmanager
    def watched_by(self, look: Callable[[Snapshot], None]) -> Iterator[None]:
        """`look` sees every new picture, and the one there is, until the end of the block."""
        self.on_picture = look
        try:
            look(self.store.snapshot)
            yield
        finally:
            self.on_picture = _nobody

    def _helm_said(self, line: LogLine) -> None:
        self.narrator.say("helm", line.text, line.object)

    def _cluster_changed(self, snapshot: Snapshot) -> None:
        self.changed.set()
        self.narrator.see(snapshot)
        self.on_picture(snapshot)


def _nobody(_: Snapshot) -> None:
    """Nobody looks."""
