"""Which profile was chosen on which terminal: a small file in the operator's state directory."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from sensei_tui.base.paths import private_dir, write_atomic


def _file() -> Path:
    import platformdirs

    return Path(platformdirs.user_state_dir("sensei")) / "terminals.json"


def recall(key: str) -> str:
    """The name of the profile that was chosen there, or an empty string."""
    return _read().get(key, "")


def remember(key: str, profile: str) -> None:
    """Keep a choice; where nothing can be kept (a read-only home), it holds for this console only."""
    kept = {**_read(), key: profile}
    with suppress(OSError):
        write_atomic(private_dir(_file().parent) / _file().name, json.dumps(kept, indent=1) + "\n")


def _read() -> dict[str, str]:
    try:
        found = json.loads(_file().read_text())
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
