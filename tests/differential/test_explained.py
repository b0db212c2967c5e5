"""The list of explained differences is whole: each has its section, each section its cases. Needs no cluster."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from tests.differential import suite
from tests.differential.suite import Case

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "adr" / "0003-a-real-control-plane.md"


def every_case() -> list[Case]:
    """Of every file here."""
    for path in HERE.glob("test_*.py"):
        if path != Path(__file__):
            importlib.import_module(f"tests.differential.{path.stem}")
    # A file may be loaded under two names.
    return [*{case.name: case for case in suite.EVERY}.values()]


def test_each_difference_has_a_section_and_each_section_a_case() -> None:
    told = PAGE.read_text().partition("## Explained differences")[2]
    sections = set(re.findall(r"^### (.+)$", told, re.MULTILINE))
    assert {heading for case in every_case() for heading in case.differs.values()} == sections


def test_there_are_many_cases() -> None:
    assert len(every_case()) >= 400
