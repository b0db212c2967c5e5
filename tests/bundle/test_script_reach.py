"""load-images.sh: where its files lie, why a registry is not reached, and who sees a password."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.bundle.test_load import complete
from tests.bundle.test_script import (
    SHELL,
    directory,  # noqa: F401
    needs_skopeo,
    packed,  # noqa: F401
    pytestmark,  # noqa: F401
    real,  # noqa: F401
    script,
    sealed,  # noqa: F401
    secured,  # noqa: F401
    trusted,
)
from tests.registry.bearer import with_tokens
from tests.registry.certificates import server
from tests.registry.real import PASSWORD, USER, Real, login, needs_htpasswd

WATCHED = """#!/bin/sh
# Writes down what everybody could see of it, and the login's file with its mode; then is what it is called.
printf '%s\\n' "$*" >>{seen}
ls -l "$DOCKER_CONFIG/config.json" | cut -c1-10 >{kept} && cat "$REGISTRY_AUTH_FILE" >>{kept}
{then}
"""


def run(directory: Path, at: Path, *options: str) -> subprocess.CompletedProcess[str]:  # noqa: F811
    """From another directory."""
    words = [
        str(SHELL),
        *(["sh"] if str(SHELL).endswith("busybox") else []),
        str(directory / "load-images.sh"),
        *options,
    ]
    return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=at)


@needs_htpasswd
def test_an_authority_is_named_from_where_it_is_called(directory: Path, secured: Real, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "reg").mkdir()
    shutil.copy(str(secured.ca), tmp_path / "reg/ca.pem")
    done = run(directory, tmp_path, "--registry", str(secured.place), "--ca", "reg/ca.pem")
    assert "wants a login" in done.stderr


def test_trusted_keys_are_named_from_where_it_is_called(sealed: Path, real: Real, tmp_path: Path) -> None:  # noqa: F811
    name = Path(trusted(sealed, "vendor {key}")).relative_to(tmp_path)
    done = run(sealed, tmp_path, "--plain-http", "--registry", f"127.0.0.1:{real.port}", "--trust", str(name))
    assert done.returncode == 0, done.stderr


@needs_htpasswd
def test_why_a_registry_is_not_reached(directory: Path, secured: Real, real: Real, tmp_path: Path) -> None:  # noqa: F811
    ca, _, _ = server(tmp_path, "127.0.0.1", 10)
    (tmp_path / "none.pem").write_text("none\n")
    tls, plain = str(secured.place), f"127.0.0.1:{real.port}"
    cases = [
        ([tls], "the system does not vouch for its certificate: --ca FILE"),
        ([tls, "--ca", str(ca)], f"{ca} does not vouch for its certificate"),
        ([tls, "--ca", str(tmp_path / "none.pem")], f"{tmp_path}/none.pem has no certificate in PEM"),
        ([tls, "--plain-http"], f"{tls} has TLS: leave out --plain-http"),
        ([plain], "it may have no TLS: --plain-http"),
        (["127.0.0.1:1"], "nothing listens there: compare the port"),
        (["nowhere.invalid"], "nobody knows that name here"),
    ]
    for options, text in cases:
        done = script(directory, "--skip-sums", "--registry", *options)
        assert (done.returncode, text in done.stderr) == (3, True), (options, done.stderr)


def test_where_the_registry_can_not_be_kept_nothing_is_said(directory: Path, real: Real) -> None:  # noqa: F811
    (directory / ".registry").symlink_to("/none/registry")
    done = script(directory, "--plain-http", "--registry", f"127.0.0.1:{real.port}")
    assert (done.returncode, done.stderr) == (0, "")


def watched(tmp_path: Path, tool: str, then: str) -> dict[str, str]:
    """The environment in which such a tool comes first."""
    (tmp_path / "bin").mkdir()
    text = WATCHED.format(seen=tmp_path / "seen", kept=tmp_path / "kept", then=then)
    (tmp_path / "bin" / tool).write_text(text)
    (tmp_path / "bin" / tool).chmod(0o755)
    return {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "REGISTRY_PASSWORD": PASSWORD}


def kept_login(tmp_path: Path, host: str) -> bool:
    mode, text = (tmp_path / "kept").read_text().split("\n", 1)
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    return mode == "-rw-------" and json.loads(text) == {"auths": {host: {"auth": auth}}}


@needs_skopeo
@needs_htpasswd
def test_skopeo_has_no_password_that_others_see(packed: Path, directory: Path, secured: Real, tmp_path: Path) -> None:  # noqa: F811
    environ = watched(tmp_path, "skopeo", f'exec {shutil.which("skopeo")} "$@"')
    options = ["--tool", "skopeo", "--registry", str(secured.place), "--ca", str(secured.ca), "--user", USER]
    done = script(directory, *options, **environ)
    assert done.returncode == 0, done.stderr
    with secured.client(login()) as registry:
        assert complete(packed, registry)
    assert PASSWORD not in (tmp_path / "seen").read_text()
    assert kept_login(tmp_path, str(secured.place))


def test_neither_password_nor_token_is_seen_of_curl(packed: Path, directory: Path, tmp_path: Path) -> None:  # noqa: F811
    with with_tokens(tmp_path / "bearer") as (found, issuer):
        environ = watched(tmp_path, "curl", f'exec {shutil.which("curl")} "$@"')
        options = ["--registry", f"127.0.0.1:{found.port}", "--plain-http", "--user", USER]
        done = script(directory, *options, **environ)
        assert done.returncode == 0, done.stderr
        with found.client(login()) as registry:
            assert complete(packed, registry)
        assert issuer.given
        seen = (tmp_path / "seen").read_text()
        assert not any(word in seen for word in (PASSWORD, *issuer.given))
        done = script(directory, *options, REGISTRY_PASSWORD="wrong")
        assert (done.returncode, "gave no token (HTTP 401): is the login right?" in done.stderr) == (3, True)
