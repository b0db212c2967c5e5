"""Data for pictures of the screens: three states of one site. No cluster, no runner: only what screens draw from.

The session below is a stand-in for *sources of data*, so that a picture is the same on every machine; what the real
sources give is tested in tests/e2e.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from sensei_tui.app import SenseiApp
from sensei_tui.bundle.contents import Contents, Item
from sensei_tui.cluster.target import Target
from sensei_tui.deploy.bundle_view import BundleView, Judged
from sensei_tui.deploy.overview import GuidedStep, Overview
from sensei_tui.health.model import (
    ComponentHealth,
    Health,
    NodeHealth,
    NotReady,
    PodHealth,
    ServiceHealth,
    Why,
    Word,
)
from sensei_tui.preflight.model import Finding, Report, Status
from sensei_tui.runs.model import Event, Plan, PlannedStep, RunState
from sensei_tui.runs.registry import RunSummary
from sensei_tui.runs.view import RunView, first_view, reduce
from sensei_tui.screens.session import Session, Topic
from sensei_tui.site.site import Site
from sensei_tui.terminal.profile import Profile

STATES = ("fresh", "trouble", "well")
"""Nothing done yet; an installation that waits for a broken component; everything installed and ready."""

PULL = Why(
    object="Pod/sensei-kora-7c9d4f-x2x7k",
    reason="ImagePullBackOff",
    sentence="image registry.internal/sensei/kora:1.0.0 cannot be pulled: connection refused",
    remedy="Check that the registry answers from the nodes and holds the image.",
    container="kora",
)
CRASH = Why(
    object="Pod/sensei-amani-5f1b9c-9q2wd",
    reason="CrashLoopBackOff",
    sentence="crash loop, exit 1, 3 restarts",
    remedy="Read the log, then look at the component it names.",
    last_log="FATAL cannot reach redis at sensei-redis:6379: connection refused",
)
STEPS = (
    ("verify-site", "Verify the site", "values, licence, secrets", 1),
    ("preflight", "Preflight gate", "24 checks, nothing may fail", 8),
    ("namespace", "Namespace", "sensei", 1),
    ("secrets", "Secrets", "sensei-license, sensei-llm, sensei-credentials", 1),
    ("release:sensei-deps", "Release sensei-deps", "chart dependencies 1.0.0", 4),
    ("wait:sensei-deps", "Wait for the stores", "4 workloads ready", 40),
    ("release:sensei", "Release sensei", "chart sensei-full 1.0.0", 4),
    ("wait:sensei", "Wait for Sensei", "9 workloads ready", 50),
    ("verify", "Verify", "pods, services, endpoints, dashboard", 5),
)
GROUPS = {
    "Control plane": (("dashboard", "Dashboard"), ("api", "API"), ("orchestration", "Orchestration"), ("pattern-library", "Pattern Library")),
    "Data plane": (("maba", "MABA"), ("kora", "KORA"), ("amani", "AMANI"), ("workers", "Workers"), ("agents", "Agents")),
    "Data stores": (("postgresql", "PostgreSQL"), ("redis", "Redis"), ("object-storage", "Object storage"), ("vector-db", "Vector DB")),
}  # fmt: skip


def plan() -> Plan:
    """An install."""
    steps = tuple(
        PlannedStep(id=key, title=title, inputs="sha256:0", detail=detail, seconds=seconds)
        for key, title, detail, seconds in STEPS
    )
    changes = ("+ controlPlane.replicas: 2", "+ global.domain: sensei.internal.example.com", "+ llm.apiKey: ********")
    return Plan(
        kind="install", site="berlin-1", target="prod-k8s (sensei)", namespace="sensei", version="1.0.0",
        created="2026-11-23T23:50:00.000Z", steps=steps, changes=changes,
    )  # fmt: skip


def _events(until: str) -> list[Event]:
    rows: list[tuple[str, str, dict[str, object]]] = [("run.started", "", {"actor": {"user": "root"}})]
    for key, _, detail, seconds in STEPS:
        rows.append(("step.started", key, {}))
        if key == until:
            break
        rows.append(("log", key, {"source": "helm", "text": f"created objects of {key}"}))
        rows.append(("step.finished", key, {"state": "ok", "seconds": seconds, "detail": detail}))
    return [
        Event(
            seq=number,
            at=f"2026-11-23T23:{50 + number // 12:02d}:{number % 12 * 5:02d}.000Z",
            type=type,
            prev="",
            step=step,
            data=data,
        )
        for number, (type, step, data) in enumerate(rows, 1)
    ]


def run(state: str) -> RunView | None:
    """The run of a state."""
    if state == "fresh":
        return None
    events = _events("wait:sensei" if state == "trouble" else "")
    last = events[-1]
    tail: list[tuple[str, str, dict[str, object]]] = [("run.finished", "", {"state": "done"})]
    if state == "trouble":
        waiting = [
            NotReady(object="Deployment/sensei-kora", ready=1, desired=2, why=(PULL,)),
            NotReady(object="Deployment/sensei-amani", ready=0, desired=2, why=(CRASH,)),
        ]
        tail = [
            ("step.progress", "wait:sensei", {"done": 7, "total": 9, "text": "7 of 9 ready"}),
            ("log", "wait:sensei", {"source": "event", "text": "sensei-amani-5f1b9c-9q2wd: Back-off restarting failed container"}),
            ("waiting", "wait:sensei", {"objects": waiting}),
        ]  # fmt: skip
    more = [
        Event(seq=last.seq + number, at=last.at, type=type, prev="", step=step, data=data)
        for number, (type, step, data) in enumerate(tail, 1)
    ]
    return reduce(first_view("0001", plan()), [*events, *more])


def health(state: str) -> Health | None:
    """The board of a state."""
    if state == "fresh":
        return None
    troubled = {"kora": PULL, "amani": CRASH} if state == "trouble" else {}
    components = tuple(
        _component(name, title, group, troubled.get(name)) for group, pairs in GROUPS.items() for name, title in pairs
    )
    nodes = tuple(
        NodeHealth(
            name=f"node-{number}", word=Word.OK, version="v1.36.2", conditions="", cpu_requested=4200 + number * 300,
            cpu_allocatable=15900, memory_requested=17 << 30, memory_allocatable=62 << 30,
            gpus_requested=0, gpus_allocatable=2 if number == 5 else 0, pods=6,
        )
        for number in range(1, 6)
    )  # fmt: skip
    word = Word.WARN if troubled else Word.OK
    headline = "DEGRADED: KORA 1/2, AMANI 1/2" if troubled else "all 13 components ready"
    return Health(
        word=word, headline=headline, components=components, nodes=nodes,
        pods=tuple(pod for component in components for pod in component.pods),
        services=tuple(service for component in components for service in component.services),
    )  # fmt: skip


def _component(name: str, title: str, group: str, why: Why | None) -> ComponentHealth:
    ready = 1 if why else 2
    pods = tuple(
        PodHealth(
            name=f"sensei-{name}-7c9d-{number}", word=Word.FAIL if why and number else Word.OK,
            ready="0/1" if why and number else "1/1", status=why.reason if why and number else "Running",
            restarts=3 if why and number else 0, node=f"node-{number + 1}", created="2026-11-23T23:50:00Z",
            why=why if number else None,
        )
        for number in range(2)
    )  # fmt: skip
    service = ServiceHealth(
        name=f"sensei-{name}",
        type="ClusterIP",
        ports="80/TCP",
        ready=ready,
        total=2,
        word=Word.WARN if why else Word.OK,
    )
    return ComponentHealth(
        name=name, title=title, group=group, word=Word.WARN if why else Word.OK, ready=ready, desired=2,
        workload=f"Deployment/sensei-{name}", pods=pods, services=(service,), why=(why,) if why else (),
    )  # fmt: skip


def report(state: str) -> Report | None:
    """The findings of a state."""
    if state == "fresh":
        return None
    bad = state == "trouble"
    rows = [
        ("api.reachable", "Cluster API", "API server", Status.PASS, "answered in 12 ms"),
        ("cap.nodes", "Capacity", "Nodes", Status.PASS, "5 nodes ready (minimum 3, recommended 5)"),
        ("cap.cpu", "Capacity", "CPU (total)", Status.FAIL if bad else Status.PASS, f"{24 if bad else 96} cores (minimum 32, recommended 64)"),
        ("cap.storage", "Capacity", "Storage", Status.WARN, "640 GB (minimum 500 GB, recommended 1 TB NVMe)"),
        ("sc.default", "Storage", "Default StorageClass", Status.PASS, "fast (local-nvme)"),
        ("disk.fsync", "This host", "fdatasync latency", Status.WARN if bad else Status.PASS, "p99 14 ms, wanted < 10 ms"),
        ("gpu.driver", "GPU", "NVIDIA driver", Status.UNKNOWN if bad else Status.SKIPPED, "no answer in 10 s" if bad else "the LLM is not local"),
    ]  # fmt: skip
    findings = tuple(
        Finding(
            id=key, area=area, title=title, status=status, summary=summary, measured=summary,
            threshold="minimum 32, recommended 64" if key == "cap.cpu" else "", source="the vendor's guide",
            remedy="Add cores, or nodes." if status is not Status.PASS else "",
        )
        for key, area, title, status, summary in rows
    )  # fmt: skip
    return Report(at="2026-11-23T23:52:00.000Z", seconds=6.2, target="prod-k8s (sensei)", values_digest="sha256:0", findings=findings)  # fmt: skip


def overview(state: str) -> Overview:
    """What Home says."""
    words = {
        "fresh": ("warn", "-", "-", "-", "-", "-"),
        "trouble": ("ok", "FAIL", "..", "warn", "-", "FAIL"),
        "well": ("ok", "warn", "ok", "-", "ok", "ok"),
    }[state]
    texts = {
        "fresh": ("the licence key is a placeholder", "not run", "no plan yet", "nothing deployed yet", "no runs", "none"),
        "trouble": ("values.yaml, license.yaml", "1 FAIL, 2 warn, 1 unknown", "run 0001, 7 of 9 steps", "see the run", "1 run", "/media/bundle.tar.gz is not there"),
        "well": ("values.yaml, license.yaml", "1 warn, 5 ok", "1.0.0 installed", "open to see every component", "1 run", "sensei-bundle-1.0.0.tar.gz"),
    }[state]  # fmt: skip
    keys = ("configure", "preflight", "deploy", "health", "history", "bundle")
    titles = ("Configure", "Preflight", "Deploy", "Health", "History", "Bundle")
    steps = tuple(
        GuidedStep(key=key, title=title, word=word, text=text)
        for key, title, word, text in zip(keys, titles, words, texts, strict=True)
    )
    nexts = {
        "fresh": "Name a cluster: K for a kubeconfig, r to rehearse.",
        "trouble": "Watch run 0001 (press 3): two components are not ready.",
        "well": "Nothing. Sensei 1.0.0 is installed and well (press 4).",
    }
    configured = state != "fresh"
    return Overview(
        site="berlin-1", version="1.0.0", cluster="prod-k8s (sensei)" if configured else "no cluster", configured=configured,
        rehearsal=False, run={"fresh": "no run", "trouble": "run 0001 RUNNING", "well": "run 0001 done"}[state],
        deployed=state == "well", next_step=nexts[state], steps=steps, facts=(("Licence", "Example Corp, key set"), ("Rehearsal", "never")),
    )  # fmt: skip


def bundle(state: str) -> BundleView:
    """What the Bundle screen says."""
    if state == "fresh":
        return BundleView()
    path = "/media/bundle.tar.gz" if state == "trouble" else "/srv/sensei/sensei-bundle-1.0.0.tar.gz"
    if state == "trouble":
        return BundleView(
            path=path,
            registry="registry.lan/sensei",
            error="The bundle is damaged. it ends after 1,048,576 of 5,696,922 bytes; 3 of 46 files are whole",
        )
    names = [(name, "image", 412_000_000) for name in ("amani", "control-plane", "data-plane", "kora", "maba", "probe")]
    names += [("pattern-library", "artifact", 88_000_000), ("charts/sensei-full", "chart", 61_000)]
    items = tuple(
        Item(
            name=f"registry.sensei.ai/sensei/{name}:1.0.0",
            kind=kind,
            digest="sha256:" + "5e" * 32,
            media_type="application/vnd.oci.image.index.v1+json",
            size=size,
        )
        for name, kind, size in names
    )
    contents = Contents(
        version="1.0.0", created="2026-11-02T10:00:00Z", kubernetes=">=1.30.0-0", platforms=("linux/amd64",), charts=(),
        items=items, blobs=59, size=3_038_000_000,
    )  # fmt: skip
    return BundleView(
        path=path, registry="registry.lan/sensei", into="registry.lan/sensei", contents=contents, version=Judged("ok", "1.0.0, of 2026-11-02"),
        signed=Judged("ok", "2026-11-03 by vendor@example.com"), complete=Judged("ok", "all 12 images of the charts with this site's values"),
        takes="3.0 GB in the registry, 30s at 100 MB/s; less what is there",
        unpacked="8.1 GB at least on a node that runs all of it",
    )  # fmt: skip


class PictureSession(Session):
    """A session whose data is given, not read."""

    def __init__(self, site: Site, announce: Callable[[Topic], None], state: str) -> None:
        super().__init__(site, announce)
        self._view = run(state)
        self.overview, self.report, self.health = overview(state), report(state), health(state)
        self.plan = plan() if state == "fresh" else None
        self.bundle = bundle(state)
        done = RunState.DONE if state == "well" else RunState.RUNNING
        summary = RunSummary(
            id="0001", kind="install", version="1.0.0", state=done, started="2026-11-23T23:50:05.000Z", seconds=114,
            actor="root", path="",
        )  # fmt: skip
        restored = msgspec.structs.replace(
            summary, id="0002", kind="restore", started="2026-11-24T09:12:00.000Z", seconds=431,
            actor="root (sudo by operator)", subject="20261124T020000Z-scheduled",
        )  # fmt: skip
        self.runs = {"fresh": (), "trouble": (summary,), "well": (restored, summary)}[state]

    @property
    def run(self) -> RunView | None:
        return self._view

    @property
    def target(self) -> Target | None:
        return Target("kubeconfig", "prod-k8s", "sensei") if self.overview and self.overview.configured else None

    def refresh(self) -> None:
        self.announce(Topic.OVERVIEW)

    def read_bundle(self) -> None:
        self.announce(Topic.BUNDLE)

    def follow(self, directory: object = None) -> None:
        self.announce(Topic.RUN)

    def poll(self) -> bool:
        return False

    def watch_cluster(self) -> None:
        self.announce(Topic.CLUSTER)

    def check(self) -> None:
        self.announce(Topic.REPORT)

    def make_plan(self, kind: str = "install", revision: int = 0, backup: str = "") -> None:
        self.announce(Topic.PLAN)


def picture_app(directory: Path, state: str, profile: Profile) -> SenseiApp:
    """The app on a fixed site in one of the three states."""
    site = Site.create(directory / "berlin-1", name="berlin-1")
    app = SenseiApp(site, profile)
    app.session = PictureSession(site, app._announce, state)
    return app
