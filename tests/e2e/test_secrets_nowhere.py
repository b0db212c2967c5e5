"""Plants secrets, installs, and looks everywhere: files, journal, logs, Helm's own records, command lines."""

from __future__ import annotations

import base64
import json
import threading
from pathlib import Path

import pytest

from sensei_tui.site.resolve import load_kept
from tests.e2e.rehearsed import rehearsed
from tests.e2e.sites import API_KEY, LICENSE, SiteUnderTest, ended

pytestmark = pytest.mark.e2e


class CommandLines:
    """Every command line and environment block this user's processes had while it watched."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> CommandLines:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except (FileNotFoundError, ProcessLookupError):
                    continue


def forms(secret: str) -> list[bytes]:
    """As it is, in base64 as a Secret's data, and reversed pieces of that which a longer base64 text would hold."""
    shifted = [base64.b64encode(b"x" * pad + secret.encode())[4:-4] for pad in range(3)]
    return [secret.encode(), *shifted]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> object:
    with rehearsed(tmp_path_factory.mktemp("secrets") / "site") as found:
        with CommandLines() as lines:
            said = found.sensei("install", "--yes")
            said += found.sensei("install", "--plan-only", "-o", "json")
            said += found.sensei("runs", "show", "--log") + found.sensei("runs", "attach", "-o", "json")
            said += found.sensei("status", "-o", "json")
        assert found.until(ended).state == "done"
        yield found, lines.seen, said


def planted(found: SiteUnderTest) -> list[str]:
    kept = load_kept(found.site)
    assert len(kept.credentials) >= 5
    return [API_KEY, LICENSE, *kept.credentials.values()]


def test_the_search_would_find_them(searched: tuple[SiteUnderTest, set[bytes], str]) -> None:
    """The Secrets in the cluster do hold them: the forms searched for are the forms they have there."""
    found, _, _ = searched
    stored = json.dumps(found.kubectl("get", "secrets")).encode()
    for secret in planted(found):
        assert any(form in stored for form in forms(secret))


def test_in_no_file_of_the_site(searched: tuple[SiteUnderTest, set[bytes], str]) -> None:
    found, _, _ = searched
    state = found.site.root / ".sensei"
    # The simulated cluster's own disk is the cluster: a real one is not in the site's directory.
    files = [path for path in state.rglob("*") if path.is_file() and found.site.rehearsal_dir not in path.parents]
    names = {path.name for path in files}
    assert {"journal.jsonl", "plan.json", "deployed-values.json", "secrets.json"} <= names
    for path in files:
        if path.name == "secrets.json":
            continue
        content = path.read_bytes()
        for secret in planted(found):
            assert not any(form in content for form in forms(secret)), f"a secret is in {path}"


def test_modes(searched: tuple[SiteUnderTest, set[bytes], str]) -> None:
    found, _, _ = searched
    for path in (found.site.root / ".sensei").rglob("*"):
        wanted = 0o077 if path.is_dir() or path.is_file() else 0
        assert path.stat().st_mode & wanted == 0, path


def test_in_no_helm_record(searched: tuple[SiteUnderTest, set[bytes], str]) -> None:
    found, _, _ = searched
    releases = found.helm_releases()
    assert len(releases) == 2
    for release in releases:
        assert release["config"]["global"]["domain"]
        text = json.dumps(release).encode()
        for secret in planted(found):
            assert not any(form in text for form in forms(secret))


def test_in_no_command_line(searched: tuple[SiteUnderTest, set[bytes], str]) -> None:
    found, lines, _ = searched
    assert any(b"sensei_tui.deploy.main" in line for line in lines)
    assert any(b"sensei_tui.helm.worker" in line for line in lines)
    for secret in planted(found):
        assert not any(secret.encode() in line for line in lines)


def test_in_no_output(searched: tuple[SiteUnderTest, set[bytes], str]) -> None:
    found, _, said = searched
    for secret in planted(found):
        assert secret not in said
