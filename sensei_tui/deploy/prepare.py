"""A site made ready to plan or run: values merged, checked and resolved, charts found and digested."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from sensei_tui.base.errors import ExitCode, UsageError
from sensei_tui.base.text import plural
from sensei_tui.site.charts import CHARTS, chart_dir, chart_version
from sensei_tui.site.resolve import Resolved, resolve
from sensei_tui.site.site import Site
from sensei_tui.site.validate import Problem, validate
from sensei_tui.site.values import Values, load_values

TIMEOUT = 900.0
"""Seconds for one release if the plan says nothing else: images of some GB have to be pulled."""
_SHOWN = 5
"""Problems named in one error; `sensei config validate` lists all."""


class InvalidSite(UsageError):
    """The configuration has errors."""

    code = "invalid-values"
    exit_code = ExitCode.FINDING


@dataclass(frozen=True)
class Release:
    """A chart on its way to a release."""

    name: str
    chart: Path
    version: str
    digest: str


@dataclass(frozen=True)
class Prepared:
    """Everything the steps need to know of the site."""

    site: Site
    values: Values
    resolved: Resolved
    releases: tuple[Release, ...]

    def release(self, name: str) -> Release:
        """By its name."""
        return next(item for item in self.releases if item.name == name)


def prepare(site: Site) -> Prepared:
    """Load, validate and resolve. Raises UsageError (InvalidSite, ValuesError, MissingSecret, ...)."""
    values = load_values(site)
    refuse(validate(values))
    releases = tuple(_release(site, name, chart) for name, chart in CHARTS.items())
    return Prepared(site, values, resolve(site, values), releases)


def refuse(problems: Iterable[Problem]) -> None:
    """Raises InvalidSite where there are errors among them."""
    errors = [problem for problem in problems if problem.severity == "error"]
    if not errors:
        return
    shown = [f"{item.file}:{item.line}: {item.path}: {item.message}" for item in errors[:_SHOWN]]
    more = [f"and {len(errors) - _SHOWN} more"] if len(errors) > _SHOWN else []
    raise InvalidSite(
        f"The configuration has {plural(len(errors), 'error')}.",
        where=f"{errors[0].file}:{errors[0].line}",
        why="; ".join([*shown, *more]),
        remedy="Correct them: sensei config validate lists all, the Configure screen shows them in place.",
    )


def _release(site: Site, name: str, chart: str) -> Release:
    directory = chart_dir(chart, site)
    return Release(name, directory, chart_version(chart, site), chart_digest(directory))


def chart_digest(directory: Path) -> str:
    """`sha256:...` over every file's path and content."""
    total = hashlib.sha256()
    for path in sorted(item for item in directory.rglob("*") if item.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(directory).as_posix()} {content}\n".encode())
    return f"sha256:{total.hexdigest()}"


def digest(*parts: Any) -> str:
    """`sha256:...` over anything msgspec can encode."""
    return f"sha256:{hashlib.sha256(msgspec.json.encode(parts, order='deterministic')).hexdigest()}"
