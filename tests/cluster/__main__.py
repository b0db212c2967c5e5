"""The real cluster by hand.

python -m tests.cluster build           build what is not there yet
python -m tests.cluster build stores    build the stores of tests/images, registry 3, a current Docker engine, crane and oras
python -m tests.cluster try             start each Kubernetes once, say what it is
python -m tests.cluster up [oldest]     keep one running: an administrator, and an operator with a namespace
"""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.cluster import build
from tests.cluster.real import real_cluster

KUBERNETES = ("newest", "oldest")


def main(arguments: list[str]) -> int:
    """The exit code: 0, or 2 where the programs can't be built."""
    command, *rest = arguments or ["help"]
    try:
        if command == "build":
            for module in build.STORES if rest == ["stores"] else rest or build.CLUSTER:
                build.build(module)
        elif command == "try":
            for module in KUBERNETES:
                _try(module)
        elif command == "up":
            _up(*rest)
        else:
            print(__doc__)
    except build.CannotBuild as error:
        print(f"The real cluster can't be built: {error}", file=sys.stderr)
        return 2
    return 0


def _try(module: str) -> None:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sensei-cluster-") as name, real_cluster(Path(name), module) as cluster:
        nodes = len(cluster.admin.request("GET", "/api/v1/nodes").body["items"])
        seconds = time.monotonic() - started
        print(f"Kubernetes {cluster.version} ({module}): {nodes} nodes ready after {seconds:.1f} s", flush=True)


def _up(module: str = "newest") -> None:
    with (
        tempfile.TemporaryDirectory(prefix="sensei-cluster-") as directory,
        real_cluster(Path(directory), module) as cluster,
        cluster.place() as place,
    ):
        print(f"Kubernetes {cluster.version}\nadmin     {cluster.admin.kubeconfig}")
        print(f"operator  {place.operator.kubeconfig}, namespace {place.namespace}\nCtrl+C ends it.", flush=True)
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
