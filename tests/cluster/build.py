"""Builds the programs of a real cluster from the Go modules that `go/*/go.mod` pins; what is built is kept.

The cache is `$SENSEI_TEST_CACHE`, by default `~/.cache/sensei-tests`: one directory for each state of a go.mod.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

MODULES = Path(__file__).parent / "go"
_VERSION = "k8s.io/component-base/version"
_USUAL = (Path("/usr/local/go/bin/go"), Path("/usr/lib/go/bin/go"))
_GO_VERSION = re.compile(r"go(\d+)\.(\d+)")
LEAST_GO = (1, 26)
"""What the `go` lines of the go.mod files ask for."""


class Program(NamedTuple):
    """A main package; `name` is the file it becomes."""

    name: str
    package: str


KUBERNETES = tuple(
    Program(name, f"k8s.io/kubernetes/cmd/{name}")
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
)
PROGRAMS = {
    "newest": (*KUBERNETES, Program("etcd", "go.etcd.io/etcd/server/v3")),
    "oldest": KUBERNETES,
    "helm": (Program("helm", "helm.sh/helm/v4/cmd/helm"),),
    "node": tuple(Program(name, f"k8s.io/kubernetes/cmd/{name}") for name in ("kubelet", "kube-proxy")),
    "coredns": (Program("coredns", "github.com/coredns/coredns"),),
    "minio": (Program("minio", "github.com/minio/minio"),),
    "weaviate": (Program("weaviate-server", "github.com/weaviate/weaviate/cmd/weaviate-server"),),
    "registry": (Program("registry", "github.com/distribution/distribution/v3/cmd/registry"),),
    "dockerd": (Program("dockerd", "github.com/moby/moby/v2/cmd/dockerd"),),
    "crane": (Program("crane", "github.com/google/go-containerregistry/cmd/crane"),),
    "oras": (Program("oras", "oras.land/oras/cmd/oras"),),
}
"""By module: what is built from it. etcd serves every Kubernetes."""
CLUSTER, STORES = ("newest", "oldest", "helm"), ("minio", "weaviate", "registry", "dockerd", "crane", "oras")
NODE = ("newest", "oldest", "node", "coredns", "minio", "weaviate")
"""Modules that belong together."""
_MAIN = {"helm": "helm.sh/helm/v4", "minio": "github.com/minio/minio", "weaviate": "github.com/weaviate/weaviate",
         "coredns": "github.com/coredns/coredns", "registry": "github.com/distribution/distribution/v3",
         "dockerd": "github.com/moby/moby/v2", "crane": "github.com/google/go-containerregistry", "oras": "oras.land/oras"}  # fmt: skip


class CannotBuild(Exception):
    """Why there are no programs; the text names what is missing."""


def find_go() -> Path:
    """The go command. Raises CannotBuild where there is none, or an older one."""
    found = shutil.which("go")
    go = Path(found) if found else next((path for path in _USUAL if path.exists()), None)
    if go is None:
        raise CannotBuild("no Go toolchain on this machine (go on PATH, or in /usr/local/go)")
    done = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True)
    said = (done.stdout or done.stderr).strip()
    found_version = _GO_VERSION.match(said)
    if found_version is None or tuple(map(int, found_version.groups())) < LEAST_GO:
        raise CannotBuild(f"{go} says {said!r}; Go {'.'.join(map(str, LEAST_GO))} or newer is needed")
    return go


def version(module: str) -> str:
    """The pinned version of a module's main requirement: `v1.37.2`."""
    wanted = _MAIN.get(module, "k8s.io/kubernetes")
    lines = (MODULES / module / "go.mod").read_text().splitlines()
    return next(words[-1] for line in lines if (words := line.removesuffix("// indirect").split())[-2:-1] == [wanted])


def built(module: str) -> Path | None:
    """The directory of a module's programs, if they have been built."""
    directory = _directory(module)
    return directory if all((directory / one.name).exists() for one in PROGRAMS[module]) else None


def build(module: str) -> Path:
    """The directory of a module's programs, built when they are not there. Raises CannotBuild."""
    directory = _directory(module)
    with _locked(directory):
        if found := built(module):
            return found
        go, programs = find_go(), PROGRAMS[module]
        for number, program in enumerate(programs, 1):
            # The first takes most of the time: it compiles what all of them share.
            print(f"{module} {version(module)}: {program.name} ({number} of {len(programs)})", end=" ", flush=True)
            started = time.monotonic()
            _compile(go, module, program, directory / program.name)
            print(f"built in {time.monotonic() - started:.0f} s", flush=True)
    return directory


def _compile(go: Path, module: str, program: Program, target: Path) -> None:
    flags = "-s -w"
    if module not in _MAIN:
        major, minor, _ = version(module).removeprefix("v").split(".")
        marks = {"gitVersion": version(module), "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        flags += "".join(f" -X {_VERSION}.{key}={value}" for key, value in marks.items())
    environ = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
    # Kubernetes 1.30 would bring its cloud providers along without `providerless`.
    command = [str(go), "build", "-trimpath", "-tags", "providerless", "-ldflags", flags, "-o", f"{target}.new"]
    command.append(program.package)
    done = subprocess.run(command, cwd=MODULES / module, env=environ, capture_output=True, text=True)
    if done.returncode:
        raise CannotBuild(f"go build {program.package}: {done.stderr.strip()}")
    Path(f"{target}.new").rename(target)


def cache() -> Path:
    """Where what is built is kept."""
    return Path(os.environ.get("SENSEI_TEST_CACHE") or Path.home() / ".cache" / "sensei-tests")


def _directory(module: str) -> Path:
    pinned = hashlib.sha256(b"".join((MODULES / module / name).read_bytes() for name in ("go.mod", "go.sum")))
    directory = cache() / f"{module}-{version(module)}-{pinned.hexdigest()[:12]}"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One builder at a time."""
    with open(directory / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
