"""A namespace of the node with the restricted standard, and a site directory that `sensei` installs it from."""

from __future__ import annotations

import base64
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.cluster.plane import ADMIN
from tests.node.engine import Node
from tests.node.stores import Stores

T = TypeVar("T")
VALUES = Path(__file__).parent / "values.yaml"
SMALL = ("cap.nodes", "cap.cpu", "cap.memory", "cap.storage", "disk.fsync")
"""Checks that a small, busy machine does not pass."""
_LABELS = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}
_numbers = itertools.count(1)


class Place:
    """One installation: its namespace, its site, its stores."""

    def __init__(self, node: Node, directory: Path) -> None:
        self.namespace = f"sensei-{next(_numbers)}"
        self.directory = directory
        self.admin = node.plane.client(ADMIN, self.namespace, home=f"admin-{self.namespace}")
        labels = {"metadata": {"name": self.namespace, "labels": _LABELS}}
        assert self.admin.request("POST", "/api/v1/namespaces", labels).status == 201

    # the product's own command

    def sensei(self, *arguments: str, stdin: str = "", check: bool = True, seconds: float = 600) -> str:
        """What `sensei` prints. Raises AssertionError with all of it when it fails (and `check`)."""
        command = [sys.executable, "-m", "sensei_tui", *arguments]
        done = subprocess.run(
            command, cwd=self.directory, input=stdin, capture_output=True, text=True, timeout=seconds, check=False
        )
        said = done.stdout + done.stderr
        assert not check or done.returncode == 0, f"sensei {' '.join(arguments)} ({done.returncode}):\n{said}"
        return said

    def make_site(self, values: Path = VALUES) -> None:
        """As an operator does it: init, the cluster, values, licence; and the checks a small node fails are waived."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.sensei("init", ".", "--name", self.namespace, "--namespace", self.namespace)
        self.sensei("site", "set", "--kubeconfig", str(self.admin.kubeconfig))
        (self.directory / "values.yaml").write_text(values.read_text())
        self.sensei("config", "set", "global.domain", f"{self.namespace}.test.local")
        self.sensei("license", "set", "--organization", "Tests", stdin="A-KEY-OF-TESTS\n")
        for check in SMALL:
            self.sensei("preflight", "-q", "--waive", f"{check}=a node of the tests", check=False)

    def install(self) -> str:
        return self.sensei("install", "--yes", "--plain", "--timeout", "200")

    # the cluster

    def get(self, kind: str, *names: str) -> Any:
        """kubectl get, as JSON."""
        return json.loads(self.admin.kubectl("get", kind, *names, "-o", "json"))

    def pods(self, component: str = "") -> list[Any]:
        labels = "app.kubernetes.io/name=sensei" + (f",app.kubernetes.io/component={component}" if component else "")
        return list(self.get("pod", "-l", labels)["items"])

    def secret(self, name: str) -> dict[str, str]:
        """A Secret's values."""
        data = self.get("secret", name)["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def job(self, name: str, cron_job: str) -> str:
        """Run a CronJob's work now, as the guide says it for kubectl; what its containers said."""
        self.admin.kubectl("create", "job", name, f"--from=cronjob/{cron_job}")
        self.until(lambda: self._ended(name), 180)
        said = self.admin.kubectl("logs", f"job/{name}", "--all-containers", "--prefix")
        assert self._ended(name) == "Complete", said
        return said

    def _ended(self, name: str) -> str:
        conditions = self.get("job", name)["status"].get("conditions", [])
        return next((one["type"] for one in conditions if one["type"] in ("Complete", "Failed")), "")

    def scale(self, replicas: int) -> None:
        """The platform's components, as the guide says it, until no more and no fewer are ready."""
        self.admin.kubectl("scale", "deployment", "-l", "app.kubernetes.io/instance=sensei", f"--replicas={replicas}")
        counts = ("replicas", "readyReplicas", "updatedReplicas")
        wanted = [replicas] * len(counts)
        self.until(lambda: all([one["status"].get(key, 0) for key in counts] == wanted for one in self.deployments()))

    def deployments(self) -> list[Any]:
        return list(self.get("deployment")["items"])

    def stores(self) -> Stores:
        """The stores at their Services, which this process reaches as a pod would."""
        addresses = {one["metadata"]["name"]: one["spec"]["clusterIP"] for one in self.get("service")["items"]}
        return Stores(addresses, self.secret("sensei-credentials"))

    def until(self, ready: Callable[[], T], seconds: float = 120) -> T:
        """The first true answer of `ready`. Raises AssertionError with the pods as they are then."""
        deadline = time.monotonic() + seconds
        while not (found := ready()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not so after {seconds:.0f} s:\n{self.admin.kubectl('get', 'pod,job')}")
            time.sleep(0.2)
        return found


@contextmanager
def place(node: Node, directory: Path) -> Iterator[Place]:
    """A place with a site for the time of the block; its pods are ended at once."""
    found = Place(node, directory)
    try:
        found.make_site()
        yield found
    finally:
        found.admin.kubectl("delete", "namespace", found.namespace, "--wait=false", check=False)
        found.admin.kubectl("delete", "pod", "--all", "--grace-period=1", "--wait=false", check=False)
