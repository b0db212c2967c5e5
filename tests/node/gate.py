"""The way in from outside: a socket made there, which is served in here.

`python -m tests.node up` makes the socket on the machine's loopback address and hands it into the namespaces. A connection
accepted on it belongs to the machine's network; what is connected in here belongs to the node's.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.node import apart, engine
from tests.node.engine import Node


@contextmanager
def listening() -> Iterator[tuple[int, int]]:
    """A socket outside: its port, and its number to be inherited."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.set_inheritable(True)
        yield server.getsockname()[1], server.fileno()


def serve(server: socket.socket, port: int) -> None:
    """Pass every connection on to a port in here."""
    while True:
        outside, _ = server.accept()
        inside = socket.create_connection(("127.0.0.1", port))
        for source, target in ((outside, inside), (inside, outside)):
            threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(1 << 16):
            target.sendall(block)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _outside(node: Node, port: int) -> Path:
    """A kubeconfig that leads through the gate."""
    found = node.admin.kubeconfig.read_text().replace(node.plane.url, f"https://127.0.0.1:{port}")
    path = node.directory / "kubeconfig"
    path.write_text(found)
    return path


def main(port: int, number: int) -> None:
    directory = apart.home()
    assert directory
    with engine.running_node(directory) as node:
        gate = socket.socket(fileno=number)
        inside = int(node.plane.url.rpartition(":")[2])
        threading.Thread(target=serve, args=(gate, inside), daemon=True).start()
        print(
            f"Kubernetes {node.plane.version}, one node\nkubeconfig {_outside(node, port)}\nCtrl+C ends it.", flush=True
        )
        ended = threading.Event()
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, lambda *_: ended.set())
        ended.wait()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
