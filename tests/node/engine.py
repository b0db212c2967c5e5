"""One real node: containerd, kubelet, kube-proxy, CoreDNS and a provisioner beside a real control plane, apart from the machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import build
from tests.cluster.plane import ControlPlane
from tests.fixtures_cluster import Client
from tests.node import apart, images, storage

NAME = "node-1"
ADDRESS = "10.244.0.1"
"""Of the node on its bridge: where its DNS and the tests' registry are."""
PODS = "10.244.0.0/24"
BRIDGE = "cni0"
SOCKET = "/run/containerd/containerd.sock"
_CNI_PLUGINS = "/usr/lib/cni"
TOOLS = ("containerd", "ctr", "runc", "iptables", "conntrack", "unshare", "ip", f"{_CNI_PLUGINS}/bridge",
         "docker-registry", "htpasswd")  # fmt: skip
"""Programs of the distribution."""
MODULE = "oldest"
"""The Kubernetes of this node: newer kubelets refuse the cgroups of version 1, and want a newer containerd."""


def why_not() -> str:
    """Why there can't be a node on this machine; empty where there can."""
    if os.geteuid() != 0:
        return "a real node needs root"
    missing = [name for name in (*TOOLS, *images.TOOLS) if not shutil.which(name)]
    return f"not installed: {', '.join(missing)}" if missing else ""


class Node:
    """A cluster of one node, with its administrator's access."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.plane = ControlPlane(directory / "plane", MODULE)
        self._programs: list[subprocess.Popen[bytes]] = []

    @property
    def admin(self) -> Client:
        return self.plane.admin

    def start(self) -> None:
        """Everything, until the node takes pods. Raises AssertionError with a program's last words."""
        _network(self.directory)
        self.plane.start()
        self._start_containerd()
        images.load(ctr)
        self._start_kubernetes()
        self.plane.until(self._ready)

    def stop(self) -> None:
        """End the programs; containers end with the namespaces."""
        for program in reversed(self._programs):
            program.terminate()
        for program in self._programs:
            program.wait(20)
        self.plane.stop()

    def log(self, name: str) -> str:
        """What a program has written."""
        return (self.directory / f"{name}.log").read_text(errors="replace")

    def _start_containerd(self) -> None:
        path = self.directory / "containerd.toml"
        path.write_text(_CONTAINERD)
        self._run("containerd", f"--config={path}")
        self._until("containerd", lambda: ctr("version").returncode == 0)

    def _start_kubernetes(self) -> None:
        programs = build.build("node")
        kubeconfig = self.admin.kubeconfig
        apart.make_cgroups(self.directory)
        config = self.directory / "kubelet.yaml"
        config.write_text(yaml.safe_dump(_kubelet(self.directory)))
        self._run(
            programs / "kubelet", f"--config={config}", f"--kubeconfig={kubeconfig}", f"--hostname-override={NAME}",
            f"--node-ip={ADDRESS}",
        )  # fmt: skip
        self._run(programs / "kube-proxy", f"--kubeconfig={kubeconfig}", f"--hostname-override={NAME}", *_PROXY)
        corefile = self.directory / "Corefile"
        corefile.write_text(_COREFILE.format(address=ADDRESS, registry=images.REGISTRY, kubeconfig=kubeconfig))
        self._run(build.build("coredns") / "coredns", f"-conf={corefile}")

    def _ready(self) -> bool:
        for program in self._programs:
            assert program.poll() is None, f"{program.args!r} ended:\n{self._last_words(program)}"
        found = self.admin.request("GET", f"/api/v1/nodes/{NAME}")
        if found.status != 200:
            return False
        conditions = {one["type"]: one["status"] for one in found.body["status"].get("conditions", [])}
        return conditions.get("Ready") == "True" and not found.body["spec"].get("taints")

    def _last_words(self, program: subprocess.Popen[bytes]) -> str:
        arguments: Any = program.args
        return self.log(Path(arguments[0]).name)[-3000:]

    def _until(self, name: str, ready: Any, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < deadline, f"{name} does not start:\n{self.log(name)[-3000:]}"
            time.sleep(0.1)

    def _run(self, program: str | Path, *arguments: str) -> None:
        command = [str(program), *arguments]
        with open(self.directory / f"{Path(program).name}.log", "ab") as log:
            self._programs.append(
                subprocess.Popen(command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            )


def ctr(*arguments: str) -> subprocess.CompletedProcess[str]:
    """containerd's own client, in the namespace of Kubernetes."""
    command = ["ctr", "--address", SOCKET, "--namespace", "k8s.io", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@contextmanager
def running_node(directory: Path) -> Iterator[Node]:
    """A node with its volumes' provisioner for the time of the block."""
    node = Node(directory)
    with ExitStack() as stack:
        stack.callback(node.stop)
        node.start()
        stack.enter_context(storage.provisioner(node.admin, directory / "volumes", NAME))
        yield node


def _network(directory: Path) -> None:
    """The bridge of the pods. The default route leads nowhere: there is no other network in here."""
    for command in (
        f"link add {BRIDGE} type bridge", f"addr add {ADDRESS}/24 dev {BRIDGE}", f"link set {BRIDGE} up",
        f"route add default dev {BRIDGE}",
    ):  # fmt: skip
        subprocess.run(["ip", *command.split()], check=True)
    for name in ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"):
        Path(f"/proc/sys/{name}").write_text("1")
    cni = Path("/run/cni")
    cni.mkdir()
    (cni / "10-bridge.conflist").write_text(json.dumps(_CNI))
    (directory / "resolv.conf").write_text(f"nameserver {ADDRESS}\n")


def _kubelet(directory: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "address": ADDRESS,
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"}, "cgroupDriver": "cgroupfs", "cgroupRoot": apart.cgroup(directory),
        "containerRuntimeEndpoint": f"unix://{SOCKET}", "clusterDNS": [ADDRESS], "clusterDomain": "cluster.local",
        "resolvConf": str(directory / "resolv.conf"), "failSwapOn": False, "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    }  # fmt: skip


_CNI = {
    "cniVersion": "0.4.0", "name": "pods",
    "plugins": [{
        "type": "bridge", "bridge": BRIDGE, "isGateway": True, "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }],
}  # fmt: skip
_CONTAINERD = f"""
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{images.PAUSE}"
  disable_apparmor = true
  # Root in a container or a small virtual machine may not have the right to less than its own.
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{_CNI_PLUGINS}"
  conf_dir = "/run/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
"""
# Nothing of the connection table is changed: its limits are the machine's.
_PROXY = ("--proxy-mode=iptables", f"--cluster-cidr={PODS}", "--conntrack-max-per-core=0", "--conntrack-min=0",
          "--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
          "--healthz-bind-address=127.0.0.1:10256", "--metrics-bind-address=127.0.0.1:10249")  # fmt: skip
_COREFILE = """
.:53 {{
    bind {address}
    errors
    hosts {{
        {address} {registry}
        fallthrough
    }}
    kubernetes cluster.local {{
        kubeconfig {kubeconfig}
    }}
    cache 2
}}
"""
