"""Bundles against what an operator could use instead: cp, sha256sum, curl, skopeo, docker-registry.

Ten images of 3 GB that share layers, of noise: nothing here can be compressed. Sources are dropped from the page cache
before each turn, registries are empty. `python -m tests.bench.bundles [GB]` prints the table alone.

Goals are ratios of wall time: 0.8 of another's speed is 1.25 of its time.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sensei_tui.bundle.load import target_of
from sensei_tui.bundle.opened import Bundle
from sensei_tui.bundle.pool import reachable
from sensei_tui.helm.images import needed
from sensei_tui.registry.reference import Place
from tests.bench.measure import HEAD, Cost, Ratio, Work, alternated, stopwatch
from tests.bundle.images import LayoutMaker
from tests.registry.real import PASSWORD, PROGRAM, USER, Real

TURNS = 3
MIB = 1 << 20
SENSEI = (sys.executable, "-m", "sensei_tui")
PARALLEL = 4


class Stage:
    """The images, their bundle, and places to work in."""

    def __init__(self, root: Path, size: int) -> None:
        self.root, self.layout = root, root / "layout"
        _images(self.layout, size)
        self.blobs = sorted((self.layout / "blobs" / "sha256").iterdir())
        self.bundle = root / "bundle.tar.gz"
        self.create(self.bundle)
        self.size = sum(item.stat().st_size for item in self.blobs)

    def create(self, target: Path) -> None:
        command = ["bundle", "create", "--images-from", f"oci:{self.layout}", "--output", str(target)]
        _run([*SENSEI, *command], cwd=self.root)

    def forget(self) -> None:
        """Out of the page cache, where the kernel will."""
        _forget((*self.blobs, self.bundle))


def _forget(paths: Iterable[Path]) -> None:
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _images(root: Path, size: int) -> None:
    """A base of a sixth that all share, a library of a sixth that half share, the rest their own."""
    maker = LayoutMaker(root)

    def layer(count: int) -> dict[str, object]:
        return maker.put(os.urandom(count), "application/vnd.oci.image.layer.v1.tar+gzip")

    names = [item.name for item in needed({})]
    base, library = layer(size // 6), layer(size // 6)
    for number, name in enumerate(names):
        own = [layer(size * 2 // 3 // len(names) // 2) for _ in range(2)]
        maker.name(maker.manifest([base, *([library] if number % 2 else []), *own]), name)
    maker.done()


def _run(command: list[str] | tuple[str, ...], cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    subprocess.run(command, check=True, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _peak(command: list[str]) -> float:
    """MiB of memory that a command has at most; started by a small process, for a fork counts its parent's."""
    script = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", script, *command], check=True, capture_output=True, text=True)
    return int(done.stdout) / 1024


def timed(stage: Stage, work: Callable[[], None], clean: Callable[[], None] = lambda: None) -> Work:
    """Cold, and what it left is taken away afterwards."""

    def once() -> Cost:
        stage.forget()
        with stopwatch() as watch:
            work()
            watch.stop()
        clean()
        return watch.cost

    return once


def creating(stage: Stage) -> list[Ratio]:
    made, copied = stage.root / "made.tar.gz", stage.root / "copied"
    ours = timed(stage, lambda: stage.create(made), made.unlink)
    copy = f"cp -r {stage.layout} {copied} && sync -f {copied}"
    theirs = timed(stage, lambda: _run(["sh", "-c", copy]), lambda: shutil.rmtree(copied))
    both = alternated(ours, theirs, TURNS)
    return [Ratio("`bundle create` from a layout, on the disk", "`cp -r` of the layout and `sync`", 1.25, *both)]


