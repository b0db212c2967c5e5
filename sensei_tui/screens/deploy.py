"""Deploy: what is it doing, and why is it waiting? Before a run: what would it do?"""

from __future__ import annotations

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container

from sensei_tui.base import clock
from sensei_tui.base.errors import SenseiError
from sensei_tui.health.model import NotReady
from sensei_tui.runs.model import Plan, PlannedStep, RunState
from sensei_tui.runs.view import GOING, LogLine, RunView, StepView
from sensei_tui.screens.base import SenseiScreen
from sensei_tui.screens.session import Session, Topic
from sensei_tui.widgets.bars import Rule, meter
from sensei_tui.widgets.dialogs import Ask, Confirm, Pager, Text
from sensei_tui.widgets.filter import FilterMixin
from sensei_tui.widgets.lines import Line, Pane, cell, details, line, span, word, wrap
from sensei_tui.widgets.rows import Row, Rows

UNFINISHED = (RunState.FAILED, RunState.CANCELLED, RunState.DEAD)
STEP_TITLE = 26
UNCHANGED = "Nothing has been changed yet. Press s to start."


class DeployScreen(FilterMixin, SenseiScreen):
    """The plan before the start; then steps, what is not ready and why, and the log."""

    NAME = "deploy"
    TOPICS = frozenset({Topic.RUN, Topic.PLAN, Topic.OVERVIEW})
    BINDINGS = [
        Binding("enter", "why", "why", id="deploy.why"),
        Binding("s", "start", "start", id="deploy.start"),
        Binding("n", "plan", "new plan", id="deploy.plan"),
        Binding("l", "log", "log", id="deploy.log"),
        Binding("p", "pause", "pause", id="deploy.pause"),
        Binding("c", "cancel", "cancel", id="deploy.cancel"),
        Binding("r", "resume", "resume", id="deploy.resume"),
        Binding("slash", "filter", "filter", show=False),
    ]

    _log: Pager | None = None

    def body(self) -> ComposeResult:
        yield Text([line("")], id="steps")
        yield Rule(id="waiting-rule")
        yield Rows(id="waiting")
        yield Rule(id="log-rule")
        with Container(id="log-box"):
            yield Pane(id="log", follow=True)
        yield Text([line("")], id="goodbye")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#waiting", Rows).focus()
        if wants_plan(self.session):
            self.action_plan()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key is there only while it does something."""
        return applies(self.session, action)

    @property
    def shows_plan(self) -> bool:
        """See the function."""
        return shows_plan(self.session)

    def redraw(self) -> None:
        plan, run = self.session.plan, self.session.run
        self.offer_keys()
        if self.shows_plan and plan is not None:
            self._draw_plan(plan)
        elif run is not None:
            self._draw_run(run)
        else:
            self.tell("Deploy", "no run")
            self.query_one("#steps", Text).tell([line(""), line(" Making the plan: rendering both charts.")])

    def _draw_plan(self, plan: Plan) -> None:
        self.tell("Deploy", f"{plan.kind} {plan.version}", f"{len(plan.steps)} steps", right=plan.target)
        self.query_one("#steps", Text).tell([line(""), *plan_head(plan)])
        self.query_one("#waiting-rule", Rule).tell("What it will do")
        self.query_one("#waiting", Rows).set_rows(plan_rows(plan))
        self.query_one("#log-rule", Rule).tell(plan.heading if plan.changes else "")
        self.query_one("#log", Pane).show(line(" " + change) for change in plan.changes)
        self.query_one("#goodbye", Text).tell([line(span(f" {UNCHANGED}", "strong"))])

    def _draw_run(self, run: RunView) -> None:
        self.tell(*run_parts(run))
        self.query_one("#steps", Text).tell(run_head(run, self.size.width))
        self.query_one("#waiting-rule", Rule).tell(f"Not ready yet ({len(run.waiting)})" if run.waiting else "")
        self.query_one("#waiting", Rows).set_rows(waiting_rows(run.waiting, self.size.width))
        self.query_one("#log-rule", Rule).tell("Log")
        self.query_one("#log", Pane).show(log_line(item) for item in run.log)
        self.query_one("#goodbye", Text).tell([line(goodbye(run))])

    @on(Rows.Chosen, "#waiting")
    def action_why(self) -> None:
        """Why the object under the cursor is not ready; why the run failed."""
        rows, run, plan = self.query_one("#waiting", Rows), self.session.run, self.session.plan
        if self.shows_plan and plan is not None:
            step = next((item for item in plan.steps if item.id == rows.cursor), None)
            if step:
                self.app.push_screen(Pager(step.id, planned_lines(step, self.size.width - 2)))
            return
        if run is None:
            return
        item = next((item for item in run.waiting if item.object == rows.cursor), None)
        if item:
            self.app.push_screen(Pager(item.object, why_lines(item, self.size.width - 2)))
        elif run.error:
            self.app.push_screen(Pager(f"run {run.id}", error_lines(run, self.size.width - 2)))

    def action_start(self) -> None:
        """Start the plan."""
        plan = self.session.plan
        if not self.shows_plan or plan is None:
            return
        try:
            require_cluster(self.session)
        except SenseiError as error:
            self.sensei.show_error(error)
            return
        question, lost = start_question(plan)
        if plan.kind in ASKS_NAMESPACE:
            hint = f"{lost} Type the namespace's name to go on."
            ask = Ask(question, hint=hint, check=lambda name: wrong_namespace(plan, name))
            self.app.push_screen(ask, lambda name: self._start(name is not None))
        else:
            self.app.push_screen(Confirm(question, lost, "start", "not yet"), self._start)

    def _start(self, yes: bool | None) -> None:
        if yes:
            self.background(self.session.start_plan, group="start")

    def action_plan(self) -> None:
        """Make a plan from the site as it is now."""
        if applies(self.session, "plan"):
            self.background(lambda: self.session.make_plan(next_kind(self.session)), group="plan")

    def action_log(self) -> None:
        """The whole log; it grows while it is read."""
        if self.session.run:
            run = self.session.run
            self._log = Pager(f"log of run {run.id}", whole_log(run, self.size.width), follow=True)
            self.app.push_screen(self._log)

    def topic_changed(self, topic: Topic) -> None:
        """The log over this screen too."""
        super().topic_changed(topic)
        if topic is Topic.RUN and self.session.run and self._log is not None and self._log.is_current:
            self._log.tell(whole_log(self.session.run, self.size.width))

    def action_pause(self) -> None:
        """Pause after this step, or go on."""
        run = self.session.run
        if run and run.state in GOING:
            command = pause_command(run)
            self.background(lambda: self.session.control(command), group="control")

    def action_cancel(self) -> None:
        """Stop the run at a clean point."""
        run = self.session.run
        if run and run.state in GOING:
            question = Confirm(*cancel_question(run), "cancel the run", "let it go on")
            self.app.push_screen(question, self._cancel)

    def _cancel(self, yes: bool | None) -> None:
        if yes:
            self.background(lambda: self.session.control("cancel"), group="control")

    def action_resume(self) -> None:
        """Finish a run that died, failed or was cancelled."""
        if self.session.run and self.session.run.state in UNFINISHED:
            self.background(self.session.resume_run, group="start")


def shows_plan(session: Session) -> bool:
    """A plan that waits to be started comes before a run that is over."""
    run = session.run
    return session.plan is not None and (run is None or run.state not in GOING)


def wants_plan(session: Session) -> bool:
    """Whether there is nothing to show before a plan is made."""
    run = session.run
    return session.plan is None and not session.asked_for and (run is None or run.state not in GOING + UNFINISHED)


def applies(session: Session, action: str) -> bool:
    """Whether a key does something now."""
    run = session.run
    going = run is not None and run.state in GOING
    known = {
        "start": shows_plan(session), "plan": not going, "log": run is not None, "pause": going, "cancel": going,
        "resume": run is not None and run.state in UNFINISHED,
    }  # fmt: skip
    return known.get(action, True)


_ON_DEPLOYED = ("backup", "restore")
"""Runs that only make sense over something deployed, however they ended."""
ASKS_NAMESPACE = ("uninstall", "restore")
"""Runs that are agreed to with the namespace's name."""


