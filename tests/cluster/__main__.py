"""A real cluster by hand: `python -m tests.cluster build` or `python -m tests.cluster up [oldest]`."""

from __future__ import annotations

import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from tests.cluster import build
from tests.cluster.real import real_cluster


def main(arguments: list[str]) -> int:
    """The exit code: 0, or 2 where the programs can't be built."""
    command, *rest = arguments or ["help"]
    try:
        if command == "build":
            for module in rest or build.PROGRAMS:
                build.build(module)
        elif command == "up":
            _up(*rest)
        else:
            print(__doc__)
    except build.CannotBuild as error:
        print(f"The real cluster can't be built: {error}", file=sys.stderr)
        return 2
    return 0


def _up(module: str = "newest") -> None:
    with (
        tempfile.TemporaryDirectory(prefix="sensei-cluster-") as directory,
        real_cluster(Path(directory), module) as cluster,
        cluster.place() as place,
    ):
        print(f"Kubernetes {cluster.version}\nadmin     {cluster.admin.kubeconfig}")
        print(f"operator  {place.operator.kubeconfig}, namespace {place.namespace}\nCtrl+C ends it.", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
