"""Bundle: what is in it, may it be used, and is everything there?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding

from sensei_tui.base.errors import UsageError
from sensei_tui.base.text import bytes_si
from sensei_tui.screens.base import SenseiScreen
from sensei_tui.screens.session import Topic
from sensei_tui.widgets.dialogs import Ask, Confirm, Pager, Text
from sensei_tui.widgets.filter import FilterMixin
from sensei_tui.widgets.lines import Line, cell, details, labelled, line, span, word, wrap
from sensei_tui.widgets.rows import Row, Rows

if TYPE_CHECKING:
    from sensei_tui.bundle.contents import Item
    from sensei_tui.deploy.adopt import Candidate
    from sensei_tui.deploy.bundle_view import BundleView, Judged
    from sensei_tui.site.site import Site

USE = "Path of the bundle"
USE_WHY = "Its charts and its version become the site's."
USE_HINT = f"A file, or the directory it was unpacked into. {USE_WHY}"
REGISTRY = "Registry of the site"
REGISTRY_HINT = (
    "HOST[:PORT][/PREFIX], as global.imageRegistry of the values has it. Without TLS write http:// before it; with an "
    "authority of your own a space and its file after it."
)
ANYWAY = "Use it all the same?"


class BundleScreen(FilterMixin, SenseiScreen):
    """The site's bundle, its images, and the way to load it."""

    NAME = "bundle"
    TOPICS = frozenset({Topic.BUNDLE, Topic.OVERVIEW})
    BINDINGS = [
        Binding("enter", "detail", "detail", id="bundle.detail"),
        Binding("l", "load", "load", id="bundle.load"),
        Binding("v", "verify", "verify", id="bundle.verify"),
        Binding("u", "use", "use a bundle", id="bundle.use"),
        Binding("r", "registry", "registry", id="bundle.registry"),
        Binding("slash", "filter", "filter", id="filter", show=False),
    ]

    def body(self) -> ComposeResult:
        yield Text([line("")], id="bundle-head")
        yield Rows(id="items")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#items", Rows).focus()

    def on_screen_resume(self) -> None:
        """The file may have been put there meanwhile."""
        super().on_screen_resume()
        self.background(self.session.read_bundle, group="bundle")

    def redraw(self) -> None:
        view = self.session.bundle
        self.offer_keys()
        self.tell("Bundle", *title(view), right=self.session.verifying)
        self.query_one("#bundle-head", Text).tell(head(view, self.session.verified, self.size.width))
        self.query_one("#items", Rows).set_rows(item_rows(view))

    def _item(self) -> Item | None:
        key = self.query_one("#items", Rows).cursor
        contents = self.session.bundle.contents if self.session.bundle else None
        return next((item for item in contents.items if item.name == key), None) if contents else None

    @on(Rows.Chosen, "#items")
    def action_detail(self) -> None:
        """Everything about one image."""
        if item := self._item():
            self.app.push_screen(Pager(item.name, item_lines(item, self.size.width - 2)))

    def action_load(self) -> None:
        """Plan to load it; it starts only from the Deploy screen."""
        self.background(lambda: self.session.make_plan("load"), lambda _: self.sensei.action_go("deploy"), group="plan")

    def action_verify(self) -> None:
        """Read every byte of it."""
        if not self.session.verifying:
            self.background(self.session.verify_bundle, group="verify")

    def action_use(self) -> None:
        """Name one, or another."""
        value = self.session.bundle.path if self.session.bundle else ""
        self.app.push_screen(Ask(USE, value=value, hint=USE_HINT, check=path_problem), self._look)

    def _look(self, path: str | None) -> None:
        if path:
            file = Path(path).expanduser()
            self.background(lambda: self.session.look_at_bundle(file), self._ask, group="use")

    def _ask(self, found: Candidate) -> None:
        if not found.doubts:
            self._use(found)
            return
        question = Confirm(" ".join([*sentences(found), ANYWAY]), why(found), "use it", "leave it")
        self.app.push_screen(question, lambda yes: self._use(found) if yes else None)

    def _use(self, found: Candidate) -> None:
        self.background(lambda: self.session.use_bundle(found), group="use")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key is there only while it does something."""
        return applies(self.session.bundle, action)

    def action_registry(self) -> None:
        """Name the registry."""
        ask = Ask(REGISTRY, value=place_text(self.session.site), hint=REGISTRY_HINT, check=place_problem)
        self.app.push_screen(ask, self._set_registry)

    def _set_registry(self, place: str | None) -> None:
        if place:
            self.background(lambda: self.session.set_registry(place), group="use")


def title(view: BundleView | None) -> tuple[str, ...]:
    """Parts of line 1."""
    if view is None:
        return ("reading",)
    return (view.contents.version if view.contents else "none" if not view.path else "can't be read",)


def head(view: BundleView | None, verified: str, width: int) -> list[Line]:
    """What it is, and whether it may be used."""
    if view is None:
        return [line("")]
    registry = details([("Registry", view.into)] if view.into else [], width)
    if not view.path:
        text = "The site names no bundle: images are pulled from the registries in their names. Press u to name one."
        return [line(""), *labelled("Bundle", text, width), *registry, line("")]
    if view.error or view.contents is None:
        return [
            line(""),
            *details([("File", view.path)], width),
            *labelled("FAIL", view.error, width, role="fail"),
            *registry,
            line(""),
        ]
    found = view.contents
    judged = [("Version", view.version), ("Signed", view.signed), ("Images", view.complete)]
    rows = [row for name, each in judged for row in judged_lines(name, each, width)]
    load = f"press l: {view.takes}" if view.usable else "not before what FAILs is seen to"
    more = [("Holds", f"{bytes_si(found.size)} in {found.blobs} blobs, {', '.join(found.platforms)}"),
            ("For", f"Kubernetes {found.kubernetes or 'any'}; from {found.upgrade_from or 'any version'}"),
            ("Into", view.into or "no registry is named: press r"), ("Load", load)]  # fmt: skip
    more += [("Unpacked", view.unpacked)] if view.unpacked else []
    checked = [("Verified", verified)] if verified else []
    return [line(""), *details([("File", view.path)], width), *rows, *details([*more, *checked], width), line("")]


def judged_lines(name: str, each: Judged, width: int) -> list[Line]:
    """` Signed    FAIL  why`, wrapped under itself."""
    first, *more = wrap(each.text, max(10, width - 18)) or [""]
    return [line(" ", cell(name, 10), word(each.word, 6), span(first)), *(line(" " * 17, span(text)) for text in more)]


def item_rows(view: BundleView | None) -> list[Row]:
    """`image  registry.sensei.ai/sensei/kora:1.0.0  412 MB`."""
    items = view.contents.items if view and view.contents else ()
    return [
        Row(
            item.name,
            line(cell(item.kind, 9), cell(bytes_si(item.size), 10), span(item.name)),
            f"{item.kind} {item.name}",
        )
        for item in items
    ]


def item_lines(item: Item, width: int) -> list[Line]:
    """Everything about one."""
    parts = [("name", item.name), ("kind", item.kind), ("digest", item.digest), ("type", item.media_type),
             ("size", f"{item.size:,} bytes with all its layers"), ("for", ", ".join(item.used_by) or "-")]  # fmt: skip
    more = [("unpacked", f"{item.unpacked:,} bytes at least")] if item.unpacked else []
    more += [("cuda", item.cuda)] if item.cuda else []
    more += [("gpus", f"hold more than {bytes_si(item.weights)} of weights, together")] if item.weights else []
    return [line(""), *details([*parts, *more], width)]


def applies(view: BundleView | None, action: str) -> bool:
    """What can't be read is not verified and has nothing to look at; what a run would refuse is not loaded."""
    if action == "load":
        return view is not None and view.usable
    return action not in ("verify", "detail") or (view is not None and view.contents is not None)


def sentences(found: Candidate) -> list[str]:
    """Its doubts, each with a capital and a full stop."""
    return [f"{text[0].upper()}{text[1:].rstrip('.')}." for text in found.doubts]


def why(found: Candidate) -> str:
    """What it means to use it."""
    return (
        "Nobody the site trusts says what is in it."
        if found.unsigned
        else "Its charts and its version become the site's."
    )


def path_problem(path: str) -> str:
    """Why this path will not do, or nothing."""
    return "" if Path(path).expanduser().exists() else "There is no such file."


def place_problem(text: str) -> str:
    """Why this is no registry, or nothing."""
    from sensei_tui.deploy.place import place_changes

    try:
        place_changes(text)
    except UsageError as error:
        return error.why or error.what
    return ""


def place_text(site: Site) -> str:
    """The registry as it may be typed again."""
    from sensei_tui.deploy import place

    return place.place_text(site)