def next_kind(session: Session) -> str:
    """What a new plan is for: `upgrade` where the watched run left Sensei deployed."""
    run = session.run
    deployed = run is not None and run.kind != "uninstall" and (run.state is RunState.DONE or run.kind in _ON_DEPLOYED)
    return "upgrade" if deployed else "install"


def require_cluster(session: Session) -> None:
    """A plan can be made without a cluster, not started, unless it touches none. Raises SenseiError."""
    from sensei_tui.deploy.start import WITHOUT_CLUSTER

    if session.target is None and not (session.plan and session.plan.kind in WITHOUT_CLUSTER):
        raise SenseiError("No cluster is configured.", remedy="Press Esc, then K or r.")


def start_question(plan: Plan) -> tuple[str, str]:
    """The question before a start, and what is lost."""
    lost = "It runs in a process of its own: you may close this terminal at any time."
    if plan.kind == "uninstall":
        lost = "Sensei stops serving. Its data, this site's Secrets and the namespace stay."
    if plan.kind == "restore":
        lost = "Sensei stops serving until it is done. What is in the stores now is replaced."
    return f"Start {plan.kind} {plan.version} on {plan.target}?", lost


def wrong_namespace(plan: Plan, name: str) -> str:
    """Why this name does not agree to what is asked, or nothing."""
    return "" if name == plan.namespace else f"That is not the namespace: it is {plan.namespace}."


