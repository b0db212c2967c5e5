"""`sensei bundle load`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sensei_tui.cli.bundle import FILE, sealed, trust_options, trusted_keys
from sensei_tui.cli.install import SITE
from sensei_tui.cli.output import emit, note, output_option

if TYPE_CHECKING:
    from sensei_tui.bundle.archive import Archive
    from sensei_tui.bundle.contents import Contents
    from sensei_tui.bundle.load import Tally, Target
    from sensei_tui.bundle.oci import Document
    from sensei_tui.registry.client import Registry


@click.command()
@click.argument("file", type=FILE)
@click.option("--registry", "place", required=True, metavar="HOST[/PREFIX]", help="Where the images go.")
@click.option("--ca", type=FILE, help="Certificate of the authority that signed the registry's.")
@click.option("--plain-http", is_flag=True, help="The registry has no TLS.")
@click.option("--reread", is_flag=True, help="Read everything back afterwards and compare it.")
@SITE
@trust_options
@output_option
def load(
    file: Path, place: str, ca: Path | None, plain_http: bool, reread: bool, site: Path | None, trust: Path | None,
    allow_unsigned: bool, output: str,
) -> None:  # fmt: skip
    """Put a bundle's images into a registry, straight from the file. What is there already is not sent again.

    Logins are those of docker and podman (docker login). Every byte is compared with its checksum while it is sent.
    """
    from sensei_tui.bundle.archive import open_archive
    from sensei_tui.bundle.contents import read_contents
    from sensei_tui.bundle.load import target_of
    from sensei_tui.bundle.verify import documents, lacking
    from sensei_tui.registry.client import Registry
    from sensei_tui.registry.credentials import Keyring
    from sensei_tui.registry.reference import Place

    archive = open_archive(file)
    contents = read_contents(archive)
    sealed(archive, contents, trusted_keys(trust, site), allow_unsigned=allow_unsigned)
    found = documents(archive, contents)
    _refuse(file, list(lacking(archive, contents, found)))
    began = time.monotonic()
    with Registry(Place.parse(place), ca=ca, plain=plain_http, credentials=Keyring()) as registry:
        registry.ping()
        tally = _load([archive], contents, found, registry)
        targets = [target_of(item, registry.place) for item in contents.items]
        _prove(targets, found, registry, reread=reread)
    seconds = time.monotonic() - began
    answer = {"registry": place, "images": tally.images, "imagesThere": tally.images_there, "sentBytes": tally.sent,
              "thereBytes": tally.there, "seconds": round(seconds, 1), "reread": reread}  # fmt: skip
    emit(answer, _told(tally, place, seconds, reread), output)


def _refuse(file: Path, problems: Sequence[str]) -> None:
    from sensei_tui.bundle.errors import BadBundle

    if problems:
        raise BadBundle("The bundle is not whole.", where=str(file), why="; ".join(problems[:5]),
                        remedy="Copy it again from its source.")  # fmt: skip


def _load(
    archives: list[Archive], contents: Contents, documents: dict[str, Document], registry: Registry
) -> Tally:  # fmt: skip
    from sensei_tui.bundle.load import Loader
    from sensei_tui.cli.meter import Meter

    meter = Meter("load")
    loader = Loader(archives, contents, documents, registry, lambda tally: meter.set(tally.done, tally.total))
    try:
        return loader.run()
    finally:
        loader.stop.set()
        meter.end()


def _prove(targets: list[Target], documents: dict[str, Document], registry: Registry, *, reread: bool) -> None:
    """Every name is there with the bundle's content. Raises Incomplete, Lied."""
    from sensei_tui.bundle.load import Incomplete, absent
    from sensei_tui.bundle.load import reread as read_back
    from sensei_tui.cli.meter import Meter

    missing = list(absent(targets, registry))
    if missing:
        raise Incomplete("The registry does not have everything.", where=str(registry.place), why="; ".join(missing))
    if reread:
        note("reading everything back ...")
        meter = Meter("reread", sum({target.item.digest: target.item.size for target in targets}.values()))
        try:
            read_back(targets, documents, registry, meter.add)
        finally:
            meter.end()


def _told(tally: Tally, place: str, seconds: float, reread: bool) -> str:
    from sensei_tui.base import clock
    from sensei_tui.base.text import bytes_si, plural

    images = plural(tally.images, "image or artifact", "images and artifacts")
    sent = f"{bytes_si(tally.sent)} sent, {bytes_si(tally.there)} were there, in {clock.duration(seconds)}"
    back = ", and read back" if reread else ""
    return f"{images} proven to be in {place}{back}: {sent}"
