"""What the helm command prints, line by line."""

from __future__ import annotations

import pytest

from sensei_tui.helm.binary import BinaryEngine
from sensei_tui.helm.loglines import Condenser, LogLine


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('level=DEBUG msg="creating resource(s)" resources=2', "creating resource(s) resources=2"),
        ("level=WARN msg=beginning", "beginning"),
        (r'level=DEBUG msg="bell \a and \x1b[31m"', r"bell \a and \x1b[31m"),
        ('level=DEBUG msg="unmarshalled JSON schema" schema="{...}"', ""),
    ],
)
def test_log_lines(line: str, told: str) -> None:
    lines: list[LogLine] = []
    engine = BinaryEngine.__new__(BinaryEngine)
    engine._condense, engine._on_log = Condenser(), lines.append
    assert engine._logged(line)
    assert [item.text for item in lines] == ([told] if told else [])


def test_an_error_is_no_log_line() -> None:
    engine = BinaryEngine.__new__(BinaryEngine)
    assert not engine._logged("Error: INSTALLATION FAILED: cannot reuse a name that is still in use\n")