def cancel_question(run: RunView) -> tuple[str, str]:
    """The question before a run is cancelled, and what is lost."""
    lost = "The step that runs is stopped cleanly. What is already installed stays; resume finishes the job."
    return f"Cancel run {run.id}?", lost


def pause_command(run: RunView) -> str:
    """`resume` for a run that is paused, else `pause`."""
    return "resume" if run.state is RunState.PAUSED else "pause"


def run_parts(run: RunView) -> tuple[str, str, str]:
    """For line 1: `install 1.0.0`, `run 0007`, `done 3m12s`."""
    seconds = f" {clock.duration(run.seconds)}" if run.state not in GOING else ""
    return f"{run.kind} {run.version}", f"run {run.id}", f"{run.state}{seconds}"


def planned_lines(step: PlannedStep, width: int) -> list[Line]:
    """One step of a plan."""
    return details([("step", step.title), ("does", step.detail), ("inputs", step.inputs)], width)


def plan_head(plan: Plan) -> list[Line]:
    """How much and how long."""
    seconds = sum(step.seconds for step in plan.steps)
    about = f", about {clock.duration(seconds)}" if seconds else ""
    head = line(span(f" The plan: {plan.kind} {plan.version} on {plan.target}", "strong"))
    return [head, line(f" {len(plan.steps)} steps{about}. Enter shows a step, s starts, Esc leaves it."), line("")]


def plan_rows(plan: Plan) -> list[Row]:
    """Every step with what it does."""
    return [
        Row(step.id, line(cell(number, 3, "dim", right=True), " ", cell(step.title, 24), span(step.detail)))
        for number, step in enumerate(plan.steps, 1)
    ]


