"""What parent and child say to each other: one JSON line each."""

from __future__ import annotations

from typing import Any

import msgspec


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Parent to child, on its standard input."""

    action: str
    """`render`, `install`, ..., `cancel` (does not wait for its turn), `quit`."""
    release: str = ""
    chart: str = ""
    values: dict[str, Any] = {}
    options: dict[str, Any] = {}


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The first line: how to reach the cluster."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Child to parent, on its own pipe. `log` lines come at any time, then one `done` or `failed` for each order."""

    type: str
    """`ready`, `log`, `done` or `failed`."""
    level: str = ""
    text: str = ""
    kind: str = ""
    """The engine's exception class."""
    value: Any = None
