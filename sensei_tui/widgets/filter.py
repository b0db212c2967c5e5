"""`/` filters the list under focus: one line of input above the keys, Esc clears it."""

from __future__ import annotations

from textual.screen import Screen
from textual.widgets import Input

from sensei_tui.widgets.bars import KeyLine
from sensei_tui.widgets.rows import Rows


class FilterLine(Input):
    """The text being filtered by. Enter keeps it, Esc takes it away."""

    DEFAULT_CSS = """
    FilterLine { dock: bottom; margin-bottom: 1; }
    """

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows.filter_text, placeholder="filter; Enter keeps, Esc clears", compact=True, id="filter")
        self.rows = rows
        self.cursor_blink = False

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        event.stop()
        self.rows.set_filter(event.value)

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter, go back to the list."""
        event.stop()
        await self._leave()

    async def key_escape(self) -> None:
        """Show everything again."""
        self.rows.set_filter("")
        await self._leave()

    async def _leave(self) -> None:
        self.rows.focus()
        await self.remove()


class FilterMixin(Screen[None]):
    """Gives a screen `action_filter` for its first (or focused) Rows."""

    async def action_filter(self) -> None:
        """Open the filter line."""
        if self.query(FilterLine):
            return
        focused = self.focused
        rows = focused if isinstance(focused, Rows) else self.query(Rows).first()
        filter_line = FilterLine(rows)
        await self.mount(filter_line, before=self.query_one(KeyLine))
        filter_line.focus()
