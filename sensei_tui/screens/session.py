"""What one console knows and can ask for. No Textual here: screens read attributes and call intents in threads.

Data flows one way: journals, reports and the cluster's snapshot come in and are announced by topic; intents go out
to `deploy`, `preflight` and `runs`. Attributes hold immutable values, so a screen can draw at any moment.
What the work needs is imported where it is done, in its thread: the first picture does not wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from sensei_tui.base.errors import SenseiError

if TYPE_CHECKING:
    from sensei_tui.cluster.client import Cluster
    from sensei_tui.cluster.snapshot import Snapshot
    from sensei_tui.cluster.store import ClusterStore
    from sensei_tui.cluster.target import Target
    from sensei_tui.deploy.adopt import Candidate
    from sensei_tui.deploy.bundle_view import BundleView
    from sensei_tui.deploy.overview import Overview
    from sensei_tui.health.model import Health
    from sensei_tui.preflight.model import Report
    from sensei_tui.runs.model import Plan
    from sensei_tui.runs.registry import RunDirectory, RunSummary, Watch
    from sensei_tui.runs.view import RunView
    from sensei_tui.site.site import Site


class Topic(StrEnum):
    """What changed."""

    OVERVIEW = "overview"
    RUN = "run"
    CLUSTER = "cluster"
    REPORT = "report"
    PLAN = "plan"
    BUNDLE = "bundle"


class Session:
    """One console's view of one site."""

    def __init__(self, site: Site, announce: Callable[[Topic], None]) -> None:
        self.site = site
        self.announce = announce
        """Called from any thread."""
        self.overview: Overview | None = None
        self.report: Report | None = None
        self.checking = ""
        """Progress of a preflight that is running, in words."""
        self.plan: Plan | None = None
        self.runs: tuple[RunSummary, ...] = ()
        self.bundle: BundleView | None = None
        self.verifying = ""
        """Progress of a bundle that is being read, in words."""
        self.verified = ""
        """What came of it."""
        self.snapshot: Snapshot | None = None
        self.health: Health | None = None
        self.trouble = ""
        """Why there is no picture of the cluster."""
        self.asked_for = False
        """Whether the operator named the run that is watched: it is shown even when it is over."""
        self._watch: Watch | None = None
        self._store: ClusterStore | None = None
        self._cluster: Cluster | None = None
        self._forward: ExitStack | None = None
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        """Held while files are read: a look that began earlier must not put its picture over a later one's."""

    @property
    def name(self) -> str:
        """The site's name."""
        return self.site.config.name

    @property
    def run(self) -> RunView | None:
        """The run this console watches."""
        return self._watch.view if self._watch else None

    @property
    def run_id(self) -> str:
        """Its number, or an empty string."""
        return self._watch.directory.id if self._watch else ""

    @property
    def target(self) -> Target | None:
        """The cluster and namespace, or None where none is configured."""
        from sensei_tui.site.target import target_of

        return target_of(self.site) if self.site.kubeconfig else None

    # What is read from files: cheap, any thread.

    def refresh(self) -> None:
        """Read the site's state again."""
        from sensei_tui.deploy.overview import overview
        from sensei_tui.preflight.engine import load_report
        from sensei_tui.runs.registry import list_runs

        with self._reading:
            self._look_again()
            self.overview = overview(self.site)
            self.report = load_report(self.site)
            self.runs = list_runs(self.site.runs)
        self.announce(Topic.OVERVIEW)

    def _look_again(self) -> None:
        """Another console may have changed site.yaml; a cluster that it changed is not taken over unasked."""
        from sensei_tui.site.site import Site

        found = Site.open(self.site.root)
        if _cluster_of(found) != _cluster_of(self.site):
            return
        if found.config.bundle != self.site.config.bundle:
            self.verified = ""
        self.site = found

    def follow(self, directory: RunDirectory | None = None) -> None:
        """Watch this run, or the active one, or the latest."""
        from sensei_tui.runs.registry import Watch, active, latest

        found = directory or active(self.site.runs) or latest(self.site.runs)
        if found is None:
            return
        watch = Watch(found)
        watch.poll()
        with self._lock:
            self._watch = watch
        self.asked_for = directory is not None
        self.announce(Topic.RUN)

    def poll(self) -> bool:
        """Take in what the journal has gained. True if anything changed; a few file looks if not."""
        with self._lock:
            return self._watch is not None and self._watch.poll()

    # The cluster.

    def watch_cluster(self) -> None:
        """Connect and keep a picture of the cluster. Blocks until connected; errors become `trouble`."""
        from sensei_tui.cluster.client import connect
        from sensei_tui.cluster.store import ClusterStore
        from sensei_tui.rehearsal import launch

        target = self.target
        if target is None or self._store is not None:
            return
        try:
            if self.site.config.rehearsal:
                launch.ensure(self.site.rehearsal_dir)
            self._cluster = connect(target)
            store = ClusterStore(self._cluster, target.namespace, self._cluster_changed)
            store.start()
        except SenseiError as error:
            self.trouble = error.why or error.what
            self.announce(Topic.CLUSTER)
            return
        self._store, self.trouble = store, ""

    def _cluster_changed(self, snapshot: Snapshot) -> None:
        from sensei_tui.health.board import assess

        self.snapshot = snapshot
        self.health = assess(snapshot, self._values())
        self.announce(Topic.CLUSTER)

    def _values(self) -> dict[str, object] | None:
        from sensei_tui.site.values import load_values

        try:
            return load_values(self.site).tree
        except SenseiError:
            return None

    def cluster(self) -> Cluster:
        """The connection. Raises SenseiError where there is none."""
        from sensei_tui.cluster.client import connect

        if self._cluster is None:
            if self.target is None:
                raise SenseiError("No cluster is configured.", remedy="Press K on Home to name a kubeconfig.")
            self._cluster = connect(self.target)
        return self._cluster

    def close(self) -> None:
        """Stop watching. Runs go on."""
        store, self._store = self._store, None
        forward, self._forward = self._forward, None
        if store:
            store.stop()
        if forward:
            forward.close()

    def pod_logs(self, pod: str) -> list[str]:
        """The last lines of a pod's first container. Raises ClusterError."""
        return self.cluster().logs(pod)

    def describe(self, kind: str, name: str) -> str:
        """An object in words, with its events. Raises ClusterError."""
        from sensei_tui.cluster.describe import describe

        return describe(self.cluster(), kind, name)

    def object_yaml(self, kind: str, name: str) -> str:
        """An object as YAML; the data of Secrets is masked. Raises ClusterError."""
        from sensei_tui.cluster.describe import object_yaml

        return object_yaml(self.cluster(), kind, name)

    def toggle_forward(self) -> str:
        """Open a port to the dashboard and return its address; or close it and return nothing. Raises ClusterError."""
        from sensei_tui.deploy.verify import DASHBOARD, DASHBOARD_PORT

        if self._forward is not None:
            self._forward.close()
            self._forward = None
            return ""
        self._forward = ExitStack()
        try:
            found = self._forward.enter_context(self.cluster().forward(f"service/{DASHBOARD}", DASHBOARD_PORT))
        except SenseiError:
            self._forward = None
            raise
        return f"http://127.0.0.1:{found.local_port}"

    # Intents: each blocks; call them in a thread.

    def use_kubeconfig(self, path: Path, context: str) -> None:
        """Point the site at a cluster."""
        self.close()
        self.site = self.site.configure(kubeconfig=str(path), context=context, rehearsal=False)
        self._forget_cluster()

    def rehearse(self) -> None:
        """Point the site at the simulated cluster on this machine, starting it if need be."""
        from sensei_tui.rehearsal import launch

        self.close()
        launch.ensure(self.site.rehearsal_dir)
        self.site = self.site.configure(rehearsal=True)
        self._forget_cluster()

    def _forget_cluster(self) -> None:
        self._cluster, self.snapshot, self.health, self.trouble, self.plan = None, None, None, "", None
        self.refresh()
        self.watch_cluster()

    def check(self) -> None:
        """Run the preflight checks."""
        from sensei_tui.preflight.engine import run_preflight

        def progress(done: int, total: int, title: str) -> None:
            self.checking = f"{done} of {total}: {title}"
            self.announce(Topic.REPORT)

        self._ensure_rehearsal()
        try:
            self.report = run_preflight(self.site, on_progress=progress)
        finally:
            self.checking = ""
        self.announce(Topic.REPORT)
        self.refresh()

    def waive(self, check: str, reason: str) -> None:
        """Accept a finding, with a reason; an empty reason takes the waiver back."""
        from sensei_tui.preflight.engine import load_report
        from sensei_tui.preflight.waivers import unwaive, waive

        if reason:
            waive(self.site, check, reason)
        else:
            unwaive(self.site, check)
        self.report = load_report(self.site)
        self.announce(Topic.REPORT)
        self.refresh()

    def backups(self) -> list[tuple[str, str]]:
        """Name and words of each that can be restored, `latest` first; none in a rehearsal. Raises SenseiError."""
        from sensei_tui.cluster.client import connect
        from sensei_tui.deploy.jobs import backup_text, backups
        from sensei_tui.site.charts import LATEST
        from sensei_tui.site.target import target_of

        if self.site.config.rehearsal:
            return []
        with connect(target_of(self.site)) as cluster:
            found = [item for item in backups(cluster) if item.get("complete")]
        return [(LATEST, f"{LATEST}: the newest complete one"), *((item["name"], backup_text(item)) for item in found)]

    def read_bundle(self) -> None:
        """What the site's bundle is now."""
        from sensei_tui.deploy.bundle_view import bundle_view

        with self._reading:
            self._look_again()
            self.bundle = bundle_view(self.site)
        self.announce(Topic.BUNDLE)

    def look_at_bundle(self, file: Path) -> Candidate:
        """What is to be known before it is used. Raises SenseiError."""
        from sensei_tui.deploy.adopt import look

        return look(self.site, file)

    def use_bundle(self, found: Candidate) -> None:
        """Make it the site's. Raises SenseiError."""
        from sensei_tui.deploy.adopt import adopt

        with found.bundle:
            adopt(self.site, found.file, found.bundle, registry=None, keys=None, unsigned=found.unsigned)
        self._reopened()

    def set_registry(self, place: str) -> None:
        """Where the site's images are, as `deploy.place` has it. Raises BadReference, UsageError."""
        from sensei_tui.deploy.place import place_changes

        self.site.configure(**place_changes(place))
        self._reopened()

    def _reopened(self) -> None:
        self.verified = ""
        self.read_bundle()
        self.refresh()

    def verify_bundle(self) -> None:
        """Read every byte of it; how far that is, is told. Raises SenseiError."""
        from sensei_tui.deploy.bundle_view import verified
        from sensei_tui.deploy.loading import bundle_of

        def told(text: str) -> None:
            if text != self.verifying:
                self.verifying = text
                self.announce(Topic.BUNDLE)

        try:
            with bundle_of(self.site) as found:
                result = verified(found, told)
            self.verified = result  # once the medium may be taken out
        finally:
            self.verifying = ""
            self.announce(Topic.BUNDLE)

    def make_plan(self, kind: str = "install", revision: int = 0, backup: str = "") -> None:
        """Plan an install, upgrade, rollback, uninstall, backup or restore; nothing is changed."""
        from sensei_tui.deploy.backup import plan_backup, plan_restore
        from sensei_tui.deploy.loading import plan_load
        from sensei_tui.deploy.plans import plan_install, plan_rollback, plan_upgrade
        from sensei_tui.deploy.uninstall import plan_uninstall

        self._look_again()
        self._ensure_rehearsal()
        plans: dict[str, Callable[[], Plan]] = {
            "rollback": lambda: plan_rollback(self.site, revision), "uninstall": lambda: plan_uninstall(self.site),
            "upgrade": lambda: plan_upgrade(self.site), "load": lambda: plan_load(self.site),
            "backup": lambda: plan_backup(self.site), "restore": lambda: plan_restore(self.site, backup),
        }  # fmt: skip
        self.plan = plans.get(kind, lambda: plan_install(self.site))()
        self.announce(Topic.PLAN)

    def start_plan(self) -> None:
        """Start the plan in a runner of its own and watch it."""
        from sensei_tui.deploy.start import start

        if self.plan is None:
            raise SenseiError("There is no plan to start.", remedy="Open the Deploy screen to make one.")
        self._ensure_rehearsal()
        directory = start(self.site, self.plan)
        self.plan = None
        self.follow(directory)
        self.refresh()

    def resume_run(self, run_id: str = "") -> None:
        """Finish a run whose runner died or that failed."""
        from sensei_tui.deploy.start import resume
        from sensei_tui.runs.registry import find_run

        self._ensure_rehearsal()
        self.follow(resume(self.site, find_run(self.site.runs, run_id or self.run_id).id))
        self.refresh()

    def control(self, command: str) -> None:
        """Tell the runner: `cancel`, `pause`, `resume`, `retry`."""
        from sensei_tui.runs.control import send

        if self._watch is not None:
            send(self._watch.directory.path, command)

    def _ensure_rehearsal(self) -> None:
        from sensei_tui.rehearsal import launch

        if self.site.config.rehearsal:
            launch.ensure(self.site.rehearsal_dir)


def _cluster_of(site: Site) -> tuple[Path | None, str, str]:
    return site.kubeconfig, site.config.context, site.config.namespace
