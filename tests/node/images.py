"""The images of the node, made on this machine and loaded without a registry.

Under all of them is one file system by debootstrap: Debian with Python, PostgreSQL and Valkey. The platform's are made as their
Containerfiles say. `library/postgres` has Debian's server behind an entrypoint of the tests, and is not the official image.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import build
from tests.node import oci

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
REGISTRY = "test.local"
"""What global.imageRegistry names: nothing answers there, every image is on the node."""
PAUSE = f"{REGISTRY}/pause:1"
VERSIONS = ("1.0.0", "1.1.0")
"""Versions of the platform that there are images of."""
TOOLS = ("debootstrap",)
_SUITE, _MIRROR = "trixie", "http://deb.debian.org/debian"
_PACKAGES = ("python3", "postgresql-17", "valkey-server")
_POSTGRES = "/usr/lib/postgresql/17"
_LEFT_OUT = (
    "dev/", "proc/", "sys/", "tmp/", "run/", "boot/", "usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/info/",
    "var/cache/", "var/lib/apt/", "var/lib/postgresql/", "var/log/", "usr/lib/x86_64-linux-gnu/libLLVM",
    f"{_POSTGRES[1:]}/lib/llvmjit", f"{_POSTGRES[1:]}/lib/bitcode/",
)  # fmt: skip
_USERS = "root:x:0:0::/root:/bin/bash\npostgres:x:999:999::/var/lib/postgresql:/bin/bash\n"
_SAMPLE = "usr/share/postgresql/17/postgresql.conf.sample"


def make() -> Path:
    """The tar of every image, made anew when anything in it has changed."""
    base = _base()
    parts = [*sorted((ROOT / "images").rglob("*.py")), *sorted((ROOT / "images").glob("*.Containerfile")),
             *sorted((HERE / "files").iterdir()), HERE / "images.py", HERE / "oci.py",
             *(ROOT / "charts").glob("*/values.yaml")]  # fmt: skip
    state = hashlib.sha256(b"".join(path.read_bytes() for path in parts))
    state.update(str((build.build("minio"), build.build("weaviate"), base)).encode())
    target = base.parent / f"images-{state.hexdigest()[:12]}.tar"
    if not target.exists():
        for old in base.parent.glob("images-*.tar"):
            old.unlink()
        oci.layout(_images(oci.file_blob(base)), target.with_suffix(".new"))
        target.with_suffix(".new").rename(target)
    return target


def load(ctr: Any) -> None:
    """Give the node every image. `ctr` runs containerd's client."""
    done = ctr("images", "import", str(make()))
    assert done.returncode == 0, done.stderr


def _base() -> Path:
    """The layer under all of them, kept by what is in it."""
    made_of = hashlib.sha256(json.dumps([_SUITE, _PACKAGES, _LEFT_OUT]).encode()).hexdigest()[:12]
    directory = build.cache() / f"node-base-{made_of}"
    target = directory / "base.tar"
    if not target.exists():
        directory.mkdir(parents=True, exist_ok=True)
        print(f"base of the images: debootstrap of {_SUITE}", end=" ", flush=True)
        started = time.monotonic()
        _bootstrap(directory / "root", target)
        print(f"made in {time.monotonic() - started:.0f} s", flush=True)
    return target


def _bootstrap(root: Path, target: Path) -> None:
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", _SUITE, str(root), _MIRROR]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise build.CannotBuild(f"debootstrap: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    _listens_everywhere(root / _SAMPLE)
    oci.layer(lambda tar: tar.add(root, ".", filter=_wanted), target.with_suffix(".new"))
    shutil.rmtree(root)
    target.with_suffix(".new").rename(target)


def _listens_everywhere(sample: Path) -> None:
    """As in the official image: what initdb copies."""
    sample.write_text(sample.read_text() + "listen_addresses = '*'\n")


