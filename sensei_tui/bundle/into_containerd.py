"""containerd on this node, by its own client `ctr`."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Final

from sensei_tui.bundle.runtimes import NoRuntime, this_architecture
from sensei_tui.registry.reference import Reference

_PLUGIN = re.compile(r"\s*io\.containerd\.(\S+)\s+ID:\s+(\S+)\s.*?\sroot\s+(/[^\n]*?) *\n", re.DOTALL)
"""Type, ID, and the directory that it has."""
_CHECKED = re.compile(r"(\S+)\s+\S+\s+(sha256:[0-9a-f]{64})\s+(\w+)\b.*?\s(true|false)\s*")
"""Name, digest, `complete` or another word, and whether it is unpacked."""
_REFERS = re.compile(r"containerd\.io/gc\.ref\.content\.[^=,\s]+=(sha256:[0-9a-f]{64})")
"""By which containerd itself knows what it must keep."""
SNAPSHOTTER: Final = "CONTAINERD_SNAPSHOTTER"
"""ctr's own."""
KUBELETS: Final = "k8s.io"
"""Its namespace: https://github.com/containerd/containerd/blob/main/docs/cri/architecture.md."""
_OTHER: Final = "K3s and RKE2 have one of their own: --address /run/k3s/containerd/containerd.sock"
_RUNNING: Final = f"Is it running, and is this user allowed to use its socket (root)? {_OTHER}"
_AGAIN: Final = (
    f"What is there is not sent again. Where a node has another snapshotter than overlayfs, name it in {SNAPSHOTTER}."
)


class Containerd:
    """Each image is sent for itself, without what the content store has."""

    one_by_one = True

    def __init__(self, address: str, namespace: str) -> None:
        """Raises NoRuntime where there is no `ctr`, nobody answers it, or the namespace is not there."""
        self.architecture = this_architecture()
        # The kubelet's settings and crictl's write it so; ctr does not take it.
        self._address = address.removeprefix("unix://")
        self._command = ("ctr", "--address", self._address, "--namespace", namespace)
        if shutil.which("ctr") is None:
            raise NoRuntime(
                "containerd's client ctr is not here.", remedy="Run this on a node, or load into a registry: --registry"
            )
        self._connect()
        self.told = self._namespace(namespace)

    def _connect(self) -> None:
        """`ctr` waits ten seconds for a socket that is not there."""
        with socket.socket(socket.AF_UNIX) as trial:
            try:
                trial.connect(self._address)
            except OSError as error:
                why = error.strerror or str(error)
                raise NoRuntime("containerd does not answer.", where=self._address, why=why, remedy=_RUNNING) from None

    def _namespace(self, wanted: str) -> str:
        """What is to be said of it. Raises NoRuntime where it is not there: nobody would look into a new one."""
        there = self._ask("namespaces", "ls", "-q").split()
        if wanted in there:
            return ""
        if wanted == KUBELETS:
            return f"No kubelet has used this containerd yet: it has no namespace {wanted}. {_OTHER}"
        raise NoRuntime(
            f"containerd has no namespace {wanted}.", where=self._address, why=f"it has {', '.join(there) or 'none'}",
            remedy=f"A kubelet uses {KUBELETS}. One of your own: ctr namespaces create {wanted}",
        )  # fmt: skip

    def name(self, wanted: Reference) -> str:
        """The kubelet's side of it (CRI) drops the tag of a name with a digest, and looks for the rest."""
        return str(replace(wanted, tag="") if wanted.digest else wanted)

    def there(self) -> dict[str, frozenset[str]]:
        return {match[1]: frozenset({match[2]}) for match in self._checked() if match[3] == "complete"}

    def ready(self) -> dict[str, frozenset[str]]:
        """One that could not be unpacked is whole: it is told again, and sent again without what is there."""
        return {match[1]: frozenset({match[2]}) for match in self._checked() if match[4] == "true"}

    def _checked(self) -> list[re.Match[str]]:
        """It fails where one image can't be looked at, of whomever: the others are told all the same."""
        done = self._run("images", "check")
        if done.returncode and not done.stdout:
            raise self._failed("containerd does not tell its images.", done.stderr)
        return [match for line in done.stdout.splitlines() if (match := _CHECKED.fullmatch(line))]

    def kept(self) -> frozenset[str]:
        """What an image refers to. The rest, of loads that broke off, goes first."""
        if self.told:
            # Whatever is asked of a namespace that is not there makes it, and then nobody is warned any more.
            return frozenset()
        self._collect()
        lines = self._ask("content", "ls").splitlines()[1:]
        refers = {line.split()[0]: _REFERS.findall(line) for line in lines}
        found, ahead = set[str](), [match[2] for match in self._checked()]
        while ahead:
            digest = ahead.pop()
            if digest in refers and digest not in found:
                found.add(digest)
                ahead += refers[digest]
        return frozenset(found)

    def _collect(self) -> None:
        """Have it remove what nothing refers to; otherwise it does so while an import counts upon that.

        Where that fails, the import tells why.
        """
        name = f"sensei-{os.getpid()}"
        self._run("leases", "create", "--id", name, "--expires", "1m")
        self._run("leases", "delete", "--sync", name)

    def places(self) -> tuple[Path, ...]:
        """As it says: its root may be anywhere."""
        said = self._ask("plugins", "ls", "--detailed")
        snapshotter = os.environ.get(SNAPSHOTTER) or "overlayfs"
        wanted = ("content.v1", "content"), ("snapshotter.v1", snapshotter)
        parts = (match for text in said.split("Type:") if (match := _PLUGIN.match(text)))
        found = {(match[1], match[2]): Path(match[3]) for match in parts}
        # Of a new one its root alone may be there (2.1).
        places = [place if place.exists() else place.parent for item in wanted if (place := found.get(item))]
        return tuple(places) if len(places) == len(wanted) and all(place.exists() for place in places) else ()

    def take(self, source: int) -> None:
        done = self._run("images", "import", *self._local(), "-", stdin=source)
        if done.returncode:
            raise self._failed("containerd could not take an image.", done.stderr, _AGAIN)

    def _local(self) -> list[str]:
        """From 2.0 on only this way takes another snapshotter than that of containerd's settings."""
        other = os.environ.get(SNAPSHOTTER) and "--local" in self._ask("images", "import", "--help")
        return ["--local"] if other else []

    def _ask(self, *arguments: str) -> str:
        done = self._run(*arguments)
        if done.returncode:
            raise self._failed("containerd does not answer.", done.stderr)
        return done.stdout

    def _run(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self._command, *arguments], stdin=stdin, capture_output=True, text=True)

    def _failed(self, what: str, said: str, remedy: str = _RUNNING) -> NoRuntime:
        """With the last of its words."""
        why = " ".join(said.strip().splitlines()[-1:]).removeprefix("ctr: ")
        return NoRuntime(what, where=self._address, why=why, remedy=remedy)
