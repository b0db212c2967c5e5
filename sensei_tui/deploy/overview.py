"""Everything the Home screen says, from the site's own files alone: cheap, and never an error.

What the cluster itself says (nodes, health) comes from the cluster store and is shown beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from sensei_tui.base import clock
from sensei_tui.base.errors import SenseiError
from sensei_tui.base.text import plural
from sensei_tui.deploy.record import Deployed, load_deployed
from sensei_tui.preflight.engine import load_report
from sensei_tui.preflight.model import Report, Status
from sensei_tui.runs.model import RunState
from sensei_tui.runs.registry import RunSummary, list_runs
from sensei_tui.runs.view import GOING
from sensei_tui.site.license import license_of
from sensei_tui.site.site import Site
from sensei_tui.site.target import target_name
from sensei_tui.site.validate import validate
from sensei_tui.site.values import Values, load_values


class GuidedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One of the five steps from an empty site to a running platform."""

    key: str
    """The screen that does it: `configure`, `preflight`, `deploy`, `health`, `history`."""
    title: str
    word: str
    """`ok`, `warn`, `FAIL`, `?`, `..` or `-`."""
    text: str
    """What the word is based on, one line."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    site: str
    version: str
    """`1.0.0`, or `1.0.0 -> 1.1.0` when an upgrade is at hand."""
    cluster: str
    """For the header: `cluster prod-k8s (sensei)`, `rehearsal (sensei)`, `no cluster`."""
    configured: bool
    """A cluster, real or simulated, is named."""
    rehearsal: bool
    run: str
    """For the header: `no run`, `run 0007 RUNNING`."""
    active: str = ""
    """Id of the run that goes on now."""
    resumable: str = ""
    """Id of the newest run, if it did not end well."""
    deployed: bool = False
    """A run of this site has installed Sensei."""
    next_step: str
    """One sentence, with the key that does it: `Review 2 warnings, then install (press 3).`"""
    next_key: str = ""
    """That key."""
    steps: tuple[GuidedStep, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    """Label and text: licence, what is deployed, where the site is."""


def overview(site: Site) -> Overview:
    """Read the site's files. Never raises SenseiError: what cannot be read is said in words."""
    return _Home(site).overview()


@dataclass
class _Configuration:
    """Whether the values can be used."""

    values: Values | None
    problem: str
    errors: int


