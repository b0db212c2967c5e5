"""Starting a runner for a plan, and for a run that has not been finished."""

from __future__ import annotations

from sensei_tui.base.errors import UsageError
from sensei_tui.base.process import python_module
from sensei_tui.runs.launch import launch
from sensei_tui.runs.lock import RunInProgress, site_lock_free
from sensei_tui.runs.model import Plan, RunState
from sensei_tui.runs.registry import RunDirectory, active, create_run, find_run
from sensei_tui.site.site import Site
from sensei_tui.site.target import target_of

WITHOUT_CLUSTER = frozenset({"load"})
"""Kinds of runs that ask no cluster for anything."""
LOCK = "lock"
"""The site's lock file, below its state directory."""


class NothingToResume(UsageError):
    """The run has ended well, or still goes on."""

    code = "nothing-to-resume"


def start(site: Site, plan: Plan) -> RunDirectory:
    """Write the plan and start its runner. Raises NoCluster, RunInProgress, RunnerNotStarted."""
    if plan.kind not in WITHOUT_CLUSTER:
        target_of(site)
    _raise_if_busy(site)
    directory = create_run(site.runs, plan)
    _launch(site, directory)
    return directory


def resume(site: Site, run_id: str = "") -> RunDirectory:
    """Start a new runner for a run that died, failed or was cancelled.

    Raises NoSuchRun, NothingToResume, RunInProgress, RunnerNotStarted.
    """
    directory = find_run(site.runs, run_id)
    state = directory.view().state
    if state is RunState.DONE:
        raise NothingToResume(f"Run {directory.id} is done: there is nothing to resume.")
    if directory.alive and state in (RunState.RUNNING, RunState.PAUSED):
        raise NothingToResume(f"Run {directory.id} is going on.", remedy="Watch it: sensei runs attach")
    _raise_if_busy(site)
    _launch(site, directory)
    return directory


def _launch(site: Site, directory: RunDirectory) -> None:
    launch(directory, python_module("sensei_tui.deploy.main", str(site.root.resolve()), directory.id))


def _raise_if_busy(site: Site) -> None:
    if site_lock_free(site.state / LOCK):
        return
    going = active(site.runs)
    name = f"run {going.id}" if going else "another run"
    remedy = "Watch it: sensei runs attach. Stop it: sensei runs cancel."
    raise RunInProgress(f"This site is busy with {name}.", where=str(site.state / LOCK), remedy=remedy)
