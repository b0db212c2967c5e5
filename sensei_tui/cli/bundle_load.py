"""`sensei bundle load`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensei_tui.cli.bundle import FILE, FILES_OR_NONE, keep_rest, sealed, trust_options, trusted_keys, waiting_for
from sensei_tui.cli.bundle_runtime import TARGETS, load_to
from sensei_tui.cli.install import carry_out, open_site, run_options
from sensei_tui.cli.output import emit, note

if TYPE_CHECKING:
    from sensei_tui.bundle.load import Loader, Tally
    from sensei_tui.bundle.oci import Document
    from sensei_tui.bundle.opened import Bundle
    from sensei_tui.registry.client import Registry

ADDRESS, NAMESPACE = "/run/containerd/containerd.sock", "k8s.io"
"""containerd's own, and the kubelet's: https://github.com/containerd/containerd/blob/main/docs/cri/architecture.md."""
KEEP = "~/.local/state/sensei/volumes"
"""Where parts of large blobs wait for other media: user data that should outlive a restart (XDG_STATE_HOME)."""

MODES = {
    "run": "a run that loads the site's bundle (no FILE)", "registry": "a load of FILE into a registry",
    "containerd": "--to containerd", "docker": "--to docker",
}  # fmt: skip
FOR = {
    "plan_only": ("--plan-only", ("run",)), "detach": ("--detach", ("run",)), "timeout": ("--timeout", ("run",)),
    "place": ("--registry", ("registry",)), "ca": ("--ca", ("registry",)),
    "plain_http": ("--plain-http", ("registry",)), "reread": ("--reread", ("registry",)),
    "trust": ("--trust", ("registry", "containerd", "docker")),
    "allow_unsigned": ("--allow-unsigned", ("registry", "containerd", "docker")),
    "keep": ("--keep", ("registry", "containerd", "docker")),
    "named": ("--as", ("containerd", "docker")), "address": ("--address", ("containerd",)),
    "namespace": ("--namespace", ("containerd",)),
}  # fmt: skip
"""Options, and what they are for."""


@click.command()
@FILES_OR_NONE
@click.option("--registry", "place", metavar="HOST[/PREFIX]", help="Where the images go.")
@click.option("--ca", type=FILE, help="Certificate of the authority that signed the registry's.")
@click.option("--plain-http", is_flag=True, help="The registry has no TLS.")
@click.option("--to", type=click.Choice(TARGETS), help="Images into this machine's runtime, without a registry.")
@click.option("--as", "named", metavar="HOST[/PREFIX]", help="With --to: what the images' names begin with there.")
@click.option("--address", help=f"With --to containerd: its socket (default {ADDRESS}).")
@click.option("--namespace", help=f"With --to containerd: its namespace (default {NAMESPACE}).")
@click.option("--keep", type=FILE, help=f"Of volumes: where parts wait for those on other media (default {KEEP}).")
@click.option("--reread", is_flag=True, help="Read everything back afterwards and compare it.")
@trust_options
@run_options
def load(
    files: tuple[Path, ...], place: str | None, ca: Path | None, plain_http: bool, to: str | None, named: str | None,
    address: str | None, namespace: str | None, keep: Path | None, reread: bool, trust: Path | None,
    allow_unsigned: bool, site: Path | None, output: str, plan_only: bool, detach: bool, plain: bool, yes: bool,
    timeout: float | None,
) -> None:  # fmt: skip
    """Put a bundle's images into a registry, straight from the file. What is there already is not sent again.

    Volumes are taken in any order, one medium at a time: what is missing is told (exit code 1), and a later call with
    the others goes on. What a volume has of a blob that lies on several is kept in --keep until the last of them comes.
    Without FILE: the site's bundle into the site's registry, as a run that outlives the terminal. Logins are those of
    docker and podman (docker login). Every byte is compared with its checksum while it is sent.
    With --to containerd: the images alone into the containerd of this node; do it on every node. --to docker is the
    last resort: an engine gives images other digests.
    """
    from sensei_tui.base.errors import UsageError

    mode = to or ("registry" if files or place else "run")
    _refuse_strangers(mode)
    if mode != "run" and not files:
        raise UsageError(
            "Name the bundle.", remedy="sensei bundle load FILE ...; without any option: the site's bundle"
        )
    if to:
        load_to(to, files, named or "", address or ADDRESS, namespace or NAMESPACE, trusted_keys(trust, site),
                allow_unsigned, keep or kept_at(), output)  # fmt: skip
        return
    if not files:
        from sensei_tui.deploy.loading import plan_load

        found = open_site(site)
        carry_out(found, plan_load(found), output, plan_only=plan_only, detach=detach, yes=yes)
        return
    if not place:
        raise UsageError("Name the registry.", remedy="sensei bundle load FILE --registry HOST[/PREFIX]")
    _direct(files, place, ca, plain_http, keep or kept_at(), reread, trusted_keys(trust, site), allow_unsigned, output)


