"""Bundle, as lines: what is in it, may it be used, and is everything there?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sensei_tui.base.errors import SenseiError
from sensei_tui.plain.page import AGAIN, Page
from sensei_tui.screens import bundle as screen
from sensei_tui.widgets.lines import Line
from sensei_tui.widgets.rows import Row


class BundlePage(Page):
    """Images and artifacts as rows."""

    NAME = "bundle"
    SCREEN = screen.BundleScreen
    BY_ROW = frozenset({"detail"})
    STATE_FIRST = False
    WORDS = {
        "load": "plan to load it into the registry", "verify": "read every byte and compare it",
        "use": "use a bundle", "registry": "name the registry",
    }  # fmt: skip

    def update(self) -> None:
        self.session.read_bundle()

    def title(self) -> tuple[str, ...]:
        return "Bundle", *screen.title(self.session.bundle)

    def head(self) -> Iterable[Line]:
        return screen.head(self.session.bundle, self.session.verified, self.talk.width)

    def rows(self) -> list[Row]:
        return screen.item_rows(self.session.bundle)

    def applies(self, action: str) -> bool:
        return screen.applies(self.session.bundle, action) and super().applies(action)

    def open(self, key: str) -> bool:
        contents = self.session.bundle.contents if self.session.bundle else None
        item = next((item for item in contents.items if item.name == key), None) if contents else None
        if item is None:
            raise SenseiError(f"{key} is no longer in the bundle.", remedy="Enter shows the page again.")
        return self.text(item.name, screen.item_lines(item, self.talk.width))

    def do_load(self) -> bool:
        """Plan to load it; it starts only from Deploy."""
        self.console.work("Making the plan", lambda: self.session.make_plan("load"))
        self.console.go("deploy")
        return AGAIN

    def do_verify(self) -> bool:
        """Read every byte of it."""
        self.console.work("Reading every byte", self.session.verify_bundle)
        self.talk.say(self.session.verified)
        return AGAIN

    def do_use(self) -> bool:
        """Name another bundle."""
        file = Path(self.console.question(screen.USE, hint=screen.USE_HINT, check=screen.path_problem)).expanduser()
        found = self.console.work("Reading the bundle", lambda: self.session.look_at_bundle(file))
        question = " ".join([*screen.sentences(found), screen.ANYWAY])
        if found.doubts and not self.console.confirm(question, screen.why(found)):
            self.talk.say("Nothing was changed.")
            return not AGAIN
        self.console.work("Taking its charts", lambda: self.session.use_bundle(found))
        return AGAIN

    def do_registry(self) -> bool:
        """Name the registry."""
        value = screen.place_text(self.session.site)
        place = self.console.question(
            screen.REGISTRY, value=value, hint=screen.REGISTRY_HINT, check=screen.place_problem
        )
        self.console.work("Writing site.yaml", lambda: self.session.set_registry(place))
        return AGAIN