def _wanted(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if f"{info.name}".removeprefix("./").startswith(_LEFT_OUT) else info


def _images(base: oci.Blob) -> Iterator[oci.Image]:
    yield oci.Image((PAUSE,), (base,), ("/bin/sleep", "infinity"))
    yield from _platform(base)
    yield from _stores(base)


def _platform(base: oci.Blob) -> Iterator[oci.Image]:
    """The probe, and the stand-in under the name of each component and of the model's server."""
    yield containerfile(ROOT / "images/probe.Containerfile", base, *_versions("probe"))
    names = [name for one in ("control-plane", "data-plane", "maba", "kora", "amani") for name in _versions(one)]
    llm = _name(_values("sensei-full")["llm"]["image"])
    yield containerfile(ROOT / "images/standin.Containerfile", base, *names, llm)


def _versions(name: str) -> list[str]:
    return [f"{REGISTRY}/sensei/{name}:{version}" for version in VERSIONS]


def _values(chart: str) -> Any:
    return yaml.safe_load((ROOT / "charts" / chart / "values.yaml").read_text())


def _name(image: Mapping[str, str]) -> str:
    return f"{REGISTRY}/{image['repository']}:{image['tag']}"


def _stores(base: oci.Blob) -> Iterator[oci.Image]:
    values = _values("dependencies")
    postgres = values["postgresql"]["image"]
    yield _postgres(base, _name(postgres), "17")
    # No server of 18: for the refusal of the data of another major version, which comes before any server.
    yield _postgres(base, _name({**postgres, "tag": "18.0"}), "18")
    yield oci.Image((_name(values["redis"]["image"]),), (base,), command=("valkey-server",))
    yield _program(base, build.build("minio") / "minio", "/usr/bin/minio", _name(values["storage"]["minio"]["image"]))
    weaviate = build.build("weaviate") / "weaviate-server"
    yield _program(base, weaviate, "/bin/weaviate", _name(values["vectorDb"]["image"]))


def _program(base: oci.Blob, program: Path, entrypoint: str, name: str) -> oci.Image:
    place = f"usr/bin/{Path(entrypoint).name}"
    return oci.Image(
        (name,), (base, oci.layer(lambda tar: oci.add(tar, place, program.read_bytes(), 0o755))), (entrypoint,)
    )


def _postgres(base: oci.Blob, name: str, major: str) -> oci.Image:
    def fill(tar: tarfile.TarFile) -> None:
        oci.add(tar, "etc/passwd", _USERS.encode())
        entry = (HERE / "files/docker-entrypoint.sh").read_bytes()
        oci.add(tar, "usr/local/bin/docker-entrypoint.sh", entry, 0o755)

    path = f"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:{_POSTGRES}/bin"
    environ = {"PATH": path, "PG_MAJOR": major, "PGDATA": "/var/lib/postgresql/data", "LANG": "C.UTF-8"}
    entry = ("docker-entrypoint.sh",)
    return oci.Image((name,), (base, oci.layer(fill)), entry, ("postgres",), environ, stop_signal="SIGINT")


def containerfile(path: Path, base: oci.Blob, *names: str) -> oci.Image:
    """An image by a Containerfile that copies and says how to start, on this base."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        word, _, rest = line.partition(" ")
        found.setdefault(word, []).append(rest)
    unknown = set(found) - {"#", "ARG", "FROM", "LABEL", "ENV", "COPY", "USER", "ENTRYPOINT", ""}
    assert not unknown, f"{path.name}: no such instruction here: {unknown}"
    copies = [line.split() for line in found["COPY"]]

    def fill(tar: tarfile.TarFile) -> None:
        for source, to in copies:
            tar.add(path.parent / source, to.lstrip("/"), filter=_source)

    environ = dict(item.split("=", 1) for line in found["ENV"] for item in line.split())
    entry, user = json.loads(found["ENTRYPOINT"][0]), found["USER"][0]
    return oci.Image(names, (base, oci.layer(fill)), tuple(entry), environ=environ, user=user)


def _source(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    info.uid = info.gid = 0
    info.mode = 0o755 if info.isdir() else 0o644
    return None if "__pycache__" in info.name else info
