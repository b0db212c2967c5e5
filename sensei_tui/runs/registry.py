"""The runs of a site: directories `.sensei/runs/0007-install/`, one for each run, oldest first by number."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import msgspec

from sensei_tui.base.errors import UsageError
from sensei_tui.base.paths import PRIVATE_DIR, private_dir, write_atomic
from sensei_tui.base.process import ProcessRef
from sensei_tui.runs.journal import Follower, read_events
from sensei_tui.runs.model import Plan, RunState
from sensei_tui.runs.view import GOING, RunView, first_view, reduce

START = 20.0
"""Seconds a runner may take to say that it runs (importing everything takes 2 s on a slow machine)."""
_NAME = re.compile(r"^(\d{4,})-([a-z]+)$")


class NoSuchRun(UsageError):
    """A run that is not in this site."""

    code = "no-such-run"


class RunDirectory(msgspec.Struct, frozen=True):
    """One run's files: `plan.json`, `runner.json`, `journal.jsonl`, `runner.log`, `control.sock`."""

    path: Path

    @property
    def id(self) -> str:
        """`0007`."""
        return self.path.name.partition("-")[0]

    @property
    def kind(self) -> str:
        """`install`, `upgrade`, `rollback`, `uninstall`."""
        return self.path.name.partition("-")[2]

    @property
    def journal(self) -> Path:
        """The event log."""
        return self.path / "journal.jsonl"

    @property
    def log(self) -> Path:
        """What the runner process itself printed: empty unless it crashed."""
        return self.path / "runner.log"

    @property
    def plan(self) -> Plan:
        """The plan as it was started. Raises NoSuchRun if it cannot be read."""
        file = self.path / "plan.json"
        try:
            return msgspec.json.decode(file.read_bytes(), type=Plan)
        except (OSError, msgspec.DecodeError) as error:
            raise NoSuchRun(f"Run {self.id} has no readable plan.", where=str(file), why=str(error)) from error

    @property
    def runner(self) -> ProcessRef | None:
        """The process that does, or did, this run."""
        try:
            return msgspec.json.decode((self.path / "runner.json").read_bytes(), type=ProcessRef)
        except (OSError, msgspec.DecodeError):
            return None

    @property
    def alive(self) -> bool:
        """Whether its runner lives. A run whose runner is just being started counts as alive."""
        runner = self.runner
        return runner.alive if runner else self._fresh

    @property
    def _fresh(self) -> bool:
        try:
            return time.time() - (self.path / "plan.json").stat().st_mtime < START
        except FileNotFoundError:
            return False

    def record_runner(self, process: ProcessRef) -> None:
        """Say which process does this run."""
        write_atomic(self.path / "runner.json", msgspec.json.encode(process))

    def view(self) -> RunView:
        """The run as a console shows it, from the whole journal."""
        alive = self.alive
        return reduce(first_view(self.id, self.plan), read_events(self.journal), alive=alive)


class Watch:
    """A console's view of one run, kept up to date."""

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory
        self._follower = Follower(directory.journal)
        self.view = first_view(directory.id, directory.plan)

    def poll(self) -> bool:
        """Take in what the journal has gained. True if anything changed."""
        alive = self.directory.alive
        before, self.view = self.view, reduce(self.view, self._follower.read(), alive=alive)
        return self.view != before


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the history."""

    id: str
    kind: str
    version: str
    state: RunState
    started: str
    seconds: float
    actor: str
    """The user who started it; `root (sudo by alice)` where sudo says so."""
    target: str = ""
    subject: str = ""
    """What it was about: `20261128T020000Z-scheduled`, `to revision 3`."""
    error: dict[str, Any] = {}
    path: str = ""

    @property
    def directory(self) -> RunDirectory:
        """Its files."""
        return RunDirectory(Path(self.path))

    @property
    def unfinished(self) -> bool:
        """Whether `resume` can finish it."""
        return self.state in (RunState.DEAD, RunState.FAILED, RunState.CANCELLED)


def actor_name(actor: dict[str, Any]) -> str:
    """The person behind a run in a few words."""
    user, sudo = str(actor.get("user", "")), str(actor.get("sudo_user", ""))
    return f"{user} (sudo by {sudo})" if sudo and sudo != user else user


def create_run(runs: Path, plan: Plan) -> RunDirectory:
    """A new directory with the next free number, holding the plan. Raises OSError."""
    private_dir(runs)
    number = max((int(item.id) for item in directories(runs)), default=0) + 1
    while True:
        path = runs / f"{number:04d}-{plan.kind}"
        try:
            path.mkdir(mode=PRIVATE_DIR)
        except FileExistsError:
            number += 1
            continue
        write_atomic(path / "plan.json", msgspec.json.format(msgspec.json.encode(plan)))
        return RunDirectory(path)


def directories(runs: Path) -> list[RunDirectory]:
    """Every run's directory, oldest first. No directory: none."""
    if not runs.is_dir():
        return []
    found = [path for path in runs.iterdir() if _NAME.match(path.name) and path.is_dir()]
    return [RunDirectory(path) for path in sorted(found, key=lambda path: int(path.name.partition("-")[0]))]


