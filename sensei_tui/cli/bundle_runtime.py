"""`sensei bundle load --to containerd|docker`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from sensei_tui.cli.bundle import keep_rest, sealed, waiting_for
from sensei_tui.cli.output import emit, note

if TYPE_CHECKING:
    from sensei_tui.bundle.opened import Bundle
    from sensei_tui.bundle.runtimes import Image, Runtime, Taken, Transfer

TARGETS = ("containerd", "docker")


def load_to(
    target: str, files: tuple[Path, ...], named: str, address: str, namespace: str, keys: Path | None,
    allow_unsigned: bool, keep: Path, output: str,
) -> None:  # fmt: skip
    """Images into a runtime of this machine, and proven to be there. `named`: HOST[/PREFIX] of their names there."""
    from sensei_tui.bundle.opened import Bundle
    from sensei_tui.bundle.runtimes import demand_names

    bundle = Bundle.open(*files, keep=waiting_for(f"{target} {address} {namespace}", keep))
    sealed(bundle, keys, allow_unsigned=allow_unsigned)
    began, runtime = time.monotonic(), _runtime(target, address, namespace)
    if runtime.told:
        note(f"warn: {runtime.told}")
    transfer, images = _transfer(bundle, runtime, named)
    tally = transfer.tally
    seconds = round(time.monotonic() - began, 1)
    answer = {
        "to": target,
        "images": tally.images,
        "imagesThere": tally.there,
        "sentBytes": tally.sent,
        "seconds": seconds,
    }
    loaded = f"{transfer.whole} of {tally.images} images are loaded"
    keep_rest(bundle.archive, transfer.lacks, loaded, answer, output)
    demand_names(images)
    emit(answer, _told(tally, target, seconds), output)


def _runtime(target: str, address: str, namespace: str) -> Runtime:
    if target == "containerd":
        from sensei_tui.bundle.into_containerd import Containerd

        return Containerd(address, namespace)
    from sensei_tui.bundle.into_engine import Engine

    return Engine()


def _transfer(bundle: Bundle, runtime: Runtime, named: str) -> tuple[Transfer, list[Image]]:
    """One that has run, and all that was asked of it."""
    from sensei_tui.base.text import bytes_si
    from sensei_tui.bundle.proof import expect_rest
    from sensei_tui.bundle.runtimes import Transfer, check_platform, images_of
    from sensei_tui.cli.meter import GOES_ON, Meter
    from sensei_tui.registry.reference import Place

    check_platform(bundle.contents, runtime.architecture)
    place = Place.parse(named) if named else None
    images = images_of(bundle.contents, bundle.documents, runtime, place)
    meter = Meter("load", resumes=GOES_ON)

    def needed(size: int) -> None:
        expect_rest(bundle.archive, transfer.lacks, note)
        note(f"{bytes_si(size)} are to be sent")
        meter.set(0, size)

    transfer = Transfer(bundle.archive, bundle.contents, images, runtime, meter.add, needed)
    with meter:
        transfer.run()
    return transfer, images


def _told(tally: Taken, target: str, seconds: float) -> str:
    from sensei_tui.base import clock
    from sensei_tui.base.text import bytes_si, plural

    where = "this node's containerd" if target == "containerd" else "the Docker engine"
    sent = f"{bytes_si(tally.sent)} sent, {plural(tally.there, 'image was', 'images were')} there"
    return f"{plural(tally.images, 'image')} proven to be in {where}: {sent}, in {clock.duration(seconds)}"
