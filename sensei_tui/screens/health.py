"""Health: is Sensei well?"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container

from sensei_tui.base import clock
from sensei_tui.base.text import bytes_iec, clip_name
from sensei_tui.health.model import ComponentHealth, Health, NodeHealth, PodHealth, ServiceHealth, Word
from sensei_tui.screens.base import SenseiScreen
from sensei_tui.screens.session import Session, Topic
from sensei_tui.widgets.bars import Rule, meter
from sensei_tui.widgets.dialogs import Choose, Pager, Text
from sensei_tui.widgets.filter import FilterMixin
from sensei_tui.widgets.lines import Line, Pane, cell, details, labelled, line, paragraphs, span, word
from sensei_tui.widgets.rows import Row, Rows

VIEWS = {"components": "components", "pods": "pods", "services": "services", "nodes": "nodes"}

POD_NAME = 35
"""Characters of a pod's name where the terminal has 80 columns."""


class HealthScreen(FilterMixin, SenseiScreen):
    """The component tree of the guide's drawing; pods, services with endpoints, nodes."""

    NAME = "health"
    TOPICS = frozenset({Topic.CLUSTER})
    BINDINGS: ClassVar = [
        Binding("l", "logs", "logs", id="health.logs"),
        Binding("d", "describe", "describe", id="health.describe"),
        Binding("y", "yaml", "yaml", id="health.yaml"),
        Binding("f", "forward", "dashboard", id="health.forward"),
        Binding("c", "view('components')", "components", show=False),
        Binding("p", "view('pods')", "views", key_display="c p s n", id="health.views"),
        Binding("s", "view('services')", "services", show=False),
        Binding("n", "view('nodes')", "nodes", show=False),
        Binding("slash", "filter", "filter", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.view = "components"

    def body(self) -> ComposeResult:
        yield Text([line("")], id="headline")
        with Container(id="split"):
            yield Rows(id="board")
            with Container(id="side"):
                yield Rule(id="side-rule")
                yield Pane(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#board", Rows).focus()

    def redraw(self) -> None:
        health, session = self.session.health, self.session
        rows = board_rows(health, self.view) if health else []
        self.tell("Health", counted(rows, self.view), right=watching(session))
        self.query_one("#headline", Text).tell(
            [line(""), headline(health, session.trouble, session.target is None), line("")]
        )
        self.query_one("#board", Rows).set_rows(rows)
        self._draw_detail()

    def _draw_detail(self) -> None:
        health, key = self.session.health, self.query_one("#board", Rows).cursor
        pane = self.query_one("#detail", Pane)
        pane.show(detail_lines(health, self.view, key, max(40, pane.size.width)) if health else [])

    @on(Rows.Moved, "#board")
    def show_detail(self) -> None:
        """The detail follows the cursor."""
        self._draw_detail()

    @on(Rows.Chosen, "#board")
    def open_row(self, event: Rows.Chosen) -> None:
        """Enter on a component or a node shows its detail over the whole screen; on a pod its logs."""
        if self.view == "pods":
            self._logs_of(event.key)
        elif self.session.health:
            lines = detail_lines(self.session.health, self.view, event.key, self.size.width - 2)
            self.app.push_screen(Pager(event.key, lines))

    def action_view(self, view: str) -> None:
        """Components, pods, services or nodes."""
        self.view = view
        self.redraw()
        self.query_one("#board", Rows).action_jump(-1)

    def _with_pod(self, then: str) -> None:
        key, health = self.query_one("#board", Rows).cursor, self.session.health
        act = getattr(self, then)
        if not key or health is None:
            return
        pods = pods_of(health, self.view, key)
        if len(pods) == 1:
            act(pods[0])
        elif pods:
            ask = Choose("Which pod?", [(name, name) for name in pods])
            self.app.push_screen(ask, lambda name: act(name) if name else None)

    def action_logs(self) -> None:
        """The last log lines of the pod under the cursor."""
        self._with_pod("_logs_of")

    def _logs_of(self, pod: str) -> None:
        def show(lines: list[str]) -> None:
            self.app.push_screen(Pager(f"logs {pod}", pod_log_lines(lines)))

        self.background(lambda: self.session.pod_logs(pod), show, group="logs")

    def action_describe(self) -> None:
        """What is known of the object under the cursor, with its events."""
        self._object("describe", self.session.describe)

    def action_yaml(self) -> None:
        """The object as the API gives it."""
        self._object("yaml", self.session.object_yaml)

    def _object(self, what: str, read: Callable[[str, str], str]) -> None:
        key, health = self.query_one("#board", Rows).cursor, self.session.health
        if not key or health is None:
            return
        kind, name = object_of(health, self.view, key)

        def show(text: str) -> None:
            self.app.push_screen(Pager(f"{what} {kind}/{name}", paragraphs(text)))

        if name:
            self.background(lambda: read(kind, name), show, group="object")

    def action_forward(self) -> None:
        """Open a port on this machine to the dashboard, or close it."""

        def show(url: str) -> None:
            self.app.push_screen(Pager("dashboard", forward_lines(url)))

        self.background(self.session.toggle_forward, show, group="forward")


def watching(session: Session) -> str:
    """`watching`, or what is wrong with the watch; nothing before the first picture."""
    if session.health is None:
        return ""
    return (session.snapshot.trouble if session.snapshot else "") or "watching"


def counted(rows: list[Row], view: str) -> str:
    """`components`, `34 pods`."""
    return view if view == "components" else f"{len(rows)} {view}"


def pod_log_lines(lines: list[str]) -> list[Line]:
    """A pod's log as lines."""
    return paragraphs("\n".join(lines) or "No log lines yet.")


def forward_lines(url: str) -> list[Line]:
    """Where the dashboard answers, or that the port is closed."""
    text = f"\n The dashboard answers at {url}\n on this machine while this console runs.\n\n"
    text += " From another machine:\n ssh -L 8080:" + url.removeprefix("http://") + " THIS-HOST\n"
    return paragraphs(text if url else "\n The port is closed.")


def headline(health: Health | None, trouble: str, unconfigured: bool) -> Line:
    """The answer in one line."""
    if unconfigured:
        return line(span(" No cluster is configured. Press Esc, then K for a kubeconfig or r to rehearse.", "strong"))
    if health is None:
        return line(
            span(f" The cluster is not reachable: {trouble}" if trouble else " Connecting to the cluster.", "strong")
        )
    onward = "   Press Esc, then 3 for the first plan." if health.word is Word.SKIP else ""
    return line(" ", word(health.word), "  ", span(health.headline, "strong"), span(onward, "dim"))


def board_rows(health: Health, view: str, names: int = POD_NAME) -> list[Row]:
    """The rows of one view."""
    if view == "pods":
        return [_pod_row(pod, names) for pod in health.pods]
    if view == "services":
        return [_service_row(service) for service in health.services]
    if view == "nodes":
        return [_node_row(node) for node in health.nodes]
    rows: list[Row] = []
    for group in dict.fromkeys(component.group for component in health.components):
        rows.append(Row("", line(span(group, "title"))))
        rows += [_component_row(component) for component in health.components if component.group == group]
    return rows


def _component_row(component: ComponentHealth) -> Row:
    count = "external" if component.external else f"{component.ready}/{component.desired}"
    why = component.why[0].sentence if component.why else ""
    text = line("  ", cell(component.title, 17), cell(count, 9), word(component.word, 6), span(why))
    return Row(component.name, text, f"{component.title} {component.word} {why}")


def _pod_row(pod: PodHealth, names: int = POD_NAME) -> Row:
    state = (word(pod.word, 5), cell(pod.status, 18), cell(pod.restarts, 4, right=True))
    return Row(
        pod.name, line(cell(clip_name(pod.name, names), names + 1), cell(pod.ready, 6), *state, " ", span(pod.node))
    )


def _service_row(service: ServiceHealth) -> Row:
    endpoints = cell(f"{service.ready}/{service.total} ready", 11)
    kind = (word(service.word, 6), endpoints, cell(service.type, 11), span(service.ports))
    return Row(service.name, line(cell(service.name, 28), *kind))


def _node_row(node: NodeHealth) -> Row:
    share = node.cpu_requested / node.cpu_allocatable if node.cpu_allocatable else 0
    cpu = f"{node.cpu_requested / 1000:.1f}/{node.cpu_allocatable / 1000:.0f} cores"
    load = (span(meter(share, 14)), span(" "), cell(cpu, 16), cell(f"{node.pods} pods", 9))
    return Row(node.name, line(cell(node.name, 16), word(node.word, 6), *load, span(node.conditions or node.version)))


def detail_lines(health: Health, view: str, key: str, width: int) -> list[Line]:
    """What is known of the row under the cursor."""
    if view == "components":
        return next((_component_detail(item, width) for item in health.components if item.name == key), [])
    if view == "pods":
        return next((_pod_detail(item, width) for item in health.pods if item.name == key), [])
    if view == "nodes":
        return next((_node_detail(item, width) for item in health.nodes if item.name == key), [])
    return next((_service_detail(item) for item in health.services if item.name == key), [])


def _component_detail(component: ComponentHealth, width: int) -> list[Line]:
    head = line(
        " ",
        span(component.title, "title"),
        f"  {component.workload or ('external' if component.external else 'not deployed')}",
    )
    services = [row for service in component.services for row in _service_detail(service)]
    pods = [line("   ", *_pod_row(pod).line) for pod in component.pods]
    whys = [row for why in component.why for text in (why.sentence, why.last_log, why.remedy) if text
            for row in labelled(_label(why.sentence, why.last_log, text), text, width)]  # fmt: skip
    return [head, *services, *pods, *whys]


def _label(sentence: str, last_log: str, text: str) -> str:
    return "why" if text == sentence else "last log" if text == last_log else "do"


def _pod_detail(pod: PodHealth, width: int) -> list[Line]:
    age = clock.age((clock.now() - clock.parse(pod.created)).total_seconds()) if pod.created else ""
    head = line(" ", span(pod.name, "title"), f"  {pod.status}  on {pod.node or 'no node yet'}  {age} old")
    why = pod.why
    parts = [("why", why.sentence), ("last log", why.last_log), ("do", why.remedy)] if why else []
    return [head, *details(parts, width)]


def _service_detail(service: ServiceHealth) -> list[Line]:
    return [
        line(f"   {service.name}  {service.type}  {service.ports}  {service.ready} of {service.total} endpoints ready")
    ]


def _node_detail(node: NodeHealth, width: int) -> list[Line]:
    memory = f"{bytes_iec(node.memory_requested)} of {bytes_iec(node.memory_allocatable)} requested"
    cpu = f"{node.cpu_requested / 1000:.1f} of {node.cpu_allocatable / 1000:.1f} cores requested"
    gpus = f"{node.gpus_requested} of {node.gpus_allocatable} requested" if node.gpus_allocatable else "none"
    parts = [
        ("cpu", cpu),
        ("memory", memory),
        ("GPUs", gpus),
        ("kubelet", node.version),
        ("state", node.conditions or "ready"),
    ]
    return [
        line(" ", span(node.name, "title")),
        *details(parts, width),
    ]


def pods_of(health: Health, view: str, key: str) -> list[str]:
    """The pods a row stands for."""
    if view == "pods":
        return [key]
    component = next((item for item in health.components if item.name == key), None)
    return [pod.name for pod in component.pods] if view == "components" and component else []


def object_of(health: Health, view: str, key: str) -> tuple[str, str]:
    """Kind and name of the object a row stands for; an empty name where there is none."""
    if view == "components":
        component = next((item for item in health.components if item.name == key), None)
        kind, _, name = (component.workload if component else "").partition("/")
        return kind, name
    return {"pods": "Pod", "services": "Service", "nodes": "Node"}[view], key
