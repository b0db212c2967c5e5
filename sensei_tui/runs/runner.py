"""The process that does a run: executes steps in order, writes the journal, listens to consoles.

It outlives every console. Killed, it leaves a journal from which the next runner goes on (`resumed`).
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sensei_tui.base import clock
from sensei_tui.base.errors import ExitCode, SenseiError
from sensei_tui.base.process import ProcessRef
from sensei_tui.base.redaction import Redactor
from sensei_tui.runs.context import Step, StepContext, StepStopped, StopSignal
from sensei_tui.runs.control import ControlServer, Peer
from sensei_tui.runs.journal import JournalWriter, finished_inputs, read_events
from sensei_tui.runs.launch import read_actor
from sensei_tui.runs.lock import SiteLock
from sensei_tui.runs.model import PlannedStep, RunState, StepState
from sensei_tui.runs.registry import RunDirectory, directories, forget_summary, write_summary

EXIT = {RunState.DONE: ExitCode.OK, RunState.CANCELLED: ExitCode.FINDING}
"""Exit status of a runner process; anything else is `REMOTE`."""


class RunCancelled(SenseiError):
    """An operator cancelled the run."""

    code = "cancelled"


class Runner:
    """Does the steps of one run, once. `lock` is the site's lock file."""

    def __init__(self, directory: RunDirectory, steps: Sequence[Step], redact: Redactor, lock: Path) -> None:
        self.directory = directory
        self.redact = redact
        self._steps = steps
        self._known = known_inputs(directory.path.parent)
        self._resumed = directory.journal.exists()
        self._journal = JournalWriter(directory.journal, redact)
        self._lock = SiteLock(lock)
        self._stop = StopSignal()
        self._wish = ""
        """Why the running step was told to stop: `cancel`, `retry`, or `abort`."""
        self._asking = threading.Lock()
        self._abort_error: SenseiError | None = None
        self._pause = False
        self._go_on = threading.Event()
        self._running: PlannedStep | None = None
        self._held = ExitStack()

    def run(self) -> RunState:
        """All steps. Never raises SenseiError: how it ended is in the journal, and returned."""
        self.directory.record_runner(ProcessRef.of(os.getpid()))
        forget_summary(self.directory)
        started = {"resumed": self._resumed, "repaired": self._journal.repaired, "pid": os.getpid()}
        plan = self.directory.plan
        actor = read_actor(self.directory.path)
        self._journal.write("run.started", kind=plan.kind, actor=actor, host=socket.gethostname(), **started)
        try:
            with ControlServer(self.directory.path, self._command):
                self._listen_to_signals()
                state, error = self._attempt()
        except BaseException as defect:
            self._finish(RunState.FAILED, _defect(defect))
            raise
        self._finish(state, error)
        return state

    def _attempt(self) -> tuple[RunState, dict[str, Any]]:
        try:
            self._lock.acquire(f"run {self.directory.id}")
            with self._held:
                self._execute()
        except RunCancelled as error:
            return RunState.CANCELLED, error.as_dict()
        except SenseiError as error:
            step = {"step": self._running.title} if self._running else {}
            return RunState.FAILED, {**error.as_dict(), **step}
        return RunState.DONE, {}

    def _finish(self, state: RunState, error: dict[str, Any]) -> None:
        self._journal.write("run.finished", state=state, **({"error": error} if error else {}))
        self._journal.close()
        write_summary(self.directory)
        self._lock.release()

    # Steps.

    def _execute(self) -> None:
        for step in self._steps:
            self._between_steps()
            self._running = step.spec
            while not self._once(step):
                self._forget_retry()
        self._running = None

    def _once(self, step: Step) -> bool:
        """Do one step. False: it is to be done again. Raises SenseiError."""
        spec, began = step.spec, clock.monotonic()
        context = StepContext(spec.id, self._journal, self._stop, self._held, self.abort)
        self._journal.write("step.started", spec.id, inputs=spec.inputs)
        try:
            state, detail = self._do(step, context)
        except SenseiError as error:
            return self._stopped(spec, began, error)
        except BaseException as defect:
            self._step_finished(spec, StepState.FAILED, began, "", _defect(defect))
            raise
        self._step_finished(spec, state, began, detail)
        return True

    def _do(self, step: Step, context: StepContext) -> tuple[StepState, str]:
        context.check()
        if self._known.get(step.spec.id) == step.spec.inputs and step.is_done(context):
            return StepState.SKIPPED, "done before, and still in place"
        return StepState.OK, step.do(context)

    def _stopped(self, spec: PlannedStep, began: float, error: SenseiError) -> bool:
        """A step raised: because it was told to stop, or by itself."""
        if not self._wish:
            self._step_finished(spec, StepState.FAILED, began, "", error.as_dict())
            raise error
        if not isinstance(error, StepStopped):
            self._journal.write("log", spec.id, source="runner", text=f"while stopping: {error.what} {error.why}")
        if self._abort_error is not None:
            self._step_finished(spec, StepState.FAILED, began, "", self._abort_error.as_dict())
            raise self._abort_error
        self._step_finished(spec, StepState.CANCELLED, began, f"stopped: {self._wish}")
        if self._wish == "retry":
            return False
        raise self._cancelled()

    def _step_finished(
        self, spec: PlannedStep, state: StepState, began: float, detail: str, error: dict[str, Any] | None = None
    ) -> None:
        seconds = round(clock.monotonic() - began, 3)
        extra = {"error": error} if error else {}
        self._journal.write(
            "step.finished", spec.id, state=state, seconds=seconds, detail=detail, inputs=spec.inputs, **extra
        )

    def _between_steps(self) -> None:
        """The safe point: stop or pause here."""
        if self._pause and not self._wish:
            self._journal.write("run.paused")
            self._go_on.wait()
            self._go_on.clear()
            if not self._wish:
                self._journal.write("run.continued")
        if self._abort_error is not None:
            raise self._abort_error
        if self._wish == "cancel":
            raise self._cancelled()
        self._forget_retry()

    def _forget_retry(self) -> None:
        """A wish to cancel or abort is never forgotten."""
        with self._asking:
            if self._wish == "retry":
                self._wish = ""
                self._stop.clear()

    def _cancelled(self) -> RunCancelled:
        remedy = f"Finish it later: sensei runs resume {self.directory.id}"
        return RunCancelled("The run was cancelled.", why="an operator asked for it", remedy=remedy)

    # What consoles, signals and guards ask for; any thread.

    def cancel(self) -> None:
        """Stop the step that runs, cleanly, and end the run."""
        self._ask("cancel")

    def abort(self, error: SenseiError) -> None:
        """Stop the step that runs, cleanly, and fail the run with this error."""
        self._abort_error = self._abort_error or error
        self._ask("abort")

    def _ask(self, wish: str) -> None:
        with self._asking:
            if self._wish not in ("cancel", "abort"):
                self._wish = wish
            self._pause = False
            self._go_on.set()
        self._stop.set()

    def _command(self, command: str, args: dict[str, Any], peer: Peer) -> dict[str, Any]:
        if command != "status":
            self._journal.write("control", command=command, actor=peer.as_actor())
        if command == "cancel":
            self.cancel()
        elif command == "retry":
            self._retry()
        elif command == "pause":
            self._go_on.clear()
            self._pause = True
        elif command == "resume":
            self._pause = False
            self._go_on.set()
        return {"step": self._running.id if self._running else "", "pausing": self._pause, "stopping": self._wish}

    def _retry(self) -> None:
        if self._running is None:
            raise ValueError("no step is running")
        self._ask("retry")

    def _listen_to_signals(self) -> None:
        """SIGTERM cancels, from a thread of its own: a handler may not wait for a lock. SIGHUP is ignored."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=self.cancel, name="cancel").start())


def known_inputs(runs: Path) -> dict[str, str]:
    """Step id -> inputs with which it last ended well in any run of this site."""
    known: dict[str, str] = {}
    for directory in directories(runs):
        finished_inputs(read_events(directory.journal), known)
    return known


def _defect(defect: BaseException) -> dict[str, Any]:
    """A crash of ours in words: where and what kind, but no values, which could be secrets."""
    frames = traceback.extract_tb(defect.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    remedy = "This is a defect of this program. sensei runs resume may get further; please report it."
    what = f"The runner stopped on an unexpected {type(defect).__name__}."
    return {"code": "internal", "what": what, "where": where, "remedy": remedy}