def verifying(stage: Stage) -> list[Ratio]:
    sums = stage.root / "sums"
    sums.write_text("".join(f"{item.name}  {item}\n" for item in stage.blobs))
    verify = [*SENSEI, "bundle", "verify", "--allow-unsigned", str(stage.bundle)]
    ours, theirs = (
        timed(stage, lambda: _run(verify)),
        timed(stage, lambda: _run(["sha256sum", "--quiet", "-c", str(sums)])),
    )
    hashing = timed(stage, lambda: _hash(stage.blobs))
    measured, checked = alternated(ours, theirs, TURNS)
    _, bare = alternated(ours, hashing, TURNS)
    return [
        Ratio("`bundle verify`", "`sha256sum -c` of the blobs", 0.333, measured, checked),
        Ratio("`bundle verify`", "hashlib alone over the blobs, two threads", 1.18, measured, bare),
    ]


def _hash(paths: list[Path]) -> None:
    """What reading and hashing cost with nothing around them, in a process of its own."""
    script = (
        "import hashlib, sys\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "def one(path):\n    with open(path, 'rb', 0) as file: return hashlib.file_digest(file, 'sha256').hexdigest()\n"
        "with ThreadPoolExecutor(2) as pool: list(pool.map(one, sys.argv[1:]))\n"
    )
    _run([sys.executable, "-c", script, *map(str, paths)])


class Loads:
    """The same images into an empty registry, again and again."""

    def __init__(self, stage: Stage, real: Real) -> None:
        self.stage, self.real = stage, real
        self.env = {**os.environ, "HOME": str(stage.root), "DOCKER_CONFIG": str(stage.root / "docker")}
        if real.ca:
            (stage.root / "docker").mkdir(exist_ok=True)
            token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            config = {"auths": {str(real.place): {"auth": token}}}
            (stage.root / "docker" / "config.json").write_text(json.dumps(config))

    def clean(self) -> None:
        shutil.rmtree(self.real.root / "blobs", ignore_errors=True)

    def load(self) -> None:
        tls = ["--ca", str(self.real.ca)] if self.real.ca else ["--plain-http"]
        command = ["bundle", "load", str(self.stage.bundle), "--registry", f"{self.real.place}/m", "--allow-unsigned"]
        _run([*SENSEI, *command, *tls], env=self.env)

    def curl(self) -> None:
        """The ceiling: bare blobs, four at a time, no question whether they are there, no manifest."""
        scheme = "https" if self.real.ca else "http"
        options = f"--cacert {self.real.ca} -u '{USER}:{PASSWORD}'" if self.real.ca else ""
        script = (
            f"at=$(curl -fsS {options} -X POST -D - -o /dev/null {scheme}://{self.real.place}/v2/m/blobs/uploads/"
            " | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p');"
            f' exec curl -fsS {options} -H Expect: -o /dev/null -T "$1" "$at&digest=sha256:$(basename "$1")"'
        )
        names = "\0".join(map(str, self.stage.blobs)).encode()
        command = ["xargs", "-0", "-n1", f"-P{PARALLEL}", "sh", "-c", script, "sh"]
        subprocess.run(command, input=names, check=True, stdout=subprocess.DEVNULL)

    def skopeo(self) -> None:
        for item in needed({}):
            target = f"docker://{self.real.place}/s/{item.name.split('/', 1)[1]}"
            _run(["skopeo", "copy", "--all", "--dest-tls-verify=false", f"oci:{self.stage.layout}:{item.name}", target])


@contextmanager
def registry(root: Path, *, secured: bool) -> Iterator[Real]:
    found = Real(root)
    if secured:
        found.with_tls().with_login()
    found.start()
    try:
        yield found
    finally:
        found.kill()


