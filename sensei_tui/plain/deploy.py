"""Deploy, as lines: the plan before the start; then steps, what is not ready and why, and the log."""

from __future__ import annotations

from collections.abc import Iterable

from sensei_tui.plain.follow import follow
from sensei_tui.plain.page import AGAIN, Page
from sensei_tui.plain.talk import Back
from sensei_tui.runs.model import Plan, RunState
from sensei_tui.runs.registry import RunDirectory, find_run
from sensei_tui.runs.view import GOING, RunView
from sensei_tui.screens import deploy as screen
from sensei_tui.screens.base import Key
from sensei_tui.widgets.lines import Line, line
from sensei_tui.widgets.rows import Row

LOG_LINES = 5
"""Of the log, below what is not ready; `l` has the rest."""


class DeployPage(Page):
    """A plan's steps, or the objects that are not ready, as rows."""

    NAME = "deploy"
    SCREEN = screen.DeployScreen
    LETTERS = {"why": "w"}
    EXTRA = (
        Key("f", "follow", "follow the run line by line; Enter gives the prompt back"),
        Key("t", "retry", "stop the running step and do it again"),
    )
    WORDS = {
        "why": "why the run ended so", "start": "start the plan", "plan": "make a new plan; nothing is changed",
        "log": "the whole log", "cancel": "cancel the run at a clean point", "resume": "finish the run",
    }  # fmt: skip

    @property
    def plan(self) -> Plan | None:
        """The plan, where it is what is shown."""
        return self.session.plan if screen.shows_plan(self.session) else None

    def enter(self) -> None:
        """With nothing to show, a plan is made; a run that was attached to is followed."""
        attempt, self.console.attach = self.console.attach, None
        if attempt:
            self._follow(attempt)
        elif attempt is None and screen.wants_plan(self.session):
            self.do_plan()

    def title(self) -> tuple[str, ...]:
        plan, run = self.plan, self.session.run
        if plan is not None:
            return "Deploy", f"{plan.kind} {plan.version}", f"{len(plan.steps)} steps", plan.target
        return screen.run_parts(run) if run is not None else ("Deploy", "no run")

    def head(self) -> Iterable[Line]:
        plan, run = self.plan, self.session.run
        if plan is not None:
            return screen.plan_head(plan)
        return _run_head(run) if run is not None else [line("There is no plan: n makes one.")]

    def rows(self) -> list[Row]:
        plan, run = self.plan, self.session.run
        if plan is not None:
            # The step's own number is the number of the line.
            return [Row(row.key, row.line[1:]) for row in screen.plan_rows(plan)]
        return screen.waiting_rows(run.waiting, self.talk.width) if run is not None else []

    def foot(self) -> Iterable[Line]:
        plan, run = self.plan, self.session.run
        if plan is not None:
            heading = [line(plan.heading), *(line(f"  {change}") for change in plan.changes)] if plan.changes else []
            return [*heading, line(screen.UNCHANGED)]
        if run is None:
            return []
        log = [screen.log_line(item) for item in run.log[-LOG_LINES:]]
        return [*([line("Log, the last lines"), *log] if log else []), line(screen.goodbye(run))]

    def applies(self, action: str) -> bool:
        run = self.session.run
        if action == "why":
            return self.plan is None and run is not None and bool(run.error)
        if action in ("follow", "retry"):
            return run is not None and run.state in GOING
        return screen.applies(self.session, action) and super().applies(action)

    def words(self, key: Key) -> str:
        run = self.session.run
        if key.action == "pause" and run is not None:
            return "go on" if screen.pause_command(run) == "resume" else "pause after this step"
        return super().words(key)

    def open(self, key: str) -> bool:
        plan, run = self.plan, self.session.run
        step = next((step for step in plan.steps if step.id == key), None) if plan is not None else None
        if step is not None:
            return self.text(step.id, screen.planned_lines(step, self.talk.width))
        item = next((item for item in run.waiting if item.object == key), None) if run is not None else None
        if item is not None:
            return self.text(item.object, screen.why_lines(item, self.talk.width))
        self.talk.say(f"{key} is ready by now.")
        return AGAIN

    def do_why(self) -> bool:
        """Why the run ended so."""
        run = self.session.run
        return self.text(f"run {run.id}", screen.error_lines(run, self.talk.width)) if run is not None else False

    def do_plan(self) -> bool:
        """Make a plan from the site as it is now."""
        kind = screen.next_kind(self.session)
        self.console.work("Making the plan: rendering both charts", lambda: self.session.make_plan(kind))
        return AGAIN

    def do_start(self) -> bool:
        """Start the plan, after a question, and follow it."""
        plan = self.plan
        if plan is None:
            return AGAIN
        screen.require_cluster(self.session)
        if not self._agreed(plan):
            raise Back
        self.console.work("Starting the run", self.session.start_plan)
        return self._follow()

    def _agreed(self, plan: Plan) -> bool:
        """What takes something away is agreed to with the namespace's name, as on the command line."""
        question, lost = screen.start_question(plan)
        if plan.kind not in screen.ASKS_NAMESPACE:
            return self.console.confirm(question, lost)
        self.talk.say(question)
        self.talk.say(lost, 2)
        typed = self.talk.ask(f"Type the namespace ({plan.namespace}) to go on (Enter: no):").strip()
        if typed and typed != plan.namespace:
            self.talk.say(f"{typed[:60]!r} is not the namespace.")
        return typed == plan.namespace

    def do_follow(self) -> bool:
        """Follow the run from here on."""
        run = self.session.run
        if run is not None:
            self.console.told.setdefault(run.id, run.seq)
        return self._follow()

    def _follow(self, attempt: int = 1) -> bool:
        """Until the run ends, or Enter; what was typed is the next answer."""
        directory = self._directory()
        typed = follow(self.talk, directory, self.console.told, attempt=attempt)
        self.session.poll()
        self.session.refresh()
        self.console.news.mark()
        if typed is None:
            return AGAIN
        self.talk.say("The run goes on. f follows it again.")
        return self.answer(typed) if typed.strip() not in ("", "0") else False

    def _directory(self) -> RunDirectory:
        return find_run(self.session.site.runs, self.session.run_id)

    def do_log(self) -> bool:
        """The whole log."""
        run = self.session.run
        if run is None:
            return AGAIN
        return self.text(f"log of run {run.id}", screen.whole_log(run, self.talk.width), outside=True)

    def do_pause(self) -> bool:
        """Pause after this step, or go on."""
        run = self.session.run
        if run is None:
            return AGAIN
        command = screen.pause_command(run)
        self._control(command)
        self.talk.say("The run goes on." if command == "resume" else "The run pauses after this step; p goes on then.")
        return False

    def do_retry(self) -> bool:
        """Stop the running step and do it again."""
        self._control("retry")
        self.talk.say("The running step is done again.")
        return False

    def do_cancel(self) -> bool:
        """Stop the run at a clean point."""
        run = self.session.run
        if run is None or not self.console.confirm(*screen.cancel_question(run)):
            raise Back
        self._control("cancel")
        self.talk.say("The run is being cancelled.")
        return False

    def _control(self, command: str) -> None:
        self.console.work("Telling the runner", lambda: self.session.control(command))

    def do_resume(self) -> bool:
        """Finish a run that died, failed or was cancelled, and follow it."""
        run = self.session.run
        if run is None or run.state not in screen.UNFINISHED:
            return AGAIN
        self.console.told[run.id] = run.seq
        self.console.work("Starting the run", self.session.resume_run)
        return self._follow(run.attempts + 1)


def _run_head(run: RunView) -> list[Line]:
    """Every step on a line of its own, then how far it is."""
    # `step 1`, not `1`: that is an answer.
    steps = [line(f" step {number + 1:<3}", *screen.step_cells(run, number)[1:]) for number in range(len(run.steps))]
    over = run.state is RunState.DONE or run.state in screen.UNFINISHED
    told = f", {text}" if (text := screen.byte_text(run)) else ""
    share = screen.progress(run, 0) if over else line(f"{screen.share(run)}{told}")
    waiting = [line(f"Not ready yet ({len(run.waiting)})")] if run.waiting else []
    return [*steps, share, *waiting]
