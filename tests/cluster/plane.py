"""A real control plane on the loopback address: etcd, kube-apiserver, kube-controller-manager, kube-scheduler."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sensei_tui.rehearsal import tls
from tests.cluster import build
from tests.fixtures_cluster import Client

ADMIN = "admin"
OPERATORS = 2000
"""Users `operator-0001`, ... that may do nothing until a test binds a role to one."""
GROUP = "sensei-operators"
_START_SECONDS = 120.0
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata", "userGroups": [GROUP]}, {"level": "None"}],
}  # fmt: skip


class ControlPlane:
    """One cluster in a directory. `start` and `stop` may be called again: etcd keeps what there is."""

    def __init__(self, directory: Path, module: str = "newest") -> None:
        self.directory = directory
        self.module = module
        self._programs = {"etcd": build.build("newest"), **dict.fromkeys(_NAMES, build.build(module))}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        directory.mkdir(parents=True, exist_ok=True)
        self._port, self._etcd, self._peer = free_ports(3)
        self.url = f"https://127.0.0.1:{self._port}"
        self.ca, self._certificate, self._key = tls.ensure(directory / "tls")
        _write_files(directory)
        self.admin = self.client(ADMIN)

    @property
    def version(self) -> str:
        """As the API server reports it."""
        return str(self.admin.request("GET", "/version").body["gitVersion"])

    @property
    def audit_log(self) -> Path:
        """What the operators have asked for: one audit.k8s.io/v1 Event a line."""
        return self.directory / "audit.log"

    def client(self, user: str, namespace: str = "default", *, home: str = "") -> Client:
        """A user's access, with a kubeconfig in a directory of its own (`home`, by default its name)."""
        path = self.directory / "users" / (home or user) / "kubeconfig"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(_kubeconfig(self.url, self.ca, user, namespace)))
        return Client(path, self.url, _token(user), self.ca)

    def start(self) -> None:
        """Start everything and wait until it works. Raises AssertionError with a program's last words."""
        self.start_etcd()
        self.start_api()
        self._run("kube-controller-manager", **_MANAGER)
        self._run("kube-scheduler", **_SCHEDULER)
        self.until(
            lambda: self.admin.request("GET", "/api/v1/namespaces/default/serviceaccounts/default").status == 200
        )

    def stop(self) -> None:
        """End everything, without the API server's long goodbye to those who watch."""
        for name in reversed(list(self._running)):
            self.kill(name)

    def start_etcd(self) -> None:
        client, peer = f"http://127.0.0.1:{self._etcd}", f"http://127.0.0.1:{self._peer}"
        self._run(
            "etcd", data_dir=self.directory / "etcd", unsafe_no_fsync="true", log_level="warn",
            listen_client_urls=client, advertise_client_urls=client, listen_peer_urls=peer,
            initial_advertise_peer_urls=peer, initial_cluster=f"default={peer}", quota_backend_bytes=8 << 30,
        )  # fmt: skip
        self.until(lambda: _answers(f"{client}/health"))

    def start_api(self) -> None:
        self._run(
            "kube-apiserver", etcd_servers=f"http://127.0.0.1:{self._etcd}", secure_port=self._port,
            bind_address="127.0.0.1", tls_cert_file=self._certificate, tls_private_key_file=self._key,
            token_auth_file="tokens.csv", authorization_mode="RBAC", allow_privileged="true",
            service_cluster_ip_range="10.96.0.0/16", service_account_issuer="https://kubernetes.default.svc",
            service_account_key_file="accounts.key", service_account_signing_key_file="accounts.key",
            audit_policy_file="audit-policy.yaml", audit_log_path=self.audit_log, etcd_compaction_interval="0",
            endpoint_reconciler_type="none", kubelet_preferred_address_types="InternalIP",
            max_requests_inflight=2000, max_mutating_requests_inflight=2000,
        )  # fmt: skip
        self.until(lambda: self.admin.request("GET", "/readyz").status == 200)

    def kill(self, name: str) -> None:
        """End one program as a power cut would."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def compact(self) -> int:
        """Make etcd forget all but the newest revision, which is returned."""
        reply = _etcd_call(self._etcd, "kv/range", {"key": "AA==", "limit": 1})
        revision = int(reply["header"]["revision"])
        _etcd_call(self._etcd, "kv/compaction", {"revision": revision, "physical": True})
        return revision

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def until(self, ready: Any, seconds: float = _START_SECONDS) -> None:
        """Wait until `ready()` is true; OSError means not yet."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._check()
            with suppress(OSError):
                if ready():
                    return
            time.sleep(0.05)
        raise AssertionError(f"not ready after {seconds:.0f} s")

    def _check(self) -> None:
        for name, process in self._running.items():
            if process.poll() is not None:
                said = (self.directory / f"{name}.log").read_text(errors="replace")[-3000:]
                raise AssertionError(f"{name} ended with {process.returncode}:\n{said}")

    def _run(self, name: str, **flags: object) -> None:
        command = [str(self._programs[name] / name)]
        command += [f"--{key.replace('_', '-')}={value}" for key, value in flags.items()]
        with open(self.directory / f"{name}.log", "ab") as log:
            self._running[name] = subprocess.Popen(
                command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )


_NAMES = tuple(program.name for program in build.KUBERNETES)
_CLIENT = {"kubeconfig": f"users/{ADMIN}/kubeconfig", "leader_elect": "false", "secure_port": "0",
           "kube_api_qps": "500", "kube_api_burst": "1000"}  # fmt: skip
_MANAGER = {
    **_CLIENT, "service_account_private_key_file": "accounts.key", "root_ca_file": "tls/ca.crt",
    # The kubelets of the tests send no heartbeats.
    "node_monitor_grace_period": "24h",
}  # fmt: skip
_SCHEDULER = {**_CLIENT, "pod_max_in_unschedulable_pods_duration": "10s"}


@contextmanager
def running_plane(directory: Path, module: str = "newest") -> Iterator[ControlPlane]:
    """A control plane for the time of the block."""
    plane = ControlPlane(directory, module)
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


def operator_name(number: int) -> str:
    return f"operator-{number:04}"


def _write_files(directory: Path) -> None:
    users = [(ADMIN, "system:masters"), *((operator_name(number), GROUP) for number in range(1, OPERATORS + 1))]
    (directory / "tokens.csv").write_text("".join(f'{_token(name)},{name},{name},"{group}"\n' for name, group in users))
    (directory / "audit-policy.yaml").write_text(json.dumps(_AUDIT))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    (directory / "accounts.key").write_bytes(pem)


def _token(user: str) -> str:
    return f"token-of-{user}"


def _kubeconfig(url: str, ca: Path, user: str, namespace: str) -> dict[str, Any]:
    authority = base64.b64encode(ca.read_bytes()).decode()
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": "real",
        "clusters": [{"name": "real", "cluster": {"server": url, "certificate-authority-data": authority}}],
        "users": [{"name": user, "user": {"token": _token(user)}}],
        "contexts": [{"name": "real", "context": {"cluster": "real", "user": user, "namespace": namespace}}],
    }  # fmt: skip


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)


def _etcd_call(port: int, method: str, body: dict[str, Any]) -> Any:
    """A request through etcd's JSON gateway."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v3/{method}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