def run_head(run: RunView, width: int) -> list[Line]:
    """Steps in two columns, then the progress bar."""
    half = (len(run.steps) + 1) // 2
    columns = 2 if width < 120 else 3
    half = -(-len(run.steps) // columns)
    rows = [line(" ", *[piece for column in range(columns) for piece in step_cells(run, number + column * half)])
            for number in range(half)]  # fmt: skip
    return [line(""), *rows, progress(run, width), line(span(f" {byte_text(run)}", "dim"))]


def step_cells(run: RunView, index: int) -> tuple[tuple[str, str], ...]:
    """Number, state, title and time of one step; nothing where there is none."""
    if index >= len(run.steps):
        return ()
    step: StepView = run.steps[index]
    took = clock.duration(step.seconds) if step.seconds else ""
    number = cell(index + 1, 2, "dim", right=True)
    title = cell(step.title, STEP_TITLE - 6)
    return (number, span(" "), word(step.state, 5), title, cell(took, 7, right=True), span("   "))


def progress(run: RunView, width: int) -> Line:
    """`[####----] 61 %   about 2m left`: only what is known."""
    if run.state is RunState.DONE:
        return line(span(f" Done in {clock.duration(run.seconds)}.", "ok"))
    if run.state in UNFINISHED:
        return line(span(f" {failure(run)}", "fail"))
    return line(" ", span(meter(run.fraction, min(52, width - 28)), "strong"), f" {share(run)}")


def byte_text(run: RunView) -> str:
    """`1.3 GB of 2.9 GB, 312 MB/s, 5s left`, while bytes are sent."""
    return run.step.text if run.state in GOING and run.step and run.step.unit == "bytes" else ""


def share(run: RunView) -> str:
    """`61 %   about 2m left`: only what is known."""
    left = f"   about {clock.age(run.eta)} left" if run.eta else ""
    return f"{run.fraction * 100:.0f} %{left}"


def failure(run: RunView) -> str:
    """What stopped the run, in one sentence, and what to do."""
    if run.state is RunState.DEAD:
        return "The runner is gone and the job is unfinished. Press r to resume."
    what = run.error.get("what", "") if run.error else ""
    if run.state is RunState.CANCELLED:
        return "Cancelled. Press r to resume, n for a new plan."
    return f"{what} Enter: why. r: resume." if what else "It failed. Press Enter for why, r to resume."


def waiting_rows(waiting: tuple[NotReady, ...], width: int) -> list[Row]:
    """Each object with its first reason; under it the reason in a sentence, and the last line of its log."""
    rows: list[Row] = []
    for item in waiting:
        why = item.why[0] if item.why else None
        shown = line(
            cell(item.object, 38), cell(f"{item.ready}/{item.desired}", 6), span(why.reason if why else "starting")
        )
        rows.append(Row(item.object, shown))
        below = [why.sentence, f"last log: {why.last_log}" if why.last_log else ""] if why else []
        rows += [Row("", line(span(f"     {text}", "dim"))) for part in below if part for text in wrap(part, width - 8)]
    return rows


def why_lines(item: NotReady, width: int) -> list[Line]:
    """Everything known about one object that is not ready."""
    lines = [line(""), line(span(f" {item.object}  {item.ready} of {item.desired} ready", "strong")), line("")]
    for why in item.why:
        parts = [("object", why.object), ("reason", why.reason), ("what", why.sentence)]
        parts += [("last log", why.last_log), ("do", why.remedy)]
        lines += details(parts, width)
        lines.append(line(""))
    return lines


def error_lines(run: RunView, width: int) -> list[Line]:
    """The error a run ended with."""
    labels = (("what", "what"), ("where", "where"), ("why", "why"), ("do", "remedy"))
    parts = [(label, str(run.error.get(key, ""))) for label, key in labels]
    return [line(""), *details(parts, width)]


def log_line(item: LogLine) -> Line:
    """`00:02:10 helm   created Deployment/sensei-kora`."""
    return line(" ", span(item.at[11:19], "dim"), " ", cell(item.source, 7, "dim"), span(item.text))


def log_lines(item: LogLine, width: int) -> list[Line]:
    """The same, wrapped: nothing of it is cut."""
    rows = wrap(item.text, width - 20)
    return [log_line(msgspec.structs.replace(item, text=rows[0])), *(line(" " * 19, span(row)) for row in rows[1:])]


def whole_log(run: RunView, width: int) -> list[Line]:
    """The run's log as far as the view keeps it."""
    return [row for item in run.log for row in log_lines(item, width)]


def goodbye(run: RunView) -> tuple[str, str]:
    """What to know before closing the terminal."""
    if run.state in GOING:
        return span(f" You may close this terminal: the run goes on.   sensei runs attach {run.id}", "dim")
    if run.state is RunState.DONE and run.kind == "uninstall":
        return span(" Sensei is gone, its data and Secrets are kept. n plans an installation on them.", "dim")
    if run.state is RunState.DONE:
        return span(" Press Esc, then 4: the health board shows what runs.", "dim")
    return span(f" The whole record: sensei runs show {run.id}", "dim")