def list_runs(runs: Path) -> tuple[RunSummary, ...]:
    """Every run whose plan can be read, newest first."""
    found = (_summary(item) for item in reversed(directories(runs)))
    return tuple(item for item in found if item)


def _summary(directory: RunDirectory) -> RunSummary | None:
    cache = directory.path / "summary.json"
    try:
        return msgspec.structs.replace(
            msgspec.json.decode(cache.read_bytes(), type=RunSummary), path=str(directory.path)
        )
    except (OSError, msgspec.DecodeError):
        return summarize(directory)


def summarize(directory: RunDirectory) -> RunSummary | None:
    """From the whole journal; None if there is no plan to read."""
    try:
        view = directory.view()
    except NoSuchRun:
        return None
    return RunSummary(
        id=view.id, kind=view.kind, version=view.version, state=view.state, started=view.started, target=view.target,
        subject=_subject(directory.plan, view),
        seconds=round(view.seconds, 3), actor=actor_name(view.actor), error=view.error, path=str(directory.path),
    )  # fmt: skip


def _subject(plan: Plan, view: RunView) -> str:
    """The backup that a restore found rather than the one that was asked for, which may have been the newest."""
    found = next((step.detail for step in view.steps if step.id == "check" and step.detail.startswith("backup ")), "")
    if found:
        return found.split()[1]
    words = {"backup": "{}", "revision": "to revision {}"}
    return ", ".join(text.format(plan.parameters[key]) for key, text in words.items() if plan.parameters.get(key))


def write_summary(directory: RunDirectory) -> None:
    """Keep the summary of a run that has ended, so that a long history lists fast."""
    if summary := summarize(directory):
        write_atomic(directory.path / "summary.json", msgspec.json.encode(summary))


def forget_summary(directory: RunDirectory) -> None:
    """The run goes on: what was kept is no longer true."""
    (directory.path / "summary.json").unlink(missing_ok=True)


def latest(runs: Path) -> RunDirectory | None:
    """The newest run."""
    found = directories(runs)
    return found[-1] if found else None


def active(runs: Path) -> RunDirectory | None:
    """The run that is going on now."""
    for item in reversed(directories(runs)):
        if item.alive and _readable(item) and item.view().state in GOING:
            return item
    return None


def _readable(directory: RunDirectory) -> bool:
    return (directory.path / "plan.json").is_file()


def find_run(runs: Path, name: str = "") -> RunDirectory:
    """A run by number (`7`, `0007`) or directory name; without a name the active or newest. Raises NoSuchRun."""
    if not name:
        found = active(runs) or latest(runs)
        if found is None:
            raise NoSuchRun("This site has no runs yet.", where=str(runs), remedy="Start one: sensei install")
        return found
    for item in directories(runs):
        if name == item.path.name or (name.isdigit() and int(name) == int(item.id)):
            return item
    raise NoSuchRun(f"There is no run {name}.", where=str(runs), remedy="See them all: sensei runs list")
