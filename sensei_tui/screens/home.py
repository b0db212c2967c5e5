"""Home: what is to be done next?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding

from sensei_tui.base.text import bytes_si, plural
from sensei_tui.screens.base import SenseiScreen
from sensei_tui.screens.session import Topic
from sensei_tui.widgets.dialogs import Ask, Text
from sensei_tui.widgets.lines import Line, cell, details, labelled, line, span, word
from sensei_tui.widgets.rows import Row, Rows

if TYPE_CHECKING:
    from sensei_tui.deploy.overview import GuidedStep, Overview
    from sensei_tui.health.model import Health

NEXT = "What to do next:"
KUBECONFIG = "Path of the kubeconfig"
KUBECONFIG_HINT = "A file in kubeconfig form. Its current context is used; change it with 'context' in site.yaml."


class HomeScreen(SenseiScreen):
    """The site, the guided steps with their state, and the next one in words."""

    NAME = "home"
    TOPICS = frozenset({Topic.OVERVIEW, Topic.CLUSTER, Topic.RUN, Topic.REPORT})
    BINDINGS = [
        Binding("enter", "open", "open", id="home.open"),
        Binding("1", "app.go('configure')", "go", key_display="1-6", id="home.go"),
        Binding("2", "app.go('preflight')", "preflight", show=False),
        Binding("3", "app.go('deploy')", "deploy", show=False),
        Binding("4", "app.go('health')", "health", show=False),
        Binding("5", "app.go('history')", "history", show=False),
        Binding("6", "app.go('bundle')", "bundle", show=False),
        Binding("r", "rehearse", "rehearse", id="home.rehearse"),
        Binding("K", "kubeconfig", "kubeconfig", id="home.kubeconfig"),
        Binding("p", "app.profile", "profile", id="profile"),
        Binding("question_mark", "app.help", "help", id="help"),
        Binding("q", "app.quit", "quit", id="quit"),
        Binding("ctrl+l", "app.redraw", "redraw", id="redraw"),
    ]

    def body(self) -> ComposeResult:
        yield Text([line("")], id="next")
        yield Rows(id="steps")
        yield Text([line("")], id="facts")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#steps", Rows).focus()

    def offer_keys(self) -> None:
        """Home has no way home: its own keys are all there are."""
        from sensei_tui.widgets.bars import KeyLine

        self.query_one(KeyLine).offer([item for item in self.BINDINGS if isinstance(item, Binding)])

    def on_screen_resume(self) -> None:
        """Ages and states are those of now."""
        super().on_screen_resume()
        if self.session.overview is not None:
            self.background(self.session.refresh, group="refresh")

    def redraw(self) -> None:
        """The whole screen from the overview and the cluster's picture."""
        found = self.session.overview
        if found is None:
            self.tell("reading the site")
            return
        self.tell(found.version, found.cluster, found.run)
        self.query_one("#next", Text).tell(next_lines(found, self.size.width))
        self.query_one("#steps", Rows).set_rows(step_rows(found, self.session.health))
        facts = fact_lines(found, self.session.health, self.session.trouble, self.size.width)
        if self.sensei.profile.ascii:
            facts += details([("Terminal", f"{self.sensei.line_words}. p: another")], self.size.width)
        self.query_one("#facts", Text).tell(facts)

    @on(Rows.Chosen, "#steps")
    def open_step(self, event: Rows.Chosen) -> None:
        """Enter on a step opens its screen."""
        self.sensei.action_go(event.key)

    def action_open(self) -> None:
        """Enter anywhere on Home opens the step under the cursor."""
        self.query_one("#steps", Rows).action_choose()

    def action_rehearse(self) -> None:
        """Use the simulated cluster."""
        if not self.session.site.config.rehearsal:
            self.background(self.session.rehearse, group="cluster")

    def action_kubeconfig(self) -> None:
        """Name a kubeconfig."""
        value = str(Path("~/.kube/config").expanduser())
        question = Ask(KUBECONFIG, value=value, hint=KUBECONFIG_HINT, check=readable)
        self.app.push_screen(question, self._use_kubeconfig)

    def _use_kubeconfig(self, path: str | None) -> None:
        if path:
            self.background(lambda: self.session.use_kubeconfig(Path(path).expanduser(), ""), group="cluster")


def readable(path: str) -> str:
    """Why this path will not do, or nothing."""
    return "" if Path(path).expanduser().is_file() else "There is no such file."


def next_lines(found: Overview, width: int) -> list[Line]:
    """`What to do next: ...`."""
    return [line(""), *labelled(NEXT, found.next_step, width, label_width=len(NEXT) + 3, role="strong"), line("")]


def step_rows(found: Overview, health: Health | None) -> list[Row]:
    """The guided steps with their state."""
    return [
        Row(step.key, line(f"{number} ", cell(step.title, 12), word(state, 8), span(text)))
        for number, step in enumerate(found.steps, 1)
        for state, text in [_state(step, found, health)]
    ]


def _state(step: GuidedStep, found: Overview, health: Health | None) -> tuple[str, str]:
    """Files don't tell how the platform is: the cluster's picture does, once there is one."""
    if step.key == "health" and found.deployed and health is not None:
        return health.word, health.headline
    return step.word, step.text


def fact_lines(found: Overview, health: Health | None, trouble: str, width: int) -> list[Line]:
    """Cluster, licence and the site's place."""
    return [line(""), *details([("Cluster", cluster_fact(found, health, trouble)), *found.facts], width)]


def cluster_fact(found: Overview, health: Health | None, trouble: str) -> str:
    """`5 of 5 nodes ready, 64 of 96 cores and 210 of 320 GB free, 2 GPUs`."""
    if not found.configured:
        return "none configured"
    if trouble:
        return f"not reachable: {trouble}"
    if health is None or not health.nodes:
        return "connecting"
    nodes = health.nodes
    ready = sum(node.word == "ok" for node in nodes)
    cores = sum(node.cpu_allocatable for node in nodes) // 1000
    used = sum(node.cpu_requested for node in nodes) / 1000
    memory = sum(node.memory_allocatable for node in nodes)
    free = memory - sum(node.memory_requested for node in nodes)
    gpus = sum(node.gpus_allocatable for node in nodes)
    text = f"{ready} of {len(nodes)} nodes ready, {cores - used:.0f} of {cores} cores and "
    text += f"{bytes_si(free).removesuffix(' GB')} of {bytes_si(memory)} free"
    return text + (f", {plural(gpus, 'GPU')}" if gpus else "")