def kept_at() -> Path:
    """Where parts of volumes wait when nothing else is said."""
    state = os.environ.get("XDG_STATE_HOME")
    return Path(state) / "sensei" / "volumes" if state else Path(KEEP).expanduser()


def _refuse_strangers(mode: str) -> None:
    """Options that would do nothing. Raises UsageError."""
    from click.core import ParameterSource

    from sensei_tui.base.errors import UsageError

    context = click.get_current_context()
    for name, (option, modes) in FOR.items():
        if mode not in modes and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            why = f"it is for {', or '.join(MODES[item] for item in modes)}"
            raise UsageError(f"{option} does not go with {MODES[mode]}.", why=why, remedy="sensei bundle load --help")


def _direct(
    files: tuple[Path, ...], place: str, ca: Path | None, plain_http: bool, keep: Path, reread: bool,
    keys: Path | None, allow_unsigned: bool, output: str,
) -> None:  # fmt: skip
    from sensei_tui.bundle.opened import Bundle
    from sensei_tui.bundle.proof import reach
    from sensei_tui.registry.client import Registry
    from sensei_tui.registry.credentials import Keyring
    from sensei_tui.registry.reference import Place

    bundle = Bundle.open(*files, keep=waiting_for(str(Place.parse(place)), keep))
    sealed(bundle, keys, allow_unsigned=allow_unsigned)
    began = time.monotonic()
    with Registry(Place.parse(place), ca=ca, plain=plain_http, credentials=Keyring()) as registry:
        reach(registry, note)
        loader = _load(bundle, registry)
        tally = loader.tally
        _prove(loader, bundle.documents, registry, reread=reread)
    seconds = time.monotonic() - began
    answer = {"registry": place, "images": tally.images, "imagesThere": tally.images_there, "sentBytes": tally.sent,
              "thereBytes": tally.there, "seconds": round(seconds, 1), "reread": reread}  # fmt: skip
    loaded = f"{len(loader.whole)} of {tally.images} images and artifacts are loaded"
    keep_rest(bundle.archive, loader.lacking, loaded, answer, output)
    emit(answer, _told(tally, place, seconds, reread), output)


def _load(bundle: Bundle, registry: Registry) -> Loader:
    """One that has run."""
    from sensei_tui.bundle.load import Loader, need
    from sensei_tui.bundle.proof import expect_rest
    from sensei_tui.cli.meter import GOES_ON, Meter

    meter = Meter("load", resumes=GOES_ON)
    told = lambda tally: meter.set(tally.sent, tally.total - tally.there, tally.waits)  # noqa: E731

    def looked(tally: Tally) -> None:
        expect_rest(bundle.archive, loader.lacking, note)
        note(need(tally))

    loader = Loader(bundle.archive, bundle.contents, bundle.documents, registry, told, on_need=looked)
    with meter:
        try:
            loader.run()
        finally:
            loader.stop.set()
    return loader


def _prove(loader: Loader, documents: dict[str, Document], registry: Registry, *, reread: bool) -> None:
    """Every name is there with the bundle's content; what had it before was asked for. Raises Incomplete, Lied."""
    from sensei_tui.bundle.load import Incomplete
    from sensei_tui.bundle.proof import absent
    from sensei_tui.bundle.proof import reread as read_back
    from sensei_tui.cli.meter import Meter

    missing = list(absent(loader.named, registry))
    if missing:
        raise Incomplete("The registry does not have everything.", where=str(registry.place), why="; ".join(missing))
    if reread:
        note("reading everything back ...")
        size = sum({target.item.digest: target.item.size for target in loader.whole}.values())
        with Meter("reread", size) as meter:
            read_back(loader.whole, documents, registry, meter.add)


def _told(tally: Tally, place: str, seconds: float, reread: bool) -> str:
    from sensei_tui.base import clock
    from sensei_tui.base.text import bytes_si, plural

    images = plural(tally.images, "image or artifact", "images and artifacts")
    sent = f"{bytes_si(tally.sent)} sent, {bytes_si(tally.there)} were there, in {clock.duration(seconds)}"
    back = ", and read back" if reread else ""
    return f"{images} proven to be in {place}{back}: {sent}"
