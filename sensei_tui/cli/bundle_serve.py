"""`sensei bundle serve`."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

from sensei_tui.cli.bundle import FILE, FILES, sealed, trust_options, trusted_keys
from sensei_tui.cli.install import SITE
from sensei_tui.cli.output import emit, note, output_option

if TYPE_CHECKING:
    from sensei_tui.bundle.contents import Contents
    from sensei_tui.bundle.serve import Server, Shelf

EVERYWHERE = ("0.0.0.0", "::")
ENDS = (signal.SIGINT, signal.SIGTERM)


@click.command()
@FILES
@click.option("--listen", required=True, metavar="HOST:PORT", help="For example 0.0.0.0:5000.")
@click.option("--tls-cert", type=FILE, help="Certificate with its chain, PEM.")
@click.option("--tls-key", type=FILE, help="Its key, PEM.")
@SITE
@trust_options
@output_option
def serve(
    files: tuple[Path, ...], listen: str, tls_cert: Path | None, tls_key: Path | None, site: Path | None,
    trust: Path | None, allow_unsigned: bool, output: str,
) -> None:  # fmt: skip
    """The bundle itself as a registry that can only be read, straight from the file, until Ctrl-C.

    Prints what containerd needs to take the images from here. Clients compare every blob with its digest.
    """
    from sensei_tui.bundle.serve import Server

    address, tls = _address(listen), _pair(tls_cert, tls_key)
    what, contents = _opened(files, trusted_keys(trust, site), allow_unsigned=allow_unsigned)
    with Server(address, what, tls, note) as server, _ended_by_signals(server):
        told = _told(server, contents, address[0], sorted(what.repositories))
        emit(told, _lines(told), output)
        server.serve_forever()
    note("No longer served.")


def _opened(files: tuple[Path, ...], keys: Path | None, *, allow_unsigned: bool) -> tuple[Shelf, Contents]:
    from sensei_tui.bundle.opened import Bundle
    from sensei_tui.bundle.serve import shelf

    bundle = Bundle.open(*files)
    sealed(bundle, keys, allow_unsigned=allow_unsigned)
    for item in bundle.missing:
        note(f"missing: {item}")
    if left := bundle.contents.left_out:
        note(f"warn: it leaves out {left}: it is no registry by itself; load both into one, or serve a whole bundle")
    return shelf(bundle.archive, bundle.contents, bundle.documents), bundle.contents


def _address(text: str) -> tuple[str, int]:
    from sensei_tui.base.errors import UsageError

    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not port.isascii() or int(port) > 65535:
        raise UsageError("That is no address.", where=text[:80], remedy="Write HOST:PORT, for example 0.0.0.0:5000.")
    return host.strip("[]"), int(port)


def _pair(certificate: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    from sensei_tui.base.errors import UsageError

    if (certificate is None) != (key is None):
        raise UsageError("A certificate needs its key.", remedy="Name both: --tls-cert F --tls-key F, or none of them.")
    return (certificate, key) if certificate and key else None


def _told(server: Server, contents: Contents, host: str, repositories: list[str]) -> dict[str, Any]:
    from sensei_tui.bundle.serve import containerd

    name = socket.gethostname() if host in EVERYWHERE else f"[{host}]" if ":" in host else host
    address = f"{'https' if server.context else 'http'}://{name}:{server.port}"
    ca = "/etc/containerd/certs.d/sensei-bundle-ca.crt" if server.context else ""
    return {"version": contents.version, "leftOut": contents.left_out, "address": address, "repositories": repositories,
            "containerd": containerd(contents, address, ca=ca)}  # fmt: skip


def _lines(told: dict[str, Any]) -> list[str]:
    count = len(told["repositories"])
    lines = [f"version {told['version']}: {count} repositories at {told['address']}, to be read only", ""]
    for path, text in told["containerd"].items():
        lines += [f"# {path}", *text.splitlines(), ""]
    return [*lines, '# containerd\'s config.toml needs config_path = "/etc/containerd/certs.d"; Ctrl-C ends this.']


@contextmanager
def _ended_by_signals(server: Server) -> Iterator[None]:
    """Ctrl-C and SIGTERM end it. No exception is raised for them: it could come in the middle of anything."""
    before = {number: signal.signal(number, lambda *_: Thread(target=server.shutdown).start()) for number in ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
