"""The second engine: a `helm` command on PATH, for hosts where the SDK's library cannot be loaded."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sensei_tui.base.paths import write_atomic
from sensei_tui.cluster.target import Target
from sensei_tui.helm.engine import GRACE, READ_TIMEOUT, Revision
from sensei_tui.helm.errors import HelmNotFound, HelmTimeout, HelmUnavailable, translate
from sensei_tui.helm.loglines import Condenser, LogLine

_RECORD = re.compile(r'level=(?P<level>\w+) msg=(?P<message>"(?:[^"\\]|\\.)*"|\S+)(?P<pairs>.*)')
"""A line of helm's log (Go's slog, text form)."""
_KILLED = -9
OLDEST = (3, 14)
"""The first version with the options used here."""


def find_helm() -> Path | None:
    """A `helm` on PATH, or None."""
    found = shutil.which("helm")
    return Path(found) if found else None


class BinaryEngine:
    """See Engine."""

    def __init__(self, binary: Path, target: Target, on_log: Callable[[LogLine], None] | None = None) -> None:
        self._binary = binary
        self._target = target
        self._on_log = on_log
        self._condense = Condenser()
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False
        self._verbose: list[str] = []
        self._version = self._run("version", "", ["version", "--template", "{{.Version}}"], READ_TIMEOUT).strip()
        if _number(self._version) < OLDEST:
            raise HelmUnavailable(
                f"The helm command is too old: {self._version}.", where=str(binary), remedy="Use helm 3.14 or newer."
            )
        # Helm 3 mixes its debug lines into what it says of an error.
        self._verbose = ["--debug"] if _number(self._version) >= (4, 0) else []

    def __enter__(self) -> BinaryEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, action: str, release: str, arguments: list[str], timeout: float) -> str:
        target = self._target
        place = ["--kubeconfig", target.kubeconfig] if target.kubeconfig else []
        place += ["--kube-context", target.context] if target.context else []
        place += ["--namespace", target.namespace] if target.namespace else []
        self._cancelled = False
        with tempfile.TemporaryFile("w+", encoding="utf-8") as out:
            code, said = self._talk([str(self._binary), *arguments, *self._verbose, *place], out, timeout)
            out.seek(0)
            printed = out.read()
        if code == _KILLED and not self._cancelled:
            raise HelmTimeout(f"helm did not come back from {action} of release {release}.", why="it was ended")
        if code:
            raise translate("", said or printed, action, release, cancelled=self._cancelled)
        return printed

    def _talk(self, command: list[str], out: IO[str], timeout: float) -> tuple[int, str]:
        """Run it, telling what it logs as it comes. Returns the exit status and what it said beside its log."""
        process = self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, text=True, errors="replace",
            start_new_session=True,
        )  # fmt: skip
        assert process.stderr is not None
        late = threading.Timer(timeout, process.kill)
        late.start()
        try:
            rest = [line for line in process.stderr if not self._logged(line)]
            return process.wait(), "".join(rest).removeprefix("Error: ")
        finally:
            late.cancel()
            process.stderr.close()
            self._process = None

    def _logged(self, text: str) -> bool:
        """Whether the line is one of helm's log; those worth it are told."""
        record = _RECORD.match(text)
        if record is None:
            return False
        level, message, pairs = record["level"].lower(), _unquoted(record["message"]), record["pairs"].strip()
        line = self._condense(level, f"{message} {pairs}")
        if line and self._on_log:
            self._on_log(line)
        return True

    def cancel(self) -> None:
        """Interrupt the command: helm ends the action and marks the release failed."""
        self._cancelled = True
        if self._process is not None:
            self._process.terminate()

    def close(self) -> None:
        """Nothing runs between actions."""

    def version(self) -> str:
        """`v3.18.0`."""
        return self._version

    def render(self, release: str, chart: Path, values: Mapping[str, Any]) -> str:
        """See Engine."""
        with _values_file(values) as file:
            return self._run("render", release, ["template", release, str(chart), "-f", file], READ_TIMEOUT)

    def lint(self, chart: Path, values: Mapping[str, Any]) -> list[str]:
        """See Engine."""
        with _values_file(values) as file:
            return self._run("lint", "", ["lint", str(chart), "-f", file], READ_TIMEOUT).splitlines()

    def install(
        self, release: str, chart: Path, values: Mapping[str, Any], *, timeout: int, wait: str = "hookOnly",
        description: str = "",
    ) -> Revision:  # fmt: skip
        """See Engine."""
        return self._change("install", release, chart, values, timeout, wait, description, [])

    def upgrade(
        self, release: str, chart: Path, values: Mapping[str, Any], *, timeout: int, wait: str = "hookOnly",
        max_history: int = 10, description: str = "",
    ) -> Revision:  # fmt: skip
        """See Engine."""
        more = ["--reset-values", "--history-max", str(max_history)]
        return self._change("upgrade", release, chart, values, timeout, wait, description, more)

    def _change(
        self, action: str, release: str, chart: Path, values: Mapping[str, Any], timeout: int, wait: str,
        description: str, more: list[str],
    ) -> Revision:  # fmt: skip
        with _values_file(values) as file:
            arguments = [action, release, str(chart), "-f", file, "--timeout", f"{timeout}s", "-o", "json", *more]
            arguments += ["--wait"] if wait == "watcher" else []
            arguments += ["--description", description] if description else []
            found = json.loads(self._run(action, release, arguments, timeout + GRACE))
        return Revision(revision=int(found["version"]), status="deployed")

    def rollback(self, release: str, revision: int, *, timeout: int, wait: str = "hookOnly") -> None:
        """See Engine."""
        arguments = ["rollback", release, str(revision), "--timeout", f"{timeout}s"]
        self._run("rollback", release, arguments + (["--wait"] if wait == "watcher" else []), timeout + GRACE)

    def uninstall(self, release: str, *, timeout: int, wait: str = "hookOnly") -> None:
        """See Engine."""
        arguments = ["uninstall", release, "--ignore-not-found", "--timeout", f"{timeout}s"]
        self._run("uninstall", release, arguments + (["--wait"] if wait == "watcher" else []), timeout + GRACE)

    def test(self, release: str, *, timeout: int) -> None:
        """See Engine."""
        self._run("test", release, ["test", release, "--timeout", f"{timeout}s"], timeout + GRACE)

    def history(self, release: str) -> list[Revision]:
        """See Engine."""
        try:
            found = json.loads(self._run("history", release, ["history", release, "-o", "json"], READ_TIMEOUT))
        except HelmNotFound:
            return []
        return [_revision(item) for item in found]

    def releases(self) -> list[str]:
        """See Engine."""
        # Helm 4 lists releases in any state, and no longer knows the option.
        every = ["--all"] if _number(self._version) < (4, 0) else []
        found = json.loads(self._run("list", "", ["list", *every, "-o", "json"], READ_TIMEOUT))
        return [str(item["name"]) for item in found]

    def values(self, release: str, revision: int = 0) -> dict[str, Any]:
        """See Engine."""
        more = ["--revision", str(revision)] if revision else []
        found = json.loads(self._run("values", release, ["get", "values", release, "-o", "json", *more], READ_TIMEOUT))
        return found or {}


def _revision(item: dict[str, Any]) -> Revision:
    chart, _, version = str(item.get("chart", "")).rpartition("-")
    return Revision(
        revision=int(item["revision"]), status=str(item.get("status", "")), chart=chart, version=version,
        app_version=str(item.get("app_version", "")), updated=str(item.get("updated", "")),
        description=str(item.get("description", "")),
    )  # fmt: skip


def _unquoted(text: str) -> str:
    """Go's quoting knows escapes that JSON does not: those stay as they are."""
    if not text.startswith('"'):
        return text
    try:
        return str(json.loads(text))
    except ValueError:
        return text[1:-1]


def _number(version: str) -> tuple[int, int]:
    match = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


@contextmanager
def _values_file(values: Mapping[str, Any]) -> Iterator[str]:
    """The values in a private file: an argument vector can be read by everybody."""
    with tempfile.TemporaryDirectory(prefix="sensei-helm-") as directory:
        path = Path(directory) / "values.json"
        write_atomic(path, json.dumps(dict(values)))
        yield str(path)
