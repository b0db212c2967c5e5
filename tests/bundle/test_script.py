"""load-images.sh in dash, with curl or skopeo, into a real registry."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sensei_tui.bundle.archive import File
from sensei_tui.bundle.contents import read_contents
from sensei_tui.bundle.inventory import known_by
from sensei_tui.bundle.oci import OCI_INDEX, index_of, read_document
from sensei_tui.bundle.signed import sign
from sensei_tui.registry.manifests import Manifest
from tests.bundle.counting import counting
from tests.bundle.samples import API, SBOM, TOLD, WEB, bundle, layout
from tests.bundle.test_load import complete, stored, through
from tests.bundle.test_serve import Served
from tests.registry.certificates import server
from tests.registry.kinds import both
from tests.registry.real import PASSWORD, USER, Real, login, needs_htpasswd, started

SHELL = shutil.which("dash") or shutil.which("busybox")
pytestmark = [
    both,
    pytest.mark.skipif(SHELL is None, reason="neither dash nor busybox is installed"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]
needs_skopeo = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("packed"))


def unpacked(path: Path, to: Path) -> Path:
    to.mkdir()
    subprocess.run(["tar", "-xf", path, "-C", to], check=True)
    return to


@pytest.fixture
def directory(packed: Path, tmp_path: Path) -> Path:
    return unpacked(packed, tmp_path / "out")


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Real]:
    with started(Real(tmp_path / "registry")) as found:
        yield found


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Real]:
    with started(Real(tmp_path / "registry").with_tls().with_login()) as found:
        yield found


def script(directory: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(SHELL),
        *(["sh"] if str(SHELL).endswith("busybox") else []),
        str(directory / "load-images.sh"),
        *options,
    ]
    clean = {"PATH": os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C", **environ}
    return subprocess.run(command, capture_output=True, text=True, env=clean, stdin=subprocess.DEVNULL, cwd="/")


@pytest.mark.parametrize("prefix", ["", "/mirror/site"])
def test_plain(packed: Path, directory: Path, real: Real, prefix: str) -> None:
    with counting(real.port) as narrow:
        done = script(directory, "--plain-http", "--registry", f"127.0.0.1:{narrow.port}{prefix}")
        assert done.returncode == 0, done.stderr
        assert "not signed" in done.stdout
        with through(narrow.port, prefix.strip("/")) as registry:
            assert complete(packed, registry)
        narrow.clear()
        again = script(directory)
        assert again.returncode == 0, "the registry is that of the last call, and how it is spoken to"
        assert [path for _, path in narrow.asked if "/blobs/uploads/" in path] == []


@needs_htpasswd
def test_with_tls_and_a_login(packed: Path, directory: Path, secured: Real) -> None:
    done = script(
        directory, "--registry", str(secured.place), "--ca", str(secured.ca), "--user", USER, REGISTRY_PASSWORD=PASSWORD
    )
    assert done.returncode == 0, done.stderr
    with secured.client(login()) as registry:
        assert complete(packed, registry)


@needs_htpasswd
def test_what_is_wrong_is_told(directory: Path, secured: Real, tmp_path: Path) -> None:
    ca, _, _ = server(tmp_path, "127.0.0.1", 10)
    right, own = ["--registry", str(secured.place)], ["--ca", str(secured.ca)]
    cases = [
        ([*right, *own, "--user", USER], "wrong", 3, "does not let this login write"),
        ([*right, *own], "", 3, "wants a login: --user NAME"),
        ([*right, "--ca", str(ca), "--user", USER], PASSWORD, 3, "certificate"),
        (["--registry", "127.0.0.1:1", *own], "", 3, "no answer from 127.0.0.1:1"),
        (["--registry", f"https://{secured.place}"], "", 2, "without https://"),
        (["--registry", "a b"], "", 2, "that is no registry"),
        (["--registry", "127.0.0.1:1/Mirror"], "", 2, "can't have capitals"),
        (["--containerd", "--registry", "127.0.0.1:1"], "", 2, "does not go with --containerd"),
        ([], "", 2, "name the registry"),
        (["--wizard"], "", 2, "unknown: --wizard"),
        (["--registry"], "", 2, "--registry needs a value"),
        (["--registry", "--plain-http"], "", 2, "--registry needs a value"),
        ([*right, "--ca", "/none"], "", 2, "can't read /none"),
        ([*right, "--trust", "/none"], "", 2, "can't read /none"),
        ([*right, *own, "--tool", "magic"], "", 2, "unknown tool: magic"),
    ]  # fmt: skip
    for options, password, code, text in cases:
        done = script(directory, *options, REGISTRY_PASSWORD=password)
        assert (done.returncode, text in done.stderr) == (code, True), (options, done.stderr)
        # Who may write is known when it is tried.
        assert "comparing checksums" not in done.stdout or "does not let" in text
        assert not (directory / ".registry").exists()
        assert not password or password not in done.stderr + done.stdout


@pytest.mark.parametrize(("tool", "code", "text"), [("magic", 2, "unknown tool: magic; one of curl skopeo"),
                                                    ("oras", 3, "oras is not installed here")])  # fmt: skip
def test_a_tool_that_is_not_there_is_told_before_every_file_is_read(
    directory: Path, tmp_path: Path, tool: str, code: int, text: str
) -> None:  # fmt: skip
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("dirname", "mktemp", "rm", "sed", "grep"):
        (bare / name).symlink_to(str(shutil.which(name)))
    done = script(directory, "--registry", "127.0.0.1:1", "--tool", tool, PATH=str(bare))
    assert (done.returncode, text in done.stderr, done.stdout) == (code, True, ""), done.stderr


def test_a_registry_that_can_only_be_read(packed: Path, directory: Path) -> None:
    """Such as another bundle that is served."""
    with closing(Served([packed])) as other:
        done = script(directory, "--plain-http", "--registry", f"{other.place}/other")
    assert done.returncode == 3
    assert "can only be read (HTTP 405): name a registry that takes uploads" in done.stderr


def test_a_damaged_file_is_named_and_nothing_is_sent(directory: Path, real: Real) -> None:
    blob = max((directory / "blobs/sha256").iterdir(), key=lambda item: item.stat().st_size)
    content = bytearray(blob.read_bytes())
    content[100] ^= 1
    blob.write_bytes(content)
    options = ["--plain-http", "--registry", f"127.0.0.1:{real.port}"]
    done = script(directory, *options)
    assert done.returncode == 1
    assert f"blobs/sha256/{blob.name}: FAILED" in done.stderr
    assert stored(real) == set()
    passed = script(directory, *options, "--skip-sums")
    assert passed.returncode == 3, "the registry compares"
    assert "DIGEST_INVALID" in passed.stderr
    assert blob.name not in stored(real)
    blob.unlink()
    missing = script(directory, *options)
    assert missing.returncode == 1
    assert blob.name in missing.stderr


@pytest.mark.parametrize("name", ["SHA256SUMS", "images.list"])
def test_without_what_it_goes_by_it_does_not_begin(directory: Path, real: Real, name: str) -> None:
    (directory / name).unlink()
    done = script(directory, "--plain-http", "--registry", f"127.0.0.1:{real.port}")
    assert done.returncode == 1
    assert f"{name} is missing" in done.stderr
    assert stored(real) == set()


def test_killed_it_goes_on(packed: Path, directory: Path, real: Real) -> None:
    for limit in (50_000, 120_000, 250_000):
        before = stored(real)
        with counting(real.port, 0.01) as narrow:
            command = [
                str(SHELL),
                str(directory / "load-images.sh"),
                "--skip-sums",
                "--plain-http",
                "--registry",
                f"127.0.0.1:{narrow.port}",
            ]
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
            )
            while process.poll() is None and narrow.bytes < limit:
                pass
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            sent = {
                path.rpartition("sha256:")[2]
                for method, path in narrow.asked
                if method == "PUT" and "/uploads/" in path
            }
        assert not sent & before
    assert script(directory, "--plain-http", "--registry", f"127.0.0.1:{real.port}").returncode == 0
    with through(real.port) as registry:
        assert complete(packed, registry)


def test_a_registry_that_dies_is_told(directory: Path, real: Real) -> None:
    real.kill()
    done = script(directory, "--plain-http", "--registry", f"127.0.0.1:{real.port}")
    assert done.returncode == 3
    assert f"no answer from 127.0.0.1:{real.port}" in done.stderr


def test_signatures_are_found_by_their_image(packed: Path, directory: Path, real: Real) -> None:
    contents = read_contents(File(packed))
    options = ["--plain-http", "--registry", f"127.0.0.1:{real.port}/site"]
    with through(real.port, "site") as registry:
        for _ in range(2):
            done = script(directory, *options)
            assert done.returncode == 0, done.stderr
            told = registry.referrers("site/sensei/api", contents.items[0].digest)
            assert [(item.digest, item.artifact_type, item.annotations) for item in told] == [
                (contents.referrers[0].digest, SBOM, TOLD)
            ]
            found = registry.manifest("site/sensei/api", told[0].digest)
            assert list(registry.blob("site/sensei/api", read_document(found.content, "", "").children[1].digest))


def test_a_list_of_other_signatures_is_left_and_that_is_told(packed: Path, directory: Path, real: Real) -> None:
    contents = read_contents(File(packed))
    tag = contents.items[0].digest.replace(":", "-")
    with through(real.port) as registry:
        registry.put_manifest("sensei/api", tag, Manifest.of(index_of(()), OCI_INDEX))
        done = script(directory, "--plain-http", "--registry", f"127.0.0.1:{real.port}")
        assert done.returncode == 0, done.stderr
        assert f"{contents.referrers[0].digest} is there; the list {tag} has others" in done.stdout
        assert registry.manifest("sensei/api", tag).content == index_of(())


@needs_skopeo
def test_with_skopeo(packed: Path, directory: Path, real: Real) -> None:
    done = script(directory, "--tool", "skopeo", "--plain-http", "--registry", f"127.0.0.1:{real.port}/site")
    assert done.returncode == 0, done.stderr
    assert "1 signatures and SBOMs stay behind" in done.stdout
    with through(real.port, "site") as registry:
        assert complete(packed, registry)


def test_a_difference_needs_the_bundle_before(tmp_path: Path, real: Real) -> None:
    source = layout(tmp_path / "layout")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    old = bundle(tmp_path / "one", source=source, names=(API,))
    new = bundle(tmp_path / "two", source=source, since=known_by(old))
    options = ["--plain-http", "--registry", f"127.0.0.1:{real.port}"]
    done = script(unpacked(new, tmp_path / "new"), *options)
    assert done.returncode == 1
    assert "load the bundle before this one first" in done.stderr
    assert script(unpacked(old, tmp_path / "old"), *options).returncode == 0
    again = script(tmp_path / "new", *options)
    assert again.returncode == 0, again.stderr
    with through(real.port) as registry:
        assert complete(new, registry)


def test_a_difference_finds_what_an_image_has_that_is_no_more(tmp_path: Path, real: Real) -> None:
    source = layout(tmp_path / "layout")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    old = bundle(tmp_path / "one", source=source, names=(API,))
    new = bundle(tmp_path / "two", source=source, names=(WEB,), since=known_by(old))
    for path in (old, new):
        done = script(
            unpacked(path, tmp_path / path.parent.name / "there"),
            "--plain-http",
            "--registry",
            f"127.0.0.1:{real.port}/m",
        )
        assert done.returncode == 0, done.stderr
    with through(real.port, "m") as registry:
        assert complete(new, registry)


# Signed.


@pytest.fixture
def sealed(packed: Path, tmp_path: Path) -> Path:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    path = tmp_path / packed.name
    path.write_bytes(packed.read_bytes())
    for name in ("key", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    archive = File(path)
    sign(archive, read_contents(archive), tmp_path / "key", None, datetime.now(UTC))
    return unpacked(path, tmp_path / "sealed")


def trusted(directory: Path, line: str, key: str = "key") -> str:
    text = " ".join((directory.parent / f"{key}.pub").read_text().split()[:2])
    (directory.parent / "allowed").write_text(line.format(key=text) + "\n")
    return str(directory.parent / "allowed")


GOOD = ["vendor {key}", "a@example.com,vendor,b@example.com {key}", '*@example.com namespaces="sensei-bundle" {key}',
        '# comment\n\nvendor@example.com valid-after="20200101" {key}']  # fmt: skip


@pytest.mark.parametrize("line", GOOD)
def test_signed_by_a_trusted_key(sealed: Path, real: Real, line: str) -> None:
    done = script(sealed, "--plain-http", "--registry", f"127.0.0.1:{real.port}", "--trust", trusted(sealed, line))
    assert done.returncode == 0, done.stderr
    assert 'Good "sensei-bundle" signature' in done.stdout


BAD = {"other": ("vendor {key}", "other", "No principal matched"),
       "expired": ('vendor valid-before="20200101" {key}', "key", "expired"),
       "use": ('vendor namespaces="git" {key}', "key", ""), "empty": ("# nobody", "key", "")}  # fmt: skip


@pytest.mark.parametrize(("line", "key", "why"), BAD.values(), ids=BAD.keys())
def test_not_signed_by_a_trusted_key(sealed: Path, real: Real, line: str, key: str, why: str) -> None:
    done = script(sealed, "--plain-http", "--registry", f"127.0.0.1:{real.port}", "--trust", trusted(sealed, line, key))
    assert done.returncode == 1, done.stdout
    assert why in done.stderr
    assert stored(real) == set()


def test_signed_and_changed(sealed: Path, real: Real) -> None:
    options = ["--plain-http", "--registry", f"127.0.0.1:{real.port}", "--trust", trusted(sealed, "vendor {key}")]
    for name, text in (("SHA256SUMS", "not the one that was signed"), ("SIGNED", "sign"), ("SIGNED.sig", "")):
        content = (sealed / name).read_bytes()
        (sealed / name).write_bytes(content[:200].replace(b"0", b"1") + content[200:])
        done = script(sealed, *options)
        assert done.returncode == 1, name
        assert text in done.stderr
        (sealed / name).write_bytes(content)
    (sealed / "SIGNED").unlink()
    assert "not signed" in script(sealed, *options).stderr
    assert stored(real) == set()


def test_images_list_is_covered_by_the_sums(sealed: Path, real: Real) -> None:
    """Even with --skip-sums: it says what is loaded."""
    (sealed / "images.list").write_text((sealed / "images.list").read_text().replace("/api:1.0.0", "/apj:1.0.0"))
    options = ["--plain-http", "--registry", f"127.0.0.1:{real.port}", "--trust", trusted(sealed, "vendor {key}")]
    for more in ([], ["--skip-sums"]):
        done = script(sealed, *options, *more)
        assert done.returncode == 1
        assert "images.list" in done.stderr
    assert stored(real) == set()
