"""What Helm can fail with, in the operator's words."""

from __future__ import annotations

import re

from sensei_tui.base.errors import ExitCode, SenseiError
from sensei_tui.base.text import one_line


class HelmError(SenseiError):
    """The engine refused or failed."""

    code = "helm"


class HelmUnavailable(HelmError):
    """There is no usable engine on this host."""

    code = "helm-unavailable"


class HelmNotFound(HelmError):
    """No such release or revision."""

    code = "helm-not-found"


class HelmTimeout(HelmError):
    """The engine did not finish in the time it was given."""

    code = "helm-timeout"


class HelmCancelled(HelmError):
    """The operator cancelled."""

    code = "helm-cancelled"
    exit_code = ExitCode.FINDING


class HelmPending(HelmError):
    """The release is marked as being worked on: by a run that died, or by somebody else now."""

    code = "helm-pending"


class HelmUnreachable(HelmError):
    """The API server does not answer the engine."""

    code = "helm-unreachable"


class HelmChartError(HelmError):
    """The chart, or the values given to it, do not render."""

    code = "helm-chart"
    exit_code = ExitCode.FINDING


class HelmConflict(HelmError):
    """Another manager owns a field that the chart sets (server-side apply)."""

    code = "helm-conflict"

    def __init__(self, what: str, *, manager: str, field: str, why: str) -> None:
        super().__init__(
            what, where=field, why=why,
            remedy=f"See what {manager} changed there. To take the field back: sensei upgrade --take-over",
        )  # fmt: skip
        self.manager = manager
        self.field = field


# One conflict stands in the sentence, several are lists by manager: the first is taken.
_CONFLICT = re.compile(
    r'conflicts? with "(?P<manager>[^"]+)"(?: with subresource "\w+")? using [^:]+:(?: -)? (?P<field>\S+)'
)
_PENDING = ("another operation", "cannot reuse a name that is still in use")
# Go's words for a request that got no answer; a webhook that the API server can't reach is not meant.
_AWAY = re.compile(
    r'cluster unreachable|^(?!.*webhook).*"https?://[^"]+": (?:dial|read|write|EOF|unexpected EOF|http2:)'
)
_SCHEMA = "values don't meet the specifications of the schema"
_CHART = ("HelmChartLoadError", "HelmChartInvalidError", "HelmValuesError", "HelmRenderError")


def translate(kind: str, message: str, action: str, release: str, *, cancelled: bool) -> HelmError:
    """The engine's own error as one of ours.

    Args:
        kind: the engine's exception class.
        message: its text.
        action: `install`, `upgrade`, ...
        cancelled: the operator asked for it; the engine reports a timeout and a cancel alike.
    """
    what, text = f"{action} of release {release} failed.", one_line(message)
    if cancelled:
        return HelmCancelled(f"{action} of release {release} was cancelled.", remedy="Resume the run to finish it.")
    if conflict := _CONFLICT.search(text):
        return HelmConflict(what, manager=conflict["manager"], field=conflict["field"], why=text)
    if kind == "HelmCancelledError" or "deadline exceeded" in text:
        return HelmTimeout(
            f"{action} of release {release} did not finish in time.", why=text,
            remedy="The objects that are not ready say why: see the run, or sensei status.",
        )  # fmt: skip
    if kind == "HelmNotFoundError" or "release: not found" in text:
        return HelmNotFound(f"There is no release {release}.", why=text)
    if any(part in text for part in _PENDING):
        return HelmPending(what, why=text, remedy="Resume the run: it clears what a dead run left.")
    if kind in _CHART or _SCHEMA in text:
        return HelmChartError(f"The chart of release {release} does not render.", why=_readable(message))
    if _AWAY.search(text):
        return HelmUnreachable(
            f"{action} of release {release} failed: the API server did not answer.", why=text,
            remedy="When it answers again (sensei status), resume the run: what is done is not done again.",
        )  # fmt: skip
    return HelmError(what, why=text)


def _readable(message: str) -> str:
    """Schema errors come as an indented list: keep the lines that name a path."""
    found = [line.strip(" -") for line in message.splitlines() if line.strip().startswith("- at")]
    return one_line("; ".join(found) if found else message)
