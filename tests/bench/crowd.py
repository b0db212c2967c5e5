"""Ten thousand pods on a real API server: what the health board costs, against `kubectl get pods`."""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sensei_tui.site.new import create_site
from tests.bench.measure import stopwatch
from tests.cluster.mirror import MERGE, Api
from tests.cluster.real import Place, real_cluster
from tests.fixtures_cluster import KUBECTL
from tests.terminal.line import Line

PODS = 10_000
AT_ONCE = 64
_POD = """
apiVersion: v1
kind: Pod
metadata:
  name: model
  labels: {app.kubernetes.io/name: sensei, app.kubernetes.io/instance: sensei, app.kubernetes.io/component: workers,
           app.kubernetes.io/part-of: sensei, app.kubernetes.io/managed-by: Helm, pod-template-hash: 5b4d9cb855}
spec:
  containers:
    - name: worker
      image: registry.example.com/sensei/data-plane:1.0.0
      ports: [{name: http, containerPort: 8080}, {name: metrics, containerPort: 9090}]
      env: [{name: A, value: "1"}, {name: B, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: C, value: "3"}]
      resources: {requests: {cpu: 1m, memory: 1Mi}, limits: {memory: 1Gi}}
      readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 5}
      livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 10}
"""


@dataclass(frozen=True)
class Measured:
    """Seconds, bytes received from the API server, peak resident bytes."""

    what: str
    wall: float
    cpu: float
    received: int
    resident: int

    def row(self) -> str:
        """As Markdown."""
        mb = f"{self.received / 1e6:.1f} MB | {self.resident / 1e6:.0f} MB"
        return f"| {self.what} | {self.wall:.2f} s | {self.cpu:.2f} s | {mb} |"


HEAD = """\
| with {pods:,} pods of {size:.1f} kB in the namespace | wall | CPU | received | memory |
| --- | --- | --- | --- | --- |"""


class Counter:
    """A relay to the API server that counts what it sends. TLS passes through untouched."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self.received = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=self._relay, args=(client, server), daemon=True).start()

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for one in ready:
                    try:
                        data = one.recv(1 << 18)
                        (server if one is client else client).sendall(data)
                    except OSError:
                        return
                    if not data:
                        return
                    self.received += len(data) if one is server else 0


async def fill(place: Place, count: int) -> float:
    """Copies of one pod as its kubelet has reported it. Returns kB of one."""
    model = place.admin.request("GET", f"/api/v1/namespaces/{place.namespace}/pods/model").body
    path, node = f"/api/v1/namespaces/{place.namespace}/pods", model["spec"]["nodeName"]
    spec = {key: value for key, value in model["spec"].items() if key != "volumes"}
    for container in spec["containers"]:
        container.pop("volumeMounts", None)
    api, turns = Api(place.admin), asyncio.Semaphore(AT_ONCE)

    async def copy(number: int) -> None:
        name = f"sensei-workers-5b4d9cb855-{number:05}"
        metadata = {"name": name, "labels": model["metadata"]["labels"]}
        async with turns:
            await api.ask("POST", path, {"metadata": metadata, "spec": {**spec, "nodeName": node}})
            await api.ask("PATCH", f"{path}/{name}/status", {"status": model["status"]}, MERGE)

    await asyncio.gather(*(copy(number) for number in range(count)))
    await api.close()
    return len(json.dumps(place.admin.request("GET", f"{path}/sensei-workers-5b4d9cb855-00000").body)) / 1000


def process(what: str, counter: Counter, command: list[str]) -> Measured:
    """A whole process; its memory is the kernel's own figure (wait4)."""
    before = counter.received
    with stopwatch() as watch:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
            _, status, usage = os.wait4(running.pid, 0)
            running.returncode = os.waitstatus_to_exitcode(status)
        assert running.returncode in (0, 1), command
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(what, watch.cost.wall, cpu, counter.received - before, usage.ru_maxrss * 1024)


def console(root: Path, counter: Counter, pods: int) -> Measured:
    """From the start of the console until every pod is on its Health board."""
    environ = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    before, command = counter.received, [sys.executable, "-m", "sensei_tui"]
    with stopwatch() as watch, Line(command, env=environ, cwd=root, columns=132, lines=43) as found:
        found.wait_for("What to do next:", timeout=60)
        found.press("4", "p")
        found.wait_for(f"{pods} pods", timeout=180)
        watch.stop()
        used = Path(f"/proc/{found.process.pid}/status").read_text()
        ticks = Path(f"/proc/{found.process.pid}/stat").read_text().rpartition(")")[2].split()
    peak = next(int(line.split()[1]) for line in used.splitlines() if line.startswith("VmHWM")) * 1024
    cpu = (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")
    return Measured("console until the Health board shows them", watch.cost.wall, cpu, counter.received - before, peak)


@contextmanager
def crowded(directory: Path, pods: int) -> Iterator[tuple[Place, float]]:
    """A namespace with so many pods, and kB of one. The kubelets stop once the first has run."""
    with real_cluster(directory) as cluster, cluster.place() as place:
        place.admin.kubectl("apply", "-f", "-", stdin=_POD)
        place.admin.kubectl("wait", "--for=condition=Ready", "pod/model", "--timeout=60s")
        cluster.nodes.rest()
        yield place, asyncio.run(fill(place, pods - 1))


def measure(directory: Path, pods: int = PODS) -> list[str]:
    """The table."""
    with crowded(directory, pods) as (place, size):
        counter = Counter(int(place.operator.url.rpartition(":")[2]))
        config: dict[str, Any] = yaml.safe_load(place.operator.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{counter.port}"
        kubeconfig = directory / "counted"
        kubeconfig.write_text(yaml.safe_dump(config))
        site = create_site(directory / "site", name="crowd", kubeconfig=str(kubeconfig), namespace=place.namespace)
        sensei = [sys.executable, "-m", "sensei_tui", "--site", str(site.root)]
        kubectl = [KUBECTL, f"--kubeconfig={kubeconfig}", f"--cache-dir={directory}", "get", "pods"]
        rows = [
            process("`kubectl get pods`", counter, kubectl),
            process("`kubectl get pods -o json`", counter, [*kubectl, "-o", "json"]),
            process("`sensei status`", counter, [*sensei, "status"]),
            console(site.root, counter, pods),
        ]
    return [HEAD.format(pods=pods, size=size), *(row.row() for row in rows)]


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        print("\n".join(measure(Path(name), int(sys.argv[1]) if sys.argv[1:] else PODS)))