class _Home:
    def __init__(self, site: Site) -> None:
        self.site = site
        self.config = _configuration(site)
        self.report: Report | None = load_report(site)
        self.deployed: Deployed | None = load_deployed(site)
        self.runs: tuple[RunSummary, ...] = list_runs(site.runs)
        self.last: RunSummary | None = self.runs[0] if self.runs else None
        self.configured = site.kubeconfig is not None

    def overview(self) -> Overview:
        """All of it."""
        last, site = self.last, self.site
        going = last.id if last and last.state in GOING else ""
        sentence, key = self._next()
        return Overview(
            site=site.config.name, version=self._version(), cluster=self._cluster(), configured=self.configured,
            rehearsal=site.config.rehearsal, run=f"run {last.id} {last.state}" if last else "no run", active=going,
            resumable=last.id if last and last.unfinished else "", deployed=self.deployed is not None,
            next_step=sentence, next_key=key, steps=self._steps(), facts=self._facts(),
        )  # fmt: skip

    def _version(self) -> str:
        wanted = self.site.config.version
        return f"{self.deployed.version} -> {wanted}" if self.deployed and self.deployed.version != wanted else wanted

    def _cluster(self) -> str:
        name = target_name(self.site)
        return name if self.site.config.rehearsal else f"cluster {name}" if self.configured else "no cluster"

    @property
    def changed(self) -> bool:
        """The values or the version are not those that are deployed."""
        if self.deployed is None or self.config.values is None:
            return False
        same = self.deployed.values_digest == self.config.values.digest
        return not same or self.deployed.version != self.site.config.version

    @property
    def stale(self) -> bool:
        """The report is about other values, or another cluster."""
        values, report = self.config.values, self.report
        if report is None or values is None:
            return False
        return report.values_digest != values.digest or report.target != target_name(self.site)

    # The next step.

    def _next(self) -> tuple[str, str]:
        return self._next_for_run() or self._next_before_run() or self._next_after_run()

    def _next_for_run(self) -> tuple[str, str] | None:
        last = self.last
        if last is None or last.state is RunState.DONE:
            return None
        if last.state in GOING:
            return f"Watch run {last.id}, which is going on (press 3).", "3"
        if last.state is RunState.DEAD:
            return f"Resume run {last.id}: its runner is gone and the job is unfinished (press 3, then r).", "3"
        if last.state is RunState.CANCELLED:
            return f"Run {last.id} was cancelled: resume it, or make a new plan (press 3).", "3"
        return f"See why run {last.id} failed, then resume it (press 3).", "3"

    def _next_before_run(self) -> tuple[str, str] | None:
        if not self.configured:
            return "Name a cluster (press K), or rehearse on this machine (press r).", "K"
        if self.config.problem:
            return f"Correct the configuration: {plural(self.config.errors, 'error')} (press 1).", "1"
        if self.deployed and not self.changed:
            return None
        if self._bundle()[0] == "FAIL":
            return "See to the bundle, which is not where the site says (press 6).", "6"
        if self.report is None:
            return "Check the cluster and this host (press 2).", "2"
        if self.stale:
            return "Check again: values or cluster changed since the last check (press 2).", "2"
        if blocking := len(self.report.blocking):
            return f"See to {plural(blocking, 'check')} that did not pass (press 2).", "2"
        return None

    def _next_after_run(self) -> tuple[str, str]:
        warnings = self.report.count(Status.WARN) if self.report else 0
        first = f"Review {plural(warnings, 'warning')}, then " if warnings else ""
        if self.deployed is None:
            load = "load the bundle and install" if self.site.config.bundle else "install"
            return f"{first}{load if first else load.capitalize()} (press 3).", "3"
        if self.changed:
            do = "upgrade" if first else "Upgrade"
            return f"{first}{do}: something differs from what is deployed (press 3).", "3"
        return f"Nothing: Sensei {self.deployed.version} is deployed. Look at its health (press 4).", "4"

    # The guided steps.

    def _steps(self) -> tuple[GuidedStep, ...]:
        rows = {
            "configure": ("Configure", *self._configure()), "preflight": ("Preflight", *self._preflight()),
            "deploy": ("Deploy", *self._deploy()), "health": ("Health", *self._health()),
            "history": ("History", *self._history()), "bundle": ("Bundle", *self._bundle()),
        }  # fmt: skip
        return tuple(
            GuidedStep(key=key, title=title, word=word, text=text) for key, (title, word, text) in rows.items()
        )

    def _configure(self) -> tuple[str, str]:
        if self.config.problem:
            return "FAIL", self.config.problem
        files = self.config.values.files if self.config.values else ()
        changed = ", not what is deployed" if self.changed else ""
        return "ok", " + ".join(path.name for path in files) + changed

    def _preflight(self) -> tuple[str, str]:
        report = self.report
        if report is None:
            return "-", "not run yet"
        words = ((Status.PASS, "ok"), (Status.WARN, "warn"), (Status.FAIL, "FAIL"), (Status.UNKNOWN, "unknown"))
        counts = ", ".join(f"{report.count(status)} {word}" for status, word in words)
        text = f"{counts}; {_ago(report.at)}"
        if self.stale:
            return "?", f"{text}, with other values or another cluster"
        word = "FAIL" if report.blocking else "warn" if report.count(Status.WARN) else "ok"
        return word, text

    def _deploy(self) -> tuple[str, str]:
        last = self.last
        if last and last.state in GOING:
            return "..", f"run {last.id}: {last.kind} {last.version} {last.state}"
        if last and last.unfinished:
            why = str(last.error.get("what", "")) or "its runner is gone"
            word = "warn" if last.state is RunState.CANCELLED else "FAIL"
            return word, f"run {last.id}: {last.kind} {last.state}: {why}"
        if self.deployed is None:
            return "-", "nothing deployed yet"
        return "ok", f"Sensei {self.deployed.version}, run {self.deployed.run}, {_ago(self.deployed.at)}"

    def _health(self) -> tuple[str, str]:
        return ("-", "open to see every component") if self.deployed else ("-", "nothing deployed yet")

    def _history(self) -> tuple[str, str]:
        last = self.last
        if last is None:
            return "-", "no runs"
        return "-", f"{plural(len(self.runs), 'run')}; the last: {last.kind} {last.state}, {_ago(last.started)}"

    def _bundle(self) -> tuple[str, str]:
        """Without reading it: it may lie on a slow medium."""
        named = self.site.config.bundle
        if not named:
            return "-", "none: images come from the registries in their names"
        file = self.site.root / Path(named).expanduser()
        return ("-", f"{file.name} is named") if file.exists() else ("FAIL", f"{file} is not there")

    def _facts(self) -> tuple[tuple[str, str], ...]:
        return (("Licence", _licence(self.config.values)), ("Site", str(self.site.root)))


def _configuration(site: Site) -> _Configuration:
    try:
        values = load_values(site)
        errors = [problem for problem in validate(values) if problem.severity == "error"]
    except SenseiError as error:
        return _Configuration(None, f"{error.what} {error.why}".strip(), 1)
    if not errors:
        return _Configuration(values, "", 0)
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return _Configuration(values, f"{first.path}: {first.message}{more}", len(errors))


def _licence(values: Values | None) -> str:
    found = license_of(values) if values else None
    if found is None or found.state == "missing":
        return "no key set: sensei license set"
    words = {"placeholder": "the key is a placeholder: sensei license set", "secret": "key in an existing Secret"}
    return f"{found.organization or 'no organization named'}   {words.get(found.state, 'key set, not shown')}"


def _ago(moment: str) -> str:
    return f"{clock.age((clock.now() - clock.parse(moment)).total_seconds())} ago" if moment else "at an unknown time"
