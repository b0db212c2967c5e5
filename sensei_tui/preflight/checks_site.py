"""The site's own configuration, as a finding among the others. Pure functions."""

from __future__ import annotations

from sensei_tui.base.text import plural
from sensei_tui.preflight.facts import Facts, Unknown
from sensei_tui.preflight.model import Status
from sensei_tui.preflight.verdict import Area, Verdict

SITE = Area("Site")


@SITE.check("site.values", "Configuration", "the charts' schema, and the charts themselves")
def values(facts: Facts) -> Verdict:
    """The values are valid and both charts render with them."""
    needs = facts.needs
    if isinstance(needs, Unknown):
        return Verdict(Status.FAIL, needs.why, "", "valid", needs.remedy)
    text = f"both charts render: {plural(len(needs.pods), 'pod')}, {plural(len(needs.claims), 'volume')}"
    return Verdict(Status.PASS, text, text)