def loading(stage: Stage) -> list[Ratio]:
    found: list[Ratio] = []
    with registry(stage.root / "plain", secured=False) as real:
        loads = Loads(stage, real)
        ours, ceiling = alternated(timed(stage, loads.load, loads.clean), timed(stage, loads.curl, loads.clean), TURNS)
        found.append(
            Ratio("first load, hashed on the way", "four parallel `curl -T` of the bare blobs", 1.25, ours, ceiling)
        )
        if shutil.which("skopeo"):
            _, other = alternated(lambda: Cost(0, 0), timed(stage, loads.skopeo, loads.clean), TURNS)
            found.append(Ratio("first load", "`skopeo copy --all`, one image after another", 0.556, ours, other))
        loads.load()
        again, _ = alternated(timed(stage, loads.load), lambda: Cost(0, 0), TURNS)
        found.append(Ratio("second load", "the first", 0.02, again, ours))
        found += serving(stage, real)
    with registry(stage.root / "secured", secured=True) as real:
        loads = Loads(stage, real)
        both = alternated(timed(stage, loads.load, loads.clean), timed(stage, loads.curl, loads.clean), TURNS)
        found.append(Ratio("first load, TLS and login", "four parallel `curl -T`, TLS and login", 1.18, *both))
    return found


def serving(stage: Stage, real: Real) -> list[Ratio]:
    """Every blob once, four at a time, from the registry and from the bundle itself."""
    bundle = Bundle.open(stage.bundle)
    wanted = {digest: target_of(item, Place("localhost")).repository
              for item in bundle.contents.items for digest in reachable(bundle.documents, item.digest)
              if digest not in bundle.documents}  # fmt: skip
    command = [*SENSEI, "bundle", "serve", str(stage.bundle), "--listen", "127.0.0.1:0", "--allow-unsigned"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout
        address = server.stdout.readline().split(" at ")[1].split(",")[0]
        ours = timed(stage, lambda: _pull(f"{address}/v2/{name}/blobs/{digest}" for digest, name in wanted.items()))
        there = f"http://{real.place}/v2/m"
        theirs = timed(
            stage,
            lambda: _pull(f"{there}/{name}/blobs/{digest}" for digest, name in wanted.items()),
            lambda: _forget((real.root / "blobs").rglob("data")),
        )
        try:
            both = alternated(ours, theirs, TURNS)
        finally:
            server.terminate()
    return [Ratio("pulled from `bundle serve`", "pulled from docker-registry", 1.0, *both)]


def _pull(urls: Iterable[str]) -> None:
    command = ["xargs", "-n1", f"-P{PARALLEL}", "curl", "-fsS", "-o", "/dev/null"]
    subprocess.run(command, input="\n".join(urls), check=True, text=True)


def memory(stage: Stage) -> list[str]:
    """What no blob's size may change; the largest blob here has a sixth of all bytes."""
    made = stage.root / "made.tar.gz"
    create = [*SENSEI, "bundle", "create", "--images-from", f"oci:{stage.layout}", "--output", str(made)]
    verify = [*SENSEI, "bundle", "verify", "--allow-unsigned", str(stage.bundle)]
    with registry(stage.root / "measured", secured=False) as real:
        load = [*SENSEI, "bundle", "load", str(stage.bundle), "--registry", str(real.place), "--allow-unsigned"]
        found = {"create": create, "verify": verify, "load": [*load, "--plain-http"]}
        told = ", ".join(f"{name} {_peak(command):.0f} MiB" for name, command in found.items())
    return [f"Memory at most: {told} (goal 150)."]


def measure(size: int) -> tuple[list[Ratio], list[str]]:
    """The table, and what is no time."""
    if PROGRAM is None:
        return [], ["Bundles were not measured: docker-registry is not installed."]
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stage = Stage(root, size)
        table = [*creating(stage), *verifying(stage), *loading(stage)]
        share = stage.bundle.stat().st_size / stage.size
        told = memory(stage)
    return table, [
        f"{stage.size / 1e9:.2f} GB in {len(stage.blobs)} blobs; the bundle is {share:.5f} of them (goal 1.001).",
        *told,
    ]


def main() -> int:
    """Print; 1 where a goal is missed."""
    size = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    table, told = measure(int(size * 1e9))
    print(HEAD, *(ratio.row() for ratio in table), "", *told, sep="\n")
    return 0 if all(ratio.met for ratio in table) else 1


if __name__ == "__main__":
    sys.exit(main())
