"""The chart's tests, outside a run: does the platform write and read its stores now?"""

from __future__ import annotations

import msgspec

from sensei_tui.base import clock
from sensei_tui.cluster.client import connect
from sensei_tui.cluster.store import ClusterStore
from sensei_tui.deploy.hooks import late_jobs
from sensei_tui.deploy.verify import TESTS
from sensei_tui.helm.engine import open_engine
from sensei_tui.helm.errors import HelmError, HelmNotFound, HelmTimeout, HelmUnreachable
from sensei_tui.runs.view import sentence
from sensei_tui.site.charts import SENSEI_RELEASE
from sensei_tui.site.site import Site
from sensei_tui.site.target import target_of

_PICTURE = 20.0
"""Seconds for a complete picture of the namespace."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    passed: bool
    seconds: float
    why: tuple[str, ...] = ()
    """What did not pass, a sentence each."""


def chart_tests(site: Site) -> Outcome:
    """Run them. Raises ClusterError, NoCluster, HelmNotFound where nothing is deployed, HelmError."""
    target = target_of(site)
    started = clock.monotonic()
    cluster = connect(target)
    store = ClusterStore(cluster, target.namespace, lambda _: None)
    store.start()
    try:
        store.wait_complete(_PICTURE)
        with open_engine(target) as engine:
            engine.test(SENSEI_RELEASE, timeout=TESTS)
    except HelmError as error:
        if isinstance(error, HelmNotFound | HelmUnreachable):
            raise
        found = tuple(sentence(item) for item in late_jobs(store.snapshot))
        if not found and isinstance(error, HelmTimeout):
            raise
        return Outcome(passed=False, seconds=clock.monotonic() - started, why=found or (error.why or error.what,))
    finally:
        store.stop()
        cluster.close()
    return Outcome(passed=True, seconds=clock.monotonic() - started)
